/**
 * Whether the limits that an operator chose fit into the unit's memory together, each at its most. A limit that
 * does not hold beside the others is no limit.
 *
 * @module
 */

import type { ProxyConfig } from "./config.ts";
import { ConfigError } from "./config_error.ts";

const MIB = 1024 ** 2;

/** The unit's `MemoryMax=`. */
export const MEMORY_BYTES = 256 * MIB;

/** What the program takes before anybody asks, with some air for garbage. */
const BASE_BYTES = 64 * MIB;
/** What a request holds of a body that its client does not take, as measured: most of it is the runtime's. */
const BODY_BYTES = MIB;

/**
 * What the limits allow to be held at the same time.
 *
 * @returns bytes
 */
export function sumOfLimits(
  { maxConnections, maxUrlBytes, maxHeaderBytes, maxRequests, cacheBytes }: ProxyConfig,
): number {
  // A connection holds the head of its last request, and what has come of the next.
  const heads = maxConnections * 2 * (maxUrlBytes + maxHeaderBytes);
  return BASE_BYTES + heads + maxRequests * BODY_BYTES + cacheBytes;
}

/**
 * Refuses limits that do not fit.
 *
 * @throws {ConfigError} If what they allow is more than the unit gives.
 */
export function checkMemory(config: ProxyConfig): void {
  const bytes = sumOfLimits(config);
  if (bytes <= MEMORY_BYTES) return;
  throw new ConfigError(
    `--max-connections, --max-url, --max-header, --max-requests and --cache-size together allow ${
      Math.ceil(bytes / MIB)
    } MiB, and must stay within the ${MEMORY_BYTES / MIB} MiB of the unit: lower one of them`,
  );
}
