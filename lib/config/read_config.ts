/**
 * Lays flags over environment over env file over defaults, and validates the outcome once into a frozen Config.
 *
 * @module
 */

import { parse as parseEnv } from "@std/dotenv/parse";
import { isLinkLocal } from "../ipv4/ipv4.ts";
import type { LogLevel } from "../telemetry/log.ts";
import { LOG_LEVELS } from "../telemetry/log.ts";
import type { Config } from "./config.ts";
import { ConfigError } from "./config_error.ts";
import type { Flag, SourceName } from "./options.ts";
import { OPTIONS, SOURCE_NAMES, variableOf } from "./options.ts";
import {
  parseAddress,
  parseCidrs,
  parseCount,
  parseDurationMs,
  parseList,
  parseListenAddress,
  parseSizeBytes,
  parseSwitch,
} from "./value.ts";

/** The texts that options were given, by where they came from. */
export interface Layers {
  /** From the command line. */
  readonly flags: ReadonlyMap<Flag, string>;
  /** Reads an environment variable. */
  readonly environment: (variable: string) => string | undefined;
  /** The env file, where one was named. */
  readonly file?: { readonly path: string; readonly text: string } | undefined;
}

/** A text and how the user would name the place it came from. */
interface Given {
  readonly text: string;
  /** `--iname`, or `MDPROXY4CS_INAME`, or `MDPROXY4CS_INAME in /etc/default/mdproxy4cs`. */
  readonly option: string;
}

/**
 * Validates everything the program was told. An empty variable counts as not set.
 *
 * @throws {ConfigError} If a value cannot be used; the message names the option, the value and what would be right.
 */
export function readConfig({ flags, environment, file }: Layers): Config {
  const fromFile = file === undefined ? {} : parseEnv(file.text);
  const warnings = unknownVariables(fromFile).map((name) =>
    `ignoring ${name} in ${file!.path}: there is no such option`
  );

  const given = (flag: Flag): Given => {
    const variable = variableOf(flag);
    const layers = [
      { text: flags.get(flag), option: `--${flag}` },
      { text: environment(variable) || undefined, option: variable },
      { text: fromFile[variable] || undefined, option: `${variable} in ${file?.path}` },
    ];
    const found = layers.find((layer): layer is Given => layer.text !== undefined);
    return found ?? { text: OPTIONS.find((option) => option.flag === flag)!.default, option: `--${flag}` };
  };
  const read = <T>(flag: Flag, parse: (text: string) => T): T => {
    const { text, option } = given(flag);
    try {
      return parse(text.trim());
    } catch (cause) {
      throw new ConfigError(`${option}: "${text}" ${(cause as Error).message}`, { option, value: text, cause });
    }
  };
  const optional = <T>(parse: (text: string) => T) => (text: string) => text === "" ? undefined : parse(text);

  const level = given("log-level");
  const knownLevel = LOG_LEVELS.find((known) => known === level.text.toLowerCase());
  // A typing error in how much is logged must not keep a VM from booting.
  if (knownLevel === undefined) {
    warnings.push(`${level.option}: "${level.text}" must be one of ${LOG_LEVELS.join(", ")}; using info`);
  }

  return deepFreeze({
    discovery: {
      iname: read("iname", parseInterfaceName),
      sources: read("discovery", parseSources),
      server: read("server", optional(parseAddress)),
      allowServer: read("allow-server", parseCidrs),
      timeoutMs: read("discovery-timeout", parseTimeoutMs),
      confirmIntervalMs: read("confirm-interval", parseDurationMs),
    },
    proxy: {
      listen: read("http-listen", parseListenAddress),
      connectTimeoutMs: read("connect-timeout", parseTimeoutMs),
      responseTimeoutMs: read("response-timeout", parseTimeoutMs),
      idleTimeoutMs: read("idle-timeout", parseTimeoutMs),
      requestTimeoutMs: read("request-timeout", parseTimeoutMs),
      transferTimeoutMs: read("transfer-timeout", parseTimeoutMs),
      maxRequests: read("max-requests", parseCount),
      maxUrlBytes: read("max-url", parseLimitBytes),
      maxHeaderBytes: read("max-header", parseLimitBytes),
      cacheTtlMs: read("cache-ttl", parseDurationMs),
      cacheBytes: read("cache-size", parseSizeBytes),
      staleIfErrorMs: read("stale-if-error", parseDurationMs),
      allowHosts: read("allow-host", (text) => parseList(text.toLowerCase())),
      allowClients: read("allow-client", parseCidrs),
      requireToken: read("require-token", parseSwitch),
    },
    admin: read("admin-listen", optional(parseAdminAddress)),
    log: {
      level: knownLevel ?? "info" satisfies LogLevel,
      format: read("log-format", parseLogFormat),
      file: given("log-file").text,
    },
    warnings,
  });
}

function unknownVariables(fromFile: Readonly<Record<string, string>>): string[] {
  const known = new Set(OPTIONS.map((option) => variableOf(option.flag)));
  return Object.keys(fromFile).filter((name) => name.startsWith("MDPROXY4CS_") && !known.has(name));
}

function parseInterfaceName(text: string): string {
  // IFNAMSIZ is 16 with the final NUL; the kernel refuses slashes, colons and blanks.
  if (!/^[^\s/:]{1,15}$/.test(text)) throw new TypeError('must be an interface name such as eth0, or "auto"');
  return text;
}

function parseSources(text: string): SourceName[] {
  const names = parseList(text);
  const isSource = (name: string): name is SourceName => (SOURCE_NAMES as readonly string[]).includes(name);
  if (names.length === 0 || !names.every(isSource)) {
    throw new TypeError(`must be one or more of ${SOURCE_NAMES.join(", ")}`);
  }
  return [...new Set(names)];
}

function parseTimeoutMs(text: string): number {
  const timeoutMs = parseDurationMs(text);
  if (timeoutMs === 0) throw new TypeError("must be longer than 0");
  return timeoutMs;
}

function parseLimitBytes(text: string): number {
  const bytes = parseSizeBytes(text);
  if (bytes < 256 || bytes > 65_536) throw new TypeError("must be from 256 to 64k");
  return bytes;
}

function parseAdminAddress(text: string) {
  const listen = parseListenAddress(text);
  if (isLinkLocal(listen.hostname)) throw new TypeError("must be on loopback, such as 127.0.0.1:39725");
  return listen;
}

function parseLogFormat(text: string): "text" | "json" {
  if (text !== "text" && text !== "json") throw new TypeError("must be text or json");
  return text;
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) {
    if (typeof part === "object" && part !== null) deepFreeze(part);
  }
  return Object.freeze(value);
}
