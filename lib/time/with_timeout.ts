/**
 * Gives work a time limit, on a clock of choice.
 *
 * @module
 */

import type { Clock } from "./clock.ts";

/** The time was up before the work was done. */
export class TimeoutError extends Error {
  override readonly name = "TimeoutError";
  readonly kind = "timeout";
}

/** Where the time comes from, and what ends the work early. */
export interface TimeoutOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Runs the work with a signal that aborts when the time is up, or when the outer signal does.
 *
 * @throws {TimeoutError} If the time is up first.
 * @throws the outer signal's reason, if it aborts first
 */
export async function withTimeout<T>(
  ms: number,
  { clock, signal }: TimeoutOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const inner = new AbortController();
  const abort = () => inner.abort(signal.reason);
  signal.addEventListener("abort", abort);
  const limit = clock.sleep(ms, inner.signal).then(() => {
    inner.signal.throwIfAborted();
    throw new TimeoutError(`no answer within ${ms} ms`);
  });
  try {
    return await Promise.race([work(inner.signal), limit]);
  } finally {
    signal.removeEventListener("abort", abort);
    // Stops the clock, or the work if it was too slow.
    inner.abort();
    limit.catch(() => {});
  }
}
