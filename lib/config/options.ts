/**
 * The one table of options: flag, variable, default, help. The parser, `--help`, the man page, the completions, the
 * README's table and the test of `assets/default` are all read from it.
 *
 * @module
 */

/** One option. Its variable is `MDPROXY4CS_` and the flag in capitals. */
export interface Option {
  /** The long flag, without dashes. */
  readonly flag: string;
  /** What stands for the value in help; `undefined` for a switch. */
  readonly placeholder?: string;
  /** The text used when neither flag, environment nor file give one. */
  readonly default: string;
  /** One line, lower case, no full stop. */
  readonly help: string;
  /** The heading it stands under. */
  readonly group: "Service" | "Discovery" | "Proxy" | "Access" | "Log";
}

/** The flags without a variable: they say what to do, not how. */
export const PLAIN_FLAGS: readonly Pick<Option, "flag" | "placeholder" | "help">[] = [
  { flag: "help", help: "show this text" },
  { flag: "version", help: "show name, version, commit, Deno version and platform" },
  {
    flag: "env-file",
    placeholder: "PATH",
    help: "read variables from a file; the environment beats it, a flag beats both",
  },
  { flag: "json", help: 'with "discover": print JSON' },
];

/** The sources of a router's address, in the order that is best on real networks (see ARCHITECTURE). */
export const SOURCE_NAMES = [
  "server",
  "dhcp",
  "networkd",
  "dhclient",
  "network_manager",
  "dhcpcd",
  "dns",
  "gateway",
] as const;
export type SourceName = typeof SOURCE_NAMES[number];

/** Every option that has a variable, in the order in which help shows them. */
export const OPTIONS = [
  {
    group: "Service",
    flag: "http-listen",
    placeholder: "ADDRESS:PORT",
    default: "169.254.169.254:39724",
    help: "where to serve metadata; link-local or loopback only",
  },
  {
    group: "Service",
    flag: "admin-listen",
    placeholder: "ADDRESS:PORT",
    default: "",
    help: "where to serve /metrics, /healthz, /readyz and /status; loopback only, empty is off",
  },
  {
    group: "Discovery",
    flag: "iname",
    placeholder: "NAME",
    default: "eth0",
    help: 'the interface to search on; "auto" takes every Ethernet interface, the default route\'s first',
  },
  {
    group: "Discovery",
    flag: "discovery",
    placeholder: "SOURCE[,SOURCE]",
    default: SOURCE_NAMES.join(","),
    help: "the sources that may name a router, in order of trust",
  },
  {
    group: "Discovery",
    flag: "server",
    placeholder: "ADDRESS",
    default: "",
    help: "a fixed router address to try first",
  },
  {
    group: "Discovery",
    flag: "allow-server",
    placeholder: "CIDR[,CIDR]",
    default: "",
    help: "the only addresses a router may have; empty is any",
  },
  {
    group: "Discovery",
    flag: "discovery-timeout",
    placeholder: "DURATION",
    default: "10s",
    help: "how long one search may take",
  },
  {
    group: "Discovery",
    flag: "confirm-interval",
    placeholder: "DURATION",
    default: "2m",
    help: "how often a known router is asked whether it is still there; 0 is never",
  },
  {
    group: "Proxy",
    flag: "connect-timeout",
    placeholder: "DURATION",
    default: "3s",
    help: "how long the router may take to accept a connection",
  },
  {
    group: "Proxy",
    flag: "response-timeout",
    placeholder: "DURATION",
    default: "10s",
    help: "how long the router may take to begin its answer",
  },
  {
    group: "Proxy",
    flag: "idle-timeout",
    placeholder: "DURATION",
    default: "30s",
    help: "how long a body may stand still, and a client may take over its request",
  },
  {
    group: "Proxy",
    flag: "request-timeout",
    placeholder: "DURATION",
    default: "15s",
    help: "how long a request may wait for its answer to begin, searches and retries included",
  },
  {
    group: "Proxy",
    flag: "transfer-timeout",
    placeholder: "DURATION",
    default: "10m",
    help: "how long a request may take as a whole",
  },
  {
    group: "Proxy",
    flag: "max-requests",
    placeholder: "COUNT",
    default: "256",
    help: "how many requests are served at once; more get 503",
  },
  {
    group: "Proxy",
    flag: "max-url",
    placeholder: "SIZE",
    default: "8k",
    help: "the longest URL a client may ask for",
  },
  {
    group: "Proxy",
    flag: "max-header",
    placeholder: "SIZE",
    default: "16k",
    help: "the most header bytes a client may send or the router may answer with",
  },
  {
    group: "Proxy",
    flag: "cache-ttl",
    placeholder: "DURATION",
    default: "5s",
    help: "how long an answer under /latest/ may be reused; 0 is off",
  },
  {
    group: "Proxy",
    flag: "cache-size",
    placeholder: "SIZE",
    default: "2m",
    help: "how much memory kept answers may take",
  },
  {
    group: "Proxy",
    flag: "stale-if-error",
    placeholder: "DURATION",
    default: "1h",
    help: "how long the last good answer may stand in while no router can be reached; 0 is off",
  },
  {
    group: "Access",
    flag: "allow-host",
    placeholder: "NAME[,NAME]",
    default: "",
    help: "names that a request's Host may carry besides the listen address and loopback",
  },
  {
    group: "Access",
    flag: "allow-client",
    placeholder: "CIDR[,CIDR]",
    default: "",
    help: "clients that may ask besides this machine itself, such as containers on it",
  },
  {
    group: "Access",
    flag: "require-token",
    default: "false",
    help: "answer only requests that carry a session token from PUT /latest/api/token",
  },
  {
    group: "Log",
    flag: "log-level",
    placeholder: "LEVEL",
    default: "info",
    help: "debug, info, warn or error",
  },
  {
    group: "Log",
    flag: "log-format",
    placeholder: "FORMAT",
    default: "text",
    help: "text or json",
  },
  {
    group: "Log",
    flag: "log-file",
    placeholder: "PATH",
    default: "-",
    help: 'where to log; "-" is standard output',
  },
] as const satisfies readonly Option[];

/** The flag of an option. */
export type Flag = typeof OPTIONS[number]["flag"];

/** The environment variable of an option. */
export function variableOf(flag: string): string {
  return `MDPROXY4CS_${flag.toUpperCase().replaceAll("-", "_")}`;
}
