/**
 * How long to wait before trying again. Pure.
 *
 * @module
 */

import type { Clock } from "./clock.ts";

/** Spreads a duration by a quarter to either side, so that machines that failed together do not return together. */
export function jitter(ms: number, { random }: Pick<Clock, "random">): number {
  return ms * (0.75 + random() / 2);
}

/**
 * The pause before another try: twice as long each time, up to a cap, without jitter.
 *
 * @param tries how many there were already, at least 1
 */
export function exponentialMs(
  tries: number,
  { firstMs, capMs }: { readonly firstMs: number; readonly capMs: number },
): number {
  return Math.min(firstMs * 2 ** Math.min(tries - 1, 16), capMs);
}
