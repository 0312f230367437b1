/**
 * Finds the router, remembers it, and finds it again.
 *
 * Knows when to search, whom to tell, and what is worth a line in the log; leaves how to search to `search.ts`. One loop
 * does everything in turn, so that there is never more than one search:
 *
 * ```
 *   searching --found--> ready --confirm fails, or report()--> suspect --found--> ready
 *       \___rests, longer each time___/                            \___rests___/
 * ```
 *
 * @module
 */

import type { DiscoveryConfig } from "../config/config.ts";
import { jitter } from "../time/backoff.ts";
import { SYSTEM_CLOCK } from "../time/clock.ts";
import type { Clock } from "../time/clock.ts";
import type { Client } from "../http1/client.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { confirmRouter } from "./confirm.ts";
import { DiscoveryError, kindOf } from "./errors.ts";
import type { Cause } from "./errors.ts";
import { createEventLog } from "./event_log.ts";
import { openMachine } from "../system/host.ts";
import type { Machine } from "../system/host.ts";
import { MIN_INTERVAL_MS, restMs, retryMs, searchMs } from "./backoff.ts";
import type { SearchReport } from "./report.ts";
import type { Resolver, ResolverStatus, Router } from "./router.ts";
import { startSearch } from "./search.ts";
import type { Search } from "./search.ts";
import { createValidate } from "./validate.ts";
import { createWaiters } from "./waiters.ts";

/** What the resolver works with. */
export interface ResolverDeps {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly client: Pick<Client, "request">;
  /** The machine's own if not given. */
  readonly clock?: Clock;
  /** This one if not given. */
  readonly machine?: Machine;
}

/** Creates a resolver that does nothing until it is started. */
export function createResolver(config: DiscoveryConfig, deps: ResolverDeps): Resolver {
  const { metrics, clock = SYSTEM_CLOCK, machine = openMachine({ clock, metrics }) } = deps;
  const search = { machine, clock, validate: createValidate(deps.client) };
  const events = createEventLog(deps);
  const waiters = createWaiters();
  const listeners: ((status: ResolverStatus) => void)[] = [];

  const stop = new AbortController();
  /** Ends whatever pause or confirmation is going on, because something happened. */
  let interrupt = new AbortController();
  /** Ends the search under way. */
  let seeking: AbortController | undefined;
  let current: Search | undefined;
  let upkeep: Promise<void> | undefined;

  let router: Router | undefined;
  let isTrusted = false;
  /** Whether a router that is not trusted was only slow to answer. */
  let isSilence = false;
  let wantsSearch = true;
  let confirmedAt: number | undefined;
  let lastFailure: ResolverStatus["lastFailure"];
  let lastCauses: readonly Cause[] = [];
  let lastSearchBegan = -Infinity;
  let failures = 0;
  let lostAt = 0;

  const status = (): ResolverStatus =>
    Object.freeze({
      state: isTrusted ? "ready" : router === undefined ? "searching" : "suspect",
      router,
      confirmedAt,
      lastFailure,
    });
  const tell = () => listeners.forEach((listener) => listener(status()));
  const awaken = () => {
    interrupt.abort();
    interrupt = new AbortController();
  };

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      if (wantsSearch) await seek();
      else await keep(router!);
    }
  }

  async function seek(): Promise<void> {
    await clock.sleep(lastSearchBegan + MIN_INTERVAL_MS - clock.now(), stop.signal);
    if (stop.signal.aborted) return;
    const before = lastSearchBegan;
    lastSearchBegan = clock.now();
    seeking = new AbortController();
    const isAwaited = waiters.size > 0 || failures === 0;
    current = startSearch(config, {
      timeoutMs: searchMs(config.timeoutMs, { isAwaited }),
      retryMs: isTrusted ? retryMs(0) : retryMs(clock.now() - lostAt),
      signal: seeking.signal,
      // One that is only being refreshed has no head start: the question is whether there is a better one.
      known: isTrusted ? undefined : router,
      onTrouble: events.trouble,
      onSubstitute: (using, reason) => events.substitute(config.iname, { using, reason }),
    }, search);
    const report = await current.done;
    const wasEnded = seeking.signal.aborted;
    current = seeking = undefined;
    if (stop.signal.aborted) return;
    // One that was cut short to begin anew does not count.
    if (wasEnded) lastSearchBegan = before;
    events.searched(report);
    if (report.router !== undefined) accept(report.router);
    else if (!wasEnded) await fail(report);
  }

  function accept(found: Router): void {
    events.found(found, { before: router, wasTrusted: isTrusted, outageMs: clock.now() - lostAt });
    router = found;
    isTrusted = true;
    wantsSearch = false;
    failures = 0;
    confirmedAt = found.since;
    waiters.serve(found);
    tell();
  }

  async function fail(report: SearchReport): Promise<void> {
    lastCauses = report.sources.flatMap(({ cause }) => cause ?? []);
    const error = new DiscoveryError(lastCauses);
    lastFailure = Object.freeze({ at: clock.date(), message: error.message });
    failures += 1;
    events.failed(error, { failures, keeping: isTrusted ? router : undefined });
    // A refresh that found nobody leaves everything as it was.
    wantsSearch = !isTrusted;
    tell();
    if (!isTrusted && waiters.size === 0) {
      await clock.sleep(restMs({ failures, elapsedMs: clock.now() - lostAt }, clock), interrupt.signal);
    }
  }

  /** Watches over a router that is trusted, until something happens or it is time to ask after it. */
  async function keep(kept: Router): Promise<void> {
    const { signal } = interrupt;
    const { confirmIntervalMs } = config;
    await clock.sleep(confirmIntervalMs === 0 ? Infinity : jitter(confirmIntervalMs, clock), signal);
    if (signal.aborted || confirmIntervalMs === 0) return;
    try {
      const server = await confirmRouter(kept, config, { ...search, signal });
      confirmedAt = clock.date();
      if (server === kept.address || kept.source !== "dhcp") return;
      events.renamed(kept, server);
      wantsSearch = true;
    } catch (error) {
      if (!signal.aborted) suspect(kept, error);
    }
  }

  function suspect(suspected: Router, error: unknown): void {
    if (suspected !== router || !isTrusted) return;
    events.suspected(suspected, error);
    isTrusted = false;
    isSilence = ["response_timeout", "connect_timeout"].includes(kindOf(error));
    wantsSearch = true;
    failures = 0;
    lostAt = clock.now();
    awaken();
    // A search that was only to refresh the router does not know that it is in doubt.
    seeking?.abort();
    tell();
  }

  const explain = (signal: AbortSignal) =>
    new DiscoveryError(current?.report().sources.flatMap(({ cause }) => cause ?? []) ?? lastCauses, {
      cause: signal.reason,
    });

  return {
    start() {
      lostAt = clock.now();
      upkeep ??= run();
    },

    router(signal) {
      if (isTrusted) return router!;
      const waiting = waiters.wait(signal, () => explain(signal));
      awaken();
      return waiting;
    },

    report: suspect,

    observe(observed, { status }) {
      if (observed !== router || isTrusted || !isSilence || status >= 500) return;
      events.answered(observed, { outageMs: clock.now() - lostAt });
      isTrusted = true;
      wantsSearch = false;
      seeking?.abort();
      waiters.serve(observed);
      tell();
    },

    refresh() {
      wantsSearch = true;
      awaken();
    },

    onChange: (listener) => void listeners.push(listener),
    status,

    async close() {
      stop.abort();
      seeking?.abort();
      awaken();
      waiters.dismiss();
      await upkeep;
    },
  };
}
