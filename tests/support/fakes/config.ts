/**
 * The configuration of discovery that most tests start from.
 *
 * @module
 */

import type { DiscoveryConfig } from "../../../lib/config/config.ts";
import { SOURCE_NAMES } from "../../../lib/config/options.ts";

/** The defaults, with whatever a test wants otherwise. */
export function discoveryConfig(options: Partial<DiscoveryConfig> = {}): DiscoveryConfig {
  return {
    iname: "eth0",
    isInameChosen: false,
    identity: "pinned",
    // A drive is no router, and has tests of its own.
    sources: SOURCE_NAMES.filter((source) => source !== "config_drive"),
    server: undefined,
    allowServer: [],
    timeoutMs: 10_000,
    confirmIntervalMs: 120_000,
    ...options,
  };
}
