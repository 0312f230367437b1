/**
 * Shows on a terminal what a search is doing while a person waits for it, in one line that is gone when it is over.
 *
 * @module
 */

import type { Clock } from "../../time/clock.ts";
import type { SearchReport } from "../report.ts";

/** How soon to show something: whoever gets an answer at once needs no line. */
const FIRST_MS = 500;
const EVERY_MS = 500;
/** To the beginning of the line, and clear it (ECMA-48). */
const CLEAR = "\r\x1b[K";
/** What goes on in the terminal's next line would stay there, and at each time anew. */
const MAX_LENGTH = 79;

/** What to show, and how. */
export interface ProgressOptions {
  readonly report: () => SearchReport;
  /** Writes to the terminal; nothing is shown without one. */
  readonly show: ((text: string) => void) | undefined;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Shows progress until the signal aborts, and clears it. */
export async function showProgress({ report, show, timeoutMs, clock, signal }: ProgressOptions): Promise<void> {
  if (show === undefined) return;
  await clock.sleep(FIRST_MS, signal);
  if (signal.aborted) return;
  while (!signal.aborted) {
    show(CLEAR + describeProgress(report(), timeoutMs));
    await clock.sleep(EVERY_MS, signal);
  }
  show(CLEAR);
}

/** Says what is waited for, in one line of a terminal. */
export function describeProgress({ elapsedMs, sources, candidates }: SearchReport, timeoutMs: number): string {
  const pending = [
    ...new Set(candidates.filter(({ verdict }) => verdict === "undecided").map(({ address }) => address)),
  ];
  const asked = sources.filter(({ outcome }) => outcome === "unfinished").map(({ source }) => source);
  const waiting = [
    ...(asked.length === 0 ? [] : [`for ${asked.join(", ")}`]),
    ...(pending.length === 0 ? [] : [`for metadata of ${pending.join(", ")}`]),
  ];
  const seconds = `${Math.floor(elapsedMs / 1_000)} of ${Math.round(timeoutMs / 1_000)} s`;
  const text = `searching, ${seconds}: ${waiting.length === 0 ? "asking again" : `waiting ${waiting.join(" and ")}`}`;
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH - 1)}…` : text;
}
