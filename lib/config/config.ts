/**
 * What the program was told, validated and frozen: one slice for each part.
 *
 * @module
 */

import type { Cidr } from "../ipv4/ipv4.ts";
import type { LogFormat, LogLevel } from "../telemetry/log.ts";
import type { SourceName } from "./options.ts";
import type { ListenAddress } from "./value.ts";

/** What discovery needs to know. */
export interface DiscoveryConfig {
  /** An interface name, or `auto`. */
  readonly iname: string;
  /** The sources to ask, most trusted first. */
  readonly sources: readonly SourceName[];
  /** A fixed address for the source `server`. */
  readonly server: string | undefined;
  /** The only ranges a router may be in; empty allows any. */
  readonly allowServer: readonly Cidr[];
  readonly timeoutMs: number;
  /** 0 is never. */
  readonly confirmIntervalMs: number;
}

/** What the proxy needs to know. */
export interface ProxyConfig {
  readonly listen: ListenAddress;
  readonly connectTimeoutMs: number;
  readonly responseTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly transferTimeoutMs: number;
  readonly maxRequests: number;
  readonly maxUrlBytes: number;
  readonly maxHeaderBytes: number;
  /** 0 is off. */
  readonly cacheTtlMs: number;
  readonly cacheBytes: number;
  /** 0 is off. */
  readonly staleIfErrorMs: number;
  /** Lower case, without ports. */
  readonly allowHosts: readonly string[];
  /** Who may ask besides this machine itself. */
  readonly allowClients: readonly Cidr[];
  readonly requireToken: boolean;
}

/** How and where to log. */
export interface LogConfig {
  readonly level: LogLevel;
  readonly format: Exclude<LogFormat, "journal">;
  /** A path, or `-` for standard output. */
  readonly file: string;
}

/** Everything the program was told. */
export interface Config {
  readonly discovery: DiscoveryConfig;
  readonly proxy: ProxyConfig;
  readonly admin: ListenAddress | undefined;
  readonly log: LogConfig;
  /** What was accepted but deserves a word in the log, such as an unknown log level. */
  readonly warnings: readonly string[];
}
