/**
 * The configuration that most tests start from: the program's own defaults, so that a new option changes nothing for them.
 *
 * @module
 */

import type { DiscoveryConfig, ProxyConfig } from "../../../lib/config/config.ts";
import { SOURCE_NAMES } from "../../../lib/config/words.ts";
import { readConfig } from "../../../lib/config/read_config.ts";

const DEFAULTS = readConfig({ flags: new Map(), environment: () => undefined });

/** The defaults of discovery, with whatever a test wants otherwise. */
export function discoveryConfig(options: Partial<DiscoveryConfig> = {}): DiscoveryConfig {
  // A drive is no router, and has tests of its own.
  return { ...DEFAULTS.discovery, sources: SOURCE_NAMES.filter((source) => source !== "config_drive"), ...options };
}

/** The defaults of the proxy on loopback, with nothing kept, and with whatever a test wants otherwise. */
export function proxyConfig(options: Partial<ProxyConfig> = {}): ProxyConfig {
  return {
    ...DEFAULTS.proxy,
    listen: { hostname: "127.0.0.1", port: 0 },
    connectTimeoutMs: 5_000,
    responseTimeoutMs: 5_000,
    requestTimeoutMs: 10_000,
    maxRequests: 64,
    maxUrlBytes: 1_000,
    maxHeaderBytes: 8_192,
    cacheTtlMs: 0,
    cacheBytes: 100_000,
    staleIfErrorMs: 0,
    requireToken: "no",
    ...options,
  };
}
