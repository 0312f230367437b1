/**
 * Searches, one at a time: how soon one may follow another, and what ends one before its time.
 *
 * Leaves how to search to `search.ts`; when, and for whom, to the resolver.
 *
 * @module
 */

import type { DiscoveryConfig } from "../config/config.ts";
import { MIN_INTERVAL_MS, searchMs } from "./backoff.ts";
import type { SearchReport } from "./report.ts";
import { startSearch } from "./search.ts";
import type { Search, SearchDeps, SearchOptions } from "./search.ts";

/** The searches of a resolver. */
export interface Searches {
  /** The one under way. */
  readonly current: Search | undefined;
  /** Resolves when another may begin, or the signal aborts. */
  untilAllowed(signal: AbortSignal): Promise<void>;
  /** Searches. One that was ended to begin anew does not count. */
  run(options: Omit<SearchOptions, "signal">): Promise<{ readonly report: SearchReport; readonly wasEnded: boolean }>;
  /** Ends the one under way, if there is one. */
  end(): void;
  /** Ends it in a while, if nobody has waited for it by then: whoever gave up may well ask again. */
  endUnattended(isAwaited: () => boolean): Promise<void>;
}

/** Why a search is ended that nobody waits for any more. */
const UNATTENDED = Symbol();

/** Creates the searches of a resolver that has not searched yet. */
export function createSearches(config: DiscoveryConfig, deps: SearchDeps): Searches {
  const { clock } = deps;
  let current: { readonly search: Search; readonly ended: AbortController } | undefined;
  let beganAt = -Infinity;
  /** When the last of those who waited for one has left it. */
  let lastLeftAt = -Infinity;

  return {
    get current() {
      return current?.search;
    },

    untilAllowed: (signal) => clock.sleep(beganAt + MIN_INTERVAL_MS - clock.now(), signal),

    async run(options) {
      const before = beganAt;
      beganAt = clock.now();
      const ended = new AbortController();
      const search = startSearch(config, { ...options, signal: ended.signal }, deps);
      current = { search, ended };
      const report = await search.done;
      current = undefined;
      const wasEnded = ended.signal.aborted && ended.signal.reason !== UNATTENDED;
      if (wasEnded) beganAt = before;
      return { report, wasEnded };
    },

    end: () => current?.ended.abort(),

    async endUnattended(isAwaited) {
      if (current === undefined) return;
      const { search, ended } = current;
      const leftAt = lastLeftAt = clock.now();
      await clock.sleep(searchMs(config.timeoutMs, { isAwaited: false }), ended.signal);
      if (!isAwaited() && leftAt === lastLeftAt && search.prospect() === undefined) ended.abort(UNATTENDED);
    },
  };
}
