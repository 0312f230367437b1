/**
 * Many coarse deadlines on one timer.
 *
 * A request is under several limits at once, and nearly all are lifted long before they would strike: a runtime timer
 * for each costs more than the rest of the request. Here setting and lifting one is a few nanoseconds, and the price is
 * that it strikes a tick or two late. With nothing to wait for no timer runs at all.
 *
 * @module
 */

import { Roster } from "./unordered_list.ts";

/** A deadline that was set. */
export interface Alarm {
  /** Lifts it. Harmless when it has already struck. */
  cancel(): void;
}

/** A set of deadlines that share a timer. */
export interface Alarms {
  /** Calls `strike` once, no sooner than `delayMs` from now, unless the alarm is lifted first. */
  set(delayMs: number, strike: () => void): Alarm;
  /** Lifts all of them, and every one that is set from now on. */
  close(): void;
}

interface Pending {
  readonly at: number;
  readonly strike: () => void;
}

const NEVER: Alarm = Object.freeze({ cancel() {} });

/** Fine enough for a limit of a few hundred milliseconds, coarse enough to cost nothing. */
const TICK_MS = 25;

/**
 * Creates an empty set.
 *
 * @param now a monotonic clock, in milliseconds
 */
export function createAlarms(now: () => number = () => performance.now()): Alarms {
  const waiting = new Roster<Pending>();
  let timer: ReturnType<typeof setInterval> | undefined;
  // The time at the last tick: looking at the clock for each alarm would be most of what it costs.
  let time = 0;
  let closed = false;

  const tick = () => {
    time = now();
    const due = waiting.registrations().filter(({ member }) => member!.at <= time);
    for (const registration of due.sort((a, b) => a.member!.at - b.member!.at)) {
      const alarm = registration.member;
      registration.cancel();
      alarm?.strike(); // unless one before has lifted it
    }
    // Stopped a tick after the last alarm rather than with it: requests in a row then share one timer.
    if (waiting.size === 0) stop();
  };
  const stop = () => {
    clearInterval(timer);
    timer = undefined;
  };

  return {
    set(delayMs, strike) {
      if (closed) return NEVER;
      if (timer === undefined) {
        time = now();
        timer = setInterval(tick, TICK_MS);
      }
      return waiting.add({ at: time + TICK_MS + delayMs, strike });
    },
    close() {
      closed = true;
      for (const alarm of waiting.registrations()) alarm.cancel();
      stop();
    },
  };
}
