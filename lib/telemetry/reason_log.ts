/**
 * Says of what happens often why it does: each reason once in a while, whoever repeats it, and how often it occurred
 * meanwhile; each time at debug. Whatever a request can have said at a higher level goes through here: whoever may ask could
 * fill the log otherwise.
 *
 * @module
 */

import type { Fields, Log } from "./log.ts";

/** Notes that something happened, and why. @returns whether it was said above debug */
export type NoteReason = (reason: string, fields: Fields) => boolean;

/** How long a reason is not said again. */
const PAUSE_MS = 60_000;

/** Where the lines go, and when. */
export interface ReasonLogOptions {
  readonly log: Log;
  /** A monotonic clock, in milliseconds. */
  readonly now: () => number;
  /** `info` if not given. */
  readonly level?: "info" | "warn";
}

/**
 * Creates a log of reasons.
 *
 * @param message what happens, a constant
 */
export function createReasonLog(message: string, { log, now, level = "info" }: ReasonLogOptions): NoteReason {
  // Reasons are constants, and few.
  const said = new Map<string, { at: number; unsaid: number }>();
  return (reason, fields) => {
    const last = said.get(reason);
    if (last !== undefined && now() - last.at < PAUSE_MS) {
      last.unsaid++;
      log.debug(message, { reason, ...fields });
      return false;
    }
    log[level](message, { reason, ...fields, before: last?.unsaid || undefined });
    said.set(reason, { at: now(), unsaid: 0 });
    return true;
  };
}
