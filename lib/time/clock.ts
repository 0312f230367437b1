/**
 * Time and chance, handed to whatever waits or retries, so that tests and simulations bring their own.
 *
 * The one place that sets the runtime's timers.
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
  /** Calls it off. Harmless when it was made. */
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
