/**
 * What a router's responses to ordinary requests say of whether it still is what it proved to be.
 *
 * Pure. Knows which responses are no router's, and how soon to ask for the proof again; leaves the asking to the resolver.
 *
 * @module
 */

import { exponentialMs } from "../time/backoff.ts";
import type { Observed } from "./router.ts";
import { PROOF } from "./validate.ts";

/** How much a response says against a router: a weak doubt may well be a file that is not there. */
export type Doubt = "strong" | "weak";

/** The first pause between two proofs that were asked for because of doubts, and the longest. */
const BACKOFF = { firstMs: 1_000, capMs: 120_000 };
/** How old a proof has to be for a weak doubt to be worth another. */
const WEAK_AFTER_MS = 30_000;
/** After how long without a doubt the pauses begin anew. */
const FORGET_MS = 600_000;

/** Reads what a response says against the router; `undefined` if it is what a router answers. */
export function doubtOf({ target, status, headers = [] }: Observed): Doubt | undefined {
  const [path] = target.split("?");
  if (status >= 500 || status === 401 || status === 403) return "strong";
  if (status >= 300 && status < 400) return status === 304 ? undefined : "strong";
  if (status === 404) return path === PROOF ? "strong" : "weak";
  return status === 200 && isPage(headers) && !path!.endsWith("/") ? "strong" : undefined;
}

function isPage(headers: NonNullable<Observed["headers"]>): boolean {
  return headers.some(([name, value]) => name === "content-type" && /^text\/html\b/i.test(value));
}

/** Says when to ask for the proof. */
export interface Doubts {
  /** When the proof is due because of a doubt; `undefined` if it is not worth one. */
  dueAt(doubt: Doubt): number | undefined;
  /** A proof was given. */
  prove(): void;
}

/** Backs off from proofs: the first is asked for at once, and others ever more rarely while they only refute the doubts. */
export function createDoubts(now: () => number): Doubts {
  let provenAt = now();
  let doubtedAt = -Infinity;
  let refuted = 0;
  return {
    dueAt(doubt) {
      if (now() - doubtedAt > FORGET_MS) refuted = 0;
      if (doubt === "weak" && now() - provenAt < Math.max(WEAK_AFTER_MS, pauseMs(refuted))) return undefined;
      doubtedAt = now();
      return Math.max(now(), provenAt + pauseMs(refuted));
    },
    prove() {
      provenAt = now();
      refuted += 1;
    },
  };
}

function pauseMs(refuted: number): number {
  return refuted === 0 ? 0 : exponentialMs(refuted, BACKOFF);
}
