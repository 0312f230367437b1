/**
 * Asks a router beside the search for one: the candidate that is about to prove itself, if there is one. A router that is slow
 * to do so is slow to answer too. Its answer is held back until it has.
 *
 * @module
 */

import type { Deadlines, Timer } from "../../time/clock.ts";
import type { Attempt } from "./attempt.ts";
import type { Router, Upstream } from "./upstream.ts";

/** How long a search may last before a router that has not proven itself yet is asked beside it. */
const PROSPECT_AFTER_MS = 1_000;

/** What asking works with. */
export interface ProspectingOptions<R extends Router> {
  readonly upstream: Pick<Upstream<R>, "prospect">;
  readonly deadlines: Deadlines;
  readonly start: (router: R) => Attempt<R>;
}

/** The asking for one request. */
export class Prospecting<R extends Router> {
  readonly #with: ProspectingOptions<R>;
  #attempt: Attempt<R> | undefined;

  constructor(options: ProspectingOptions<R>) {
    this.#with = options;
  }

  /** Waits for a search, and asks meanwhile. */
  async during<T>(searching: Promise<T>): Promise<T> {
    const asking = repeat(this.#with.deadlines, PROSPECT_AFTER_MS, () => this.#ask());
    try {
      return await searching;
    } finally {
      asking.cancel();
    }
  }

  /** Whether an attempt is the one whose router has not proven itself yet. */
  isAsking(attempt: Attempt<R>): boolean {
    return attempt === this.#attempt;
  }

  /** Hands the attempt out, if it asks the router that has proven itself, and gives it up if it asks another. */
  take(router: R): Attempt<R> | undefined {
    const attempt = this.#attempt;
    if (attempt === undefined) return undefined;
    this.#attempt = undefined;
    // One that has no connection yet would only be in the way of the one that the proof has left.
    if (attempt.router.address === router.address && attempt.isSent) {
      attempt.router = router;
      return attempt;
    }
    attempt.abort();
    return undefined;
  }

  abort(): void {
    this.#attempt?.abort();
  }

  #ask(): void {
    const prospect = this.#attempt === undefined ? this.#with.upstream.prospect() : undefined;
    if (prospect === undefined) return;
    const attempt = this.#attempt = this.#with.start(prospect as R);
    attempt.response.catch(() => {
      if (this.#attempt === attempt) this.#attempt = undefined;
    });
  }
}

/** Calls back again and again. */
function repeat(deadlines: Deadlines, everyMs: number, callback: () => void): Timer {
  let timer = deadlines.set(everyMs, tick);
  return { cancel: () => timer.cancel() };

  function tick() {
    timer = deadlines.set(everyMs, tick);
    callback();
  }
}
