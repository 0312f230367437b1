/**
 * Deadlines that tell whether any was left behind.
 *
 * @module
 */

import type { Deadlines } from "../../../lib/time/clock.ts";

/** Wraps deadlines so that it can be read how many are set and neither lifted nor over. */
export function countDeadlines(deadlines: Deadlines): Deadlines & { readonly left: number } {
  const left = new Set<unknown>();
  return {
    ...deadlines,
    get left() {
      return left.size;
    },
    set(ms, fire) {
      const timer = deadlines.set(ms, () => {
        left.delete(timer);
        fire();
      });
      left.add(timer);
      return {
        cancel() {
          left.delete(timer);
          timer.cancel();
        },
      };
    },
  };
}
