/**
 * When the router in force is asked after: now and then, of these times every third for its proof, and soon when it is
 * doubted.
 *
 * Knows the times, and leaves the asking to the resolver.
 *
 * @module
 */

import { jitter } from "../time/backoff.ts";
import type { Clock } from "../time/clock.ts";
import { createDoubts } from "./doubt.ts";
import type { Doubt } from "./doubt.ts";

/** Every how many confirmations the router is asked for its proof: each of them instead of a DHCP question. */
const PROOF_EVERY = 3;

/** What is due, and when. */
export interface Schedule {
  /** A router was taken: it has just proved itself. Of another one than before nothing was doubted yet. */
  begin(taken: { readonly isAnother: boolean }): void;
  /** For how long there is nothing to ask, in milliseconds; not above 0 if there is. */
  restMs(): number;
  /** Takes what is due, and plans the next time. */
  take(): { readonly isDoubted: boolean; readonly withProof: boolean };
  /** The router gave its proof. */
  prove(): void;
  /** Something speaks against the router. @returns whether its proof is due sooner for that */
  doubt(doubt: Doubt): boolean;
}

/** Creates a schedule on which nothing is due. No interval: the router is only asked when it is doubted. */
export function createSchedule(confirmIntervalMs: number, clock: Pick<Clock, "now" | "random">): Schedule {
  let doubts = createDoubts(clock.now);
  let confirmations = 0;
  let confirmDueAt = Infinity;
  let proofDueAt = Infinity;
  const plan = () => {
    confirmDueAt = confirmIntervalMs === 0 ? Infinity : clock.now() + jitter(confirmIntervalMs, clock);
  };
  return {
    begin({ isAnother }) {
      if (isAnother) doubts = createDoubts(clock.now);
      confirmations = 0;
      proofDueAt = Infinity;
      plan();
    },
    restMs: () => Math.min(confirmDueAt, proofDueAt) - clock.now(),
    take() {
      const isDoubted = proofDueAt <= clock.now();
      confirmations += 1;
      plan();
      return { isDoubted, withProof: isDoubted || confirmations % PROOF_EVERY === 0 };
    },
    prove() {
      proofDueAt = Infinity;
      doubts.prove();
    },
    doubt(doubt) {
      const dueAt = doubts.dueAt(doubt) ?? Infinity;
      if (dueAt >= proofDueAt) return false;
      proofDueAt = dueAt;
      return true;
    },
  };
}
