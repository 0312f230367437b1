/**
 * The one table of options. A row is all there is to an option: flag, variable, default, unit, help, what reads its
 * value, and its place in Config. The parser of the command line, `--help`, the types of Config, the man page, the
 * completions and `assets/default` follow from it.
 *
 * @module
 */

import { RUNTIME_FILES } from "../system/runtime_folder.ts";
import { LOG_FORMATS, LOG_LEVELS } from "../telemetry/log.ts";
import { parseDurationMs, parseTimeoutMs } from "./duration.ts";
import { REQUIRE_TOKEN, SOURCE_NAMES, SWITCH } from "./words.ts";
import { parseLogLevel, parseRequireToken, parseSources, parseSwitch, parseWord } from "./words.ts";
import {
  countFrom,
  optional,
  parseAddress,
  parseAdminAddress,
  parseCidrs,
  parseHosts,
  parseInterfaceName,
  parseListenAddress,
  parsePath,
  sizeFrom,
} from "./value.ts";

/** One option. Its variable is `MDPROXY4CS_` and the flag in capitals. */
export interface Option<Value = unknown> {
  /** The heading it stands under. */
  readonly group: "Service" | "Discovery" | "Proxy" | "Access" | "Log";
  /** The long flag, without dashes. */
  readonly flag: string;
  /** What stands for the value in help. */
  readonly unit: string;
  /** The values, where they can be listed. */
  readonly words?: readonly string[];
  /** The text that the flag stands for when nothing is behind it, which makes it a switch. */
  readonly bare?: string;
  /** The text used when neither flag, environment nor file give one. */
  readonly default: string;
  /** One line, lower case, no full stop. */
  readonly help: string;
  /**
   * Reads the value.
   *
   * @param text without blanks around it
   * @param warn takes a clause about a value that is used otherwise than it was meant
   * @throws {TypeError} If the text cannot be used; the message is a clause that says what would be right.
   */
  readonly parse: (text: string, warn: (clause: string) => void) => Value;
  /** Where Config has the value: slice and name. */
  readonly place: `${string}.${string}`;
  /** Where Config says whether an operator chose the value, for whoever treats a default otherwise. */
  readonly chosen?: `${string}.${string}`;
}

/** Every option, in the order in which help shows them. */
export const OPTIONS = [
  {
    group: "Service",
    flag: "http-listen",
    unit: "ADDRESS:PORT",
    default: "169.254.169.254:39724",
    help: "where to serve metadata; link-local or loopback only",
    parse: parseListenAddress,
    place: "proxy.listen",
  },
  {
    group: "Service",
    flag: "admin-listen",
    unit: "ADDRESS:PORT",
    default: "",
    help: "where to serve /metrics, /healthz, /readyz and /status; loopback only, empty is off",
    parse: optional(parseAdminAddress),
    place: "admin.listen",
  },
  {
    group: "Service",
    flag: "config-drive",
    unit: "PATH",
    default: RUNTIME_FILES.configDrive,
    help: "the folder that holds a copy of the config drive; none if the flag is empty",
    parse: optional(parsePath),
    place: "drive.folder",
  },
  {
    group: "Service",
    flag: "password-service",
    unit: "yes|no",
    words: SWITCH,
    bare: "yes",
    default: "no",
    help: "pass requests for the VM's password (DomU_Request) to the router's password service",
    parse: parseSwitch,
    place: "proxy.passwordService",
  },
  {
    group: "Discovery",
    flag: "iname",
    unit: "NAME",
    default: "eth0",
    help: 'the interface to search on; "auto" takes every Ethernet interface, the default route\'s first',
    parse: parseInterfaceName,
    place: "discovery.iname",
    chosen: "discovery.isInameChosen",
  },
  {
    group: "Discovery",
    flag: "discovery",
    unit: "SOURCE[,SOURCE]",
    words: SOURCE_NAMES,
    default: SOURCE_NAMES.join(","),
    help: "the sources that may name a router, in order of trust",
    parse: parseSources,
    place: "discovery.sources",
  },
  {
    group: "Discovery",
    flag: "server",
    unit: "ADDRESS",
    default: "",
    help: "a fixed router address to try first",
    parse: optional(parseAddress),
    place: "discovery.server",
  },
  {
    group: "Discovery",
    flag: "allow-server",
    unit: "CIDR[,CIDR]",
    default: "",
    help: "the only addresses a router may have; empty is any",
    parse: parseCidrs,
    place: "discovery.allowServer",
  },
  {
    group: "Discovery",
    flag: "identity",
    unit: "pinned|any",
    words: ["pinned", "any"],
    default: "pinned",
    help: "whether a router must serve the instance-id that was seen first, or may serve any",
    parse: parseWord(["pinned", "any"]),
    place: "discovery.identity",
  },
  {
    group: "Discovery",
    flag: "discovery-timeout",
    unit: "DURATION",
    default: "10s",
    help: "how long one search may take",
    parse: parseTimeoutMs,
    place: "discovery.timeoutMs",
  },
  {
    group: "Discovery",
    flag: "confirm-interval",
    unit: "DURATION",
    default: "2m",
    help: "how often a known router is asked whether it is still there; 0 is never",
    parse: parseDurationMs,
    place: "discovery.confirmIntervalMs",
  },
  {
    group: "Proxy",
    flag: "connect-timeout",
    unit: "DURATION",
    default: "3s",
    help: "how long the router may take to accept a connection",
    parse: parseTimeoutMs,
    place: "proxy.connectTimeoutMs",
  },
  {
    group: "Proxy",
    flag: "response-timeout",
    unit: "DURATION",
    default: "10s",
    help: "how long the router may take to begin its answer",
    parse: parseTimeoutMs,
    place: "proxy.responseTimeoutMs",
  },
  {
    group: "Proxy",
    flag: "idle-timeout",
    unit: "DURATION",
    default: "30s",
    help: "how long a body may stand still, and a client may take to send its request",
    parse: parseTimeoutMs,
    place: "proxy.idleTimeoutMs",
  },
  {
    group: "Proxy",
    flag: "request-timeout",
    unit: "DURATION",
    default: "15s",
    help: "how long a request may wait for its answer to begin, searches and retries included",
    parse: parseTimeoutMs,
    place: "proxy.requestTimeoutMs",
  },
  {
    group: "Proxy",
    flag: "transfer-timeout",
    unit: "DURATION",
    default: "10m",
    help: "how long a request may take as a whole",
    parse: parseTimeoutMs,
    place: "proxy.transferTimeoutMs",
  },
  {
    group: "Proxy",
    flag: "max-connections",
    unit: "COUNT",
    default: "512",
    help: "how many connections clients may have at once; for one more, the one idle for longest is closed",
    parse: countFrom(1, { to: 2048 }),
    place: "proxy.maxConnections",
  },
  {
    group: "Proxy",
    flag: "max-requests",
    unit: "COUNT",
    default: "64",
    help: "how many requests are served at once, besides those whose answer is stored; more get 503",
    parse: countFrom(1, { to: 160 }),
    place: "proxy.maxRequests",
  },
  {
    group: "Proxy",
    flag: "max-url",
    unit: "SIZE",
    default: "8k",
    help: "the longest URL a client may ask for",
    parse: sizeFrom(256, { to: 64 * 1024 }),
    place: "proxy.maxUrlBytes",
  },
  {
    group: "Proxy",
    flag: "max-header",
    unit: "SIZE",
    default: "16k",
    help: "the most header bytes a client may send or the router may answer with",
    parse: sizeFrom(256, { to: 64 * 1024 }),
    place: "proxy.maxHeaderBytes",
  },
  {
    group: "Proxy",
    flag: "cache-ttl",
    unit: "DURATION",
    default: "5s",
    help: "how long an answer under /latest/ may be reused; 0 is off",
    parse: parseDurationMs,
    place: "proxy.cacheTtlMs",
  },
  {
    group: "Proxy",
    flag: "cache-size",
    unit: "SIZE",
    default: "2m",
    help: "how much memory stored answers may take",
    parse: sizeFrom(0, { to: 16 * 1024 ** 2 }),
    place: "proxy.cacheBytes",
  },
  {
    group: "Proxy",
    flag: "stale-if-error",
    unit: "DURATION",
    default: "1h",
    help: "how long the last good answer may stand in while no router can be reached; 0 is off",
    parse: parseDurationMs,
    place: "proxy.staleIfErrorMs",
  },
  {
    group: "Access",
    flag: "allow-host",
    unit: "NAME[,NAME]",
    default: "",
    help: "names that a request's Host may carry besides the listen address and loopback",
    parse: parseHosts,
    place: "proxy.allowHosts",
  },
  {
    group: "Access",
    flag: "allow-client",
    unit: "CIDR[,CIDR]",
    default: "",
    help: "clients that may ask besides this machine itself, such as containers on it",
    parse: parseCidrs,
    place: "proxy.allowClients",
  },
  {
    group: "Access",
    flag: "require-token",
    unit: "no|optional|yes",
    words: REQUIRE_TOKEN,
    bare: "yes",
    default: "optional",
    help: "whether session tokens (PUT /latest/api/token) are not issued, honoured if sent, or required",
    parse: parseRequireToken,
    place: "proxy.requireToken",
  },
  {
    group: "Log",
    flag: "log-level",
    unit: "LEVEL",
    words: LOG_LEVELS,
    default: "info",
    help: "debug, info, warn or error",
    parse: parseLogLevel,
    place: "log.level",
  },
  {
    group: "Log",
    flag: "log-format",
    unit: "FORMAT",
    words: LOG_FORMATS,
    default: "text",
    help: "text or json",
    parse: parseWord(LOG_FORMATS),
    place: "log.format",
  },
  {
    group: "Log",
    flag: "log-file",
    unit: "PATH",
    default: "-",
    help: 'where to log, below /var/log or /var/vcap/sys/log; "-" is standard output',
    parse: (text: string) => text || "-",
    place: "log.file",
  },
] as const satisfies readonly Option[];

/** The flag of an option. */
export type Flag = typeof OPTIONS[number]["flag"];

/** The environment variable of an option. */
export function variableOf(flag: string): string {
  return `MDPROXY4CS_${flag.toUpperCase().replaceAll("-", "_")}`;
}
