/**
 * What came of a search: for each source and each candidate, what it said and why it was not chosen.
 *
 * @module
 */

import type { SourceName } from "../config/words.ts";
import type { Candidate } from "./candidate.ts";
import { toCause } from "./errors.ts";
import type { Cause } from "./errors.ts";
import type { Router } from "./router.ts";

/** How a source did: its best candidate won or was valid, all were not, it had none, it broke, it was cut short. */
export type Outcome = "found" | "rejected" | "silent" | "failed" | "unfinished";

/** What became of a source that was asked. */
export interface SourceReport {
  readonly source: SourceName;
  readonly outcome: Outcome;
  /** Why it found no router. */
  readonly cause: Cause | undefined;
  /** What it failed with besides, where the cause is what became of those it named. */
  readonly trouble?: Cause;
}

/** What became of an address that a source named. One that several named comes once for each. */
export interface CandidateReport {
  readonly source: SourceName;
  readonly address: string;
  readonly iface: string | undefined;
  readonly isOnLink: boolean;
  /** The instance-id that it serves, if it does. */
  readonly identity: string | undefined;
  readonly verdict: "router" | "outranked" | "invalid" | "refused" | "undecided";
  /** When the verdict fell, in milliseconds since the search began. */
  readonly elapsedMs: number;
  /** Why it was not chosen. */
  readonly cause: Cause | undefined;
}

/** What came of a search. */
export interface SearchReport {
  readonly router: Router | undefined;
  readonly elapsedMs: number;
  /** Those that were asked, in the order they were. */
  readonly sources: readonly SourceReport[];
  readonly candidates: readonly CandidateReport[];
}

/** All that the sources of a search say of why no router was found. */
export function causesOf({ sources }: SearchReport): Cause[] {
  return sources.flatMap(({ cause, trouble }) => [cause ?? [], trouble ?? []].flat());
}

/** What a source did when it was asked. */
export interface SourceState {
  readonly state: "asked" | "returned" | "failed";
  readonly failure?: unknown;
}

/** What a state comes to for one that was not chosen. */
const VERDICTS: Readonly<Record<Candidate["state"], CandidateReport["verdict"]>> = {
  undecided: "undecided",
  valid: "outranked",
  foreign: "refused",
  invalid: "invalid",
  refused: "refused",
};

/** Reports on every candidate, the chosen one included. */
export function reportCandidates(candidates: readonly Candidate[], chosen: Candidate | undefined): CandidateReport[] {
  return candidates.flatMap((candidate) =>
    candidate.proposals.map(({ source, iface }) => ({
      source,
      address: candidate.address,
      iface,
      isOnLink: candidate.isOnLink,
      identity: candidate.identity,
      verdict: candidate === chosen ? "router" : VERDICTS[candidate.state],
      elapsedMs: candidate.elapsedMs,
      cause: candidate === chosen ? undefined : explain(candidate, source),
    }))
  );
}

/** Reports on every source that was asked. */
export function reportSources(
  asked: ReadonlyMap<SourceName, SourceState>,
  candidates: readonly CandidateReport[],
): SourceReport[] {
  return [...asked].map(([source, { state, failure }]) => {
    const named = candidates.filter((candidate) => candidate.source === source);
    const report = (outcome: Outcome, cause?: Cause) => ({ source, outcome, cause });
    if (named.some(({ cause }) => cause === undefined)) return report("found");
    if (named.length > 0) {
      const trouble = state === "failed" ? { trouble: toCause(source, failure) } : {};
      // One of another identity waits for the operator's word: that is more telling than who is merely silent.
      const telling = named.find(({ cause }) => cause?.kind === "other_identity") ?? named[0]!;
      return { ...report("rejected", telling.cause), ...trouble };
    }
    if (state === "failed") return report("failed", toCause(source, failure));
    if (state === "returned") return report("silent", { source, kind: "silent", message: "has nothing to say" });
    return report("unfinished", { source, kind: "unfinished", message: "has not answered yet" });
  });
}

/** Why a candidate is no router; `undefined` if it is one. */
function explain({ address, state, isConnected, failure }: Candidate, source: SourceName): Cause | undefined {
  switch (state) {
    case "valid":
      return undefined;
    case "undecided":
      return isConnected
        ? { source, kind: "response_timeout", message: `${address} accepts connections and does not answer` }
        : { source, kind: "timeout", message: `${address} does not answer` };
    case "invalid": {
      const { kind, message } = toCause(source, failure);
      return { source, kind, message: `${address} serves no metadata: ${message}` };
    }
    case "foreign":
    case "refused": {
      const { kind, message } = toCause(source, failure);
      return { source, kind, message: `${address} ${message}` };
    }
  }
}
