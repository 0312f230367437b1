/**
 * Asks the sources of one search: those that are early at once, the others when those have answered or had their time, and
 * each again and again. What they name goes to the search.
 *
 * @module
 */

import type { SourceName } from "../config/words.ts";
import { jitter } from "../time/backoff.ts";
import type { Clock } from "../time/clock.ts";
import type { Proposal } from "./candidate.ts";
import type { SourceState } from "./report.ts";
import type { Ask, NamedBy } from "./sources/source.ts";
import { SourceError } from "./sources/source_error.ts";
import { SOURCES } from "./sources/sources.ts";

/** How the sources of a search are asked, and whom they tell. */
export interface PollOptions extends Omit<Ask, "propose" | "note"> {
  /** In the order of trust. */
  readonly sources: readonly SourceName[];
  readonly clock: Clock;
  /** Ask all at once. */
  readonly isThorough: boolean;
  /** Whether somebody has proven to be a router. */
  readonly hasWinner: () => boolean;
  readonly onState: (source: SourceName, state: SourceState) => void;
  readonly onProposal: (address: string, proposal: Proposal) => void;
  /** A source broke, or has to do without something. */
  readonly onTrouble: (source: SourceName, error: unknown) => void;
}

/** The sources that start at once: what the operator said, and what answers within milliseconds. */
const EARLY: readonly SourceName[] = ["server", "dhcp", "config_drive"];

/** How long those have for themselves. */
export const STAGGER_MS = 300;

/** Asks until the signal aborts; resolves when nothing is left of it. Never rejects. */
export async function pollSources(options: PollOptions): Promise<void> {
  const { clock, signal, isThorough } = options;
  const sources = options.sources.filter((source) => source !== "server" || options.server !== undefined);
  const early = sources.filter((source) => isThorough || EARLY.includes(source));
  const polls: Promise<void>[] = [];
  const answers = early.map((source) => new Promise<void>((resolve) => polls.push(poll(source, options, resolve))));
  await Promise.race([clock.sleep(STAGGER_MS, signal), Promise.all(answers)]);
  if (!signal.aborted) {
    for (const source of sources) {
      if (!early.includes(source)) polls.push(poll(source, options));
    }
  }
  await Promise.all(polls);
}

/** Asks a source again and again; calls back when it has answered for the first time. */
async function poll(source: SourceName, options: PollOptions, onAnswered = () => {}): Promise<void> {
  const { clock, signal, retryMs, onState } = options;
  onState(source, { state: "asked" });
  while (!signal.aborted) {
    onState(source, await ask(source, options));
    onAnswered();
    await clock.sleep(jitter(retryMs, clock), signal);
  }
}

async function ask(source: SourceName, options: PollOptions): Promise<SourceState> {
  const { host, network, server, known, retryMs, signal, hasWinner, onProposal, onTrouble } = options;
  try {
    await SOURCES[source]({
      ...{ host, network, server, known, retryMs, signal },
      propose: (address, by) => onProposal(address, { source, ...toNamed(by) }),
      note: (trouble) => onTrouble(source, trouble),
    });
    return { state: "returned" };
  } catch (failure) {
    // What breaks because the race was won says nothing; only who waited in vain to its very end does.
    if (signal.aborted && (hasWinner() || !(failure instanceof SourceError))) return { state: "asked" };
    if (!signal.aborted) onTrouble(source, failure);
    return { state: "failed", failure };
  }
}

function toNamed(by: string | NamedBy | undefined): NamedBy & { readonly iface: string | undefined } {
  return typeof by === "string" ? { iface: by } : { iface: undefined, ...by };
}
