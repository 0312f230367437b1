/**
 * Time and chance, handed to whatever waits or retries, so that tests and simulations bring their own.
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
  /** Resolves after a while, or as soon as the signal aborts. Never rejects: whoever was waiting looks what is up. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** What lies beyond this would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The machine's own time and chance. */
export const SYSTEM_CLOCK: Clock = Object.freeze({
  now: () => performance.now(),
  date: () => Date.now(),
  random: () => Math.random(),
  sleep: (ms: number, signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      if (signal.aborted || ms <= 0) return resolve();
      const finish = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", finish);
        resolve();
      };
      const timer = setTimeout(finish, Math.min(ms, MAX_TIMER_MS));
      signal.addEventListener("abort", finish);
    }),
});

/** Spreads a duration by a quarter to either side, so that machines that failed together do not return together. */
export function jitter(ms: number, clock: Clock): number {
  return ms * (0.75 + clock.random() / 2);
}
