/**
 * How long a router may keep a request waiting before another is looked for: longer than is usual for this one.
 *
 * @module
 */

/** Learns how long a router takes. */
export interface HedgeDelay {
  /** The delay for a router. Metadata are files: one of whom nothing is known should answer at once. */
  hedgeAfterMs(address: string): number;
  /** Notes how long a router took to begin an answer. */
  learn(address: string, elapsedMs: number): void;
}

const FLOOR_MS = 700;
/** A router that takes longer than this for everything is asked for all the same. */
const CAP_MS = 9_000;
/** How far above the usual an answer must be to be unusual. */
const MARGIN = 1.5;
/** The quantile that counts as usual, and how far one answer moves the estimate of it. */
const QUANTILE = 0.9;
const STEP = 0.2;

/**
 * Creates what learns of one router at a time: a moving estimate of the quantile, which each answer above it raises nine
 * times as much as one below it lowers it.
 */
export function createHedgeDelay(): HedgeDelay {
  let known = "";
  let usualMs = 0;
  return {
    hedgeAfterMs: (address) => address === known ? Math.min(Math.max(FLOOR_MS, usualMs * MARGIN), CAP_MS) : FLOOR_MS,
    learn(address, elapsedMs) {
      if (address !== known) {
        known = address;
        usualMs = elapsedMs;
        return;
      }
      const share = elapsedMs > usualMs ? QUANTILE : 1 - QUANTILE;
      usualMs += share * STEP * (elapsedMs - usualMs);
    },
  };
}
