/**
 * Many coarse deadlines on one timer.
 *
 * A request is under several limits at once, and nearly all are lifted long before they would fire: a runtime timer
 * for each costs more than the rest of the request. Here setting and lifting one is a few nanoseconds, and the price is
 * that it fires a tick or two late. With nothing to wait for no timer runs at all. They stand on a list that is as cheap,
 * for this and for all else that comes and goes with every request.
 *
 * @module
 */

import { SYSTEM_CLOCK } from "./clock.ts";
import type { Clock, Timer } from "./clock.ts";

/** A set of deadlines that share a timer. */
export interface Deadlines {
  /**
   * Calls `fire` once, `delayMs` from now or less than two ticks later, unless the deadline is lifted first. Sooner only by as
   * long as the program was too busy to tick.
   */
  set(delayMs: number, fire: () => void): Timer;
  /** Lifts all of them, and every one that is set from now on. */
  close(): void;
}

interface Deadline {
  readonly at: number;
  readonly fire: () => void;
}

const NEVER: Timer = Object.freeze({ cancel() {} });

/** Fine enough for a limit of a few hundred milliseconds, coarse enough to cost nothing. */
const TICK_MS = 25;

/** Creates an empty set. */
export function createDeadlines({ now, schedule }: Pick<Clock, "now" | "schedule"> = SYSTEM_CLOCK): Deadlines {
  const waiting = new UnorderedList<Deadline>();
  let timer: Timer | undefined;
  // The time at the last tick: looking at the clock for each deadline would be most of what it costs.
  let time = 0;
  let closed = false;

  const tick = () => {
    time = now();
    timer = schedule(TICK_MS, tick);
    const due = waiting.slots().filter(({ member }) => member!.at <= time);
    for (const slot of due.sort((a, b) => a.member!.at - b.member!.at)) {
      const deadline = slot.member;
      slot.cancel();
      deadline?.fire(); // unless one before has lifted it
    }
    // Stopped a tick after the last deadline rather than with it: requests in a row then share one timer.
    if (waiting.size === 0) stop();
  };
  const stop = () => {
    timer?.cancel();
    timer = undefined;
  };

  return {
    set(delayMs, fire) {
      if (closed) return NEVER;
      if (timer === undefined) {
        time = now();
        timer = schedule(TICK_MS, tick);
      }
      return waiting.add({ at: time + TICK_MS + delayMs, fire });
    },
    close() {
      closed = true;
      for (const slot of waiting.slots()) slot.cancel();
      stop();
    },
  };
}

/** A member's place on an unordered list. */
export interface Slot<T> {
  /** Whose it is; `undefined` when it was cancelled. */
  readonly member: T | undefined;
  /** Takes the member off. Harmless when it was done before. */
  cancel(): void;
}

/** Members in no order. */
export class UnorderedList<T> {
  readonly #entries: Entry<T>[] = [];

  get size(): number {
    return this.#entries.length;
  }

  add(member: T): Slot<T> {
    return new Entry(this.#entries, member);
  }

  /** Those on it now; each may be cancelled while the list is gone through. */
  slots(): readonly Slot<T>[] {
    return [...this.#entries];
  }
}

class Entry<T> implements Slot<T> {
  member: T | undefined;
  #index: number;

  constructor(readonly entries: Entry<T>[], member: T) {
    this.member = member;
    this.#index = entries.push(this) - 1;
  }

  cancel(): void {
    if (this.member === undefined) return;
    this.member = undefined;
    const last = this.entries.pop()!;
    if (last === this) return;
    this.entries[this.#index] = last;
    last.#index = this.#index;
  }
}
