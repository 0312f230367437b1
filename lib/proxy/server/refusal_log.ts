/**
 * Says why requests are refused: each reason once in a while, whoever repeats it, with how often it was meanwhile.
 *
 * @module
 */

import type { Fields, Log } from "../../telemetry/log.ts";

/** Notes a refusal. */
export type NoteRefusal = (reason: string, fields: Fields) => void;

/** How long a reason is not said again. */
const PAUSE_MS = 60_000;

/**
 * Creates it.
 *
 * @param now a monotonic clock, in milliseconds
 */
export function createRefusalLog(log: Log, now: () => number): NoteRefusal {
  // Reasons are constants, and few.
  const said = new Map<string, { at: number; unsaid: number }>();
  return (reason, fields) => {
    const last = said.get(reason);
    if (last !== undefined && now() - last.at < PAUSE_MS) {
      last.unsaid++;
      return;
    }
    log.info("refused a request", { reason, ...fields, before: last?.unsaid || undefined });
    said.set(reason, { at: now(), unsaid: 0 });
  };
}
