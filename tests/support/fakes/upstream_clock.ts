/**
 * Deadlines that strike when the test says so.
 *
 * @module
 */

import type { Alarms } from "../../../lib/time/deadlines.ts";

/** Alarms on a clock that stands still until it is moved. */
export interface ManualClock {
  readonly alarms: Alarms;
  readonly now: () => number;
  /** Moves the clock; what is due strikes in the order of its time, each with the promises that hang on it. */
  advance(ms: number): Promise<void>;
}

/** Creates a clock that shows 0. */
export function createManualClock(): ManualClock {
  let time = 0;
  let waiting: { readonly at: number; readonly strike: () => void }[] = [];

  return {
    now: () => time,
    alarms: {
      set(delayMs, strike) {
        const alarm = { at: time + delayMs, strike };
        waiting.push(alarm);
        return { cancel: () => void (waiting = waiting.filter((other) => other !== alarm)) };
      },
      close() {
        waiting = [];
      },
    },
    async advance(ms) {
      const until = time + ms;
      for (;;) {
        await settle();
        const next = waiting.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
        if (next === undefined) break;
        waiting = waiting.filter((other) => other !== next);
        time = Math.max(time, next.at);
        next.strike();
      }
      time = until;
      await settle();
    },
  };
}

/** Lets promises that are already settled take their course. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}
