/**
 * A clock that stands still until it is told to run: hours of backing off pass in milliseconds, the same way every time.
 *
 * @module
 */

import { sleepOn } from "../../../lib/time/clock.ts";
import type { Clock, Deadlines } from "../../../lib/time/clock.ts";

/** A clock for tests and simulations. */
export interface VirtualClock extends Clock {
  /** Lets time pass, firing what falls due in order, each with the promises that hang on it. */
  run(ms: number): Promise<void>;
  /** Deadlines on this clock that fire to the millisecond. */
  readonly deadlines: Deadlines;
}

interface Timer {
  readonly at: number;
  readonly order: number;
  fire: (() => void) | undefined;
}

/** How many rounds of promises one event may set off: more than any chain in the program has links. */
const ROUNDS = 100;

/** 2024-12-10, so that dates in expectations look like dates. */
const EPOCH_MS = Date.UTC(2024, 11, 10);

/** Some moment that is not 0, as on a machine: only differences mean anything. */
const START_MS = 1_000_000;

/** Creates a clock whose chance is a seeded generator. */
export function createVirtualClock(seed = 1): VirtualClock {
  const timers = createHeap();
  let now = START_MS;
  let order = 0;
  const random = createRandom(seed);
  const schedule: Clock["schedule"] = (ms, callback) => {
    const timer: Timer = { at: now + Math.max(0, ms), order: order++, fire: callback };
    if (ms !== Infinity) timers.push(timer);
    return { cancel: () => void (timer.fire = undefined) };
  };
  let areDeadlinesClosed = false;

  return {
    now: () => now,
    date: () => EPOCH_MS + now - START_MS,
    random,
    schedule,
    sleep: (ms, signal) => sleepOn({ schedule }, ms, signal),
    deadlines: {
      set: (delayMs, fire) => schedule(delayMs, () => areDeadlinesClosed || fire()),
      close: () => void (areDeadlinesClosed = true),
    },

    async run(ms) {
      const end = now + ms;
      await settle();
      for (let timer = timers.peek(); timer !== undefined && timer.at <= end; timer = timers.peek()) {
        timers.pop();
        now = timer.at;
        if (timer.fire === undefined) continue;
        timer.fire();
        await settle();
      }
      now = end;
    },
  };
}

/** Lets every promise that can go on do so. */
export async function settle(): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) await null;
}

/** A small seeded generator (mulberry32): numbers from 0 up to but not including 1. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A binary heap of timers, the earliest on top. */
function createHeap() {
  const heap: Timer[] = [];
  const isBefore = (a: Timer, b: Timer) => a.at < b.at || (a.at === b.at && a.order < b.order);
  const swap = (a: number, b: number) => [heap[a], heap[b]] = [heap[b]!, heap[a]!];
  return {
    peek: () => heap[0],

    push(timer: Timer) {
      let at = heap.push(timer) - 1;
      for (let up = (at - 1) >> 1; at > 0 && isBefore(heap[at]!, heap[up]!); up = (at - 1) >> 1) {
        swap(at, up);
        at = up;
      }
    },

    pop() {
      const last = heap.pop();
      if (last === undefined || heap.length === 0) return;
      heap[0] = last;
      for (let at = 0;;) {
        const [left, right] = [2 * at + 1, 2 * at + 2];
        let first = at;
        if (left < heap.length && isBefore(heap[left]!, heap[first]!)) first = left;
        if (right < heap.length && isBefore(heap[right]!, heap[first]!)) first = right;
        if (first === at) return;
        swap(at, first);
        at = first;
      }
    },
  };
}
