/**
 * Time and chance, handed to whatever waits or retries, so that tests and simulations bring their own; and many coarse deadlines
 * on one timer of it. The one place that sets the runtime's timers.
 *
 * A request is under several limits at once, and nearly all are lifted long before they would fire: a runtime timer
 * for each costs more than the rest of the request. Here setting and lifting one is a few nanoseconds, and the price is
 * that it fires a tick or two late. With nothing to wait for no timer runs at all. Their list is as cheap, and good for
 * whatever else comes and goes with every request.
 *
 * @module
 */

/** Where time and chance come from. */
export interface Clock {
  /** Milliseconds since some fixed moment; never jumps, for measuring. */
  now(): number;
  /** Milliseconds since 1970, for people. */
  date(): number;
  /** A number from 0 up to but not including 1. */
  random(): number;
  /** Calls back once, after a while of any length; `Infinity` is never. */
  schedule(ms: number, callback: () => void): Timer;
  /** Resolves after a while, or as soon as the signal aborts. Never rejects: whoever was waiting looks what is up. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** A call that is to come. */
export interface Timer {
  /** Cancels it; harmless once it was made. */
  cancel(): void;
}

/** What lies beyond this would fire at once: the runtime counts in 32 bits. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The machine's own time and chance. */
export const SYSTEM_CLOCK: Clock = Object.freeze({
  now: () => performance.now(),
  date: () => Date.now(),
  random: () => Math.random(),
  schedule,
  sleep: (ms: number, signal: AbortSignal) => sleepOn({ schedule }, ms, signal),
});

function schedule(ms: number, callback: () => void): Timer {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const wait = (restMs: number) => {
    const partMs = Math.min(restMs, MAX_TIMER_MS);
    timer = setTimeout(() => restMs > partMs ? wait(restMs - partMs) : callback(), partMs);
  };
  if (ms !== Infinity) wait(Math.max(0, ms));
  return { cancel: () => clearTimeout(timer) };
}

/** Sleeps on a clock that can schedule, as `Clock.sleep` promises. */
export function sleepOn({ schedule }: Pick<Clock, "schedule">, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted || ms <= 0) return resolve();
    const finish = () => {
      timer.cancel();
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = schedule(ms, finish);
    signal.addEventListener("abort", finish);
  });
}

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

/**
 * Members in no order.
 *
 * A `Set` would be less code, but the tables that it outgrows hold one another, and so whatever was in them, until the
 * whole heap is collected: with a few entries per request that was most of the garbage collector's work. Here nobody
 * holds what has left.
 */
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
