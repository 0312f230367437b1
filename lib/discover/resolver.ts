/**
 * Finds the router, remembers it, doubts it, and finds it again.
 *
 * Knows when to search and whom to tell; leaves the searches to `searches.ts`, whose metadata is wanted to `identity.ts`,
 * when a router is asked after to `schedule.ts`, what speaks against one to `doubt.ts`, what outlives a restart to `recall.ts`,
 * and what is worth a line in the log to `event_log.ts`. One loop does everything in turn:
 *
 * ```
 *   searching --found--> ready --report(), or a confirmation fails--> suspect --found, or it answers--> ready
 *       \___rests, longer each time___/                                   \___rests___/
 * ```
 *
 * @module
 */

import type { DiscoveryConfig } from "../config/config.ts";
import { kindOf } from "../config_drive/address.ts";
import type { Client } from "../http1/client.ts";
import { openHost } from "../system/host.ts";
import type { Host } from "../system/host.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { SYSTEM_CLOCK } from "../time/clock.ts";
import type { Clock } from "../time/clock.ts";
import { MIN_INTERVAL_MS, restMs, retryMs, searchMs } from "./backoff.ts";
import { confirmRouter, hasDhcp, probeRouter } from "./confirm.ts";
import { doubtOf } from "./doubt.ts";
import { causeKindOf, DiscoveryError, mergeCauses, toCause, ValidationError } from "./errors.ts";
import type { Cause } from "./errors.ts";
import { createEventLog } from "./event_log.ts";
import { createIdentity } from "./identity.ts";
import { recall } from "./recall.ts";
import type { RouterMemory } from "./remembered.ts";
import { causesOf } from "./report.ts";
import type { SearchReport } from "./report.ts";
import type { Resolver, ResolverStatus, Router } from "./router.ts";
import { createSchedule } from "./schedule.ts";
import { createSearches } from "./searches.ts";
import { createValidate } from "./validate.ts";
import { createWaiters } from "./waiters.ts";

/** What the resolver works with. */
export interface ResolverDeps {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly client: Pick<Client, "request">;
  /** What outlives a restart; nothing if not given. */
  readonly memory?: RouterMemory | undefined;
  /** The machine's own if not given. */
  readonly clock?: Clock;
  /** This one if not given. */
  readonly host?: Host;
}

/** For how long a router that was seen to be slow is not asked again whether it is there. */
const TOLERANCE_MS = 60_000;

/** Creates a resolver that does nothing until it is started. */
export function createResolver(config: DiscoveryConfig, deps: ResolverDeps): Resolver {
  const { metrics, memory, clock = SYSTEM_CLOCK, host = openHost({ clock, metrics }) } = deps;
  const tools = { host, clock, validate: createValidate(deps.client) };
  const searches = createSearches(config, tools);
  const events = createEventLog({ log: deps.log, metrics, now: clock.now });
  const waiters = createWaiters();
  const schedule = createSchedule(config.confirmIntervalMs, clock);
  const { remembered, remember } = recall(memory, config, { onIgnored: events.forgot });
  const identity = createIdentity(config.identity, remembered?.identity);
  const listeners: (() => void)[] = [];

  const stop = new AbortController();
  /** Ends whatever pause or confirmation is going on, because something happened. */
  let interrupt = new AbortController();
  let upkeep: Promise<void> | undefined;

  let router: Router | undefined;
  let isTrusted = false;
  let wantsSearch = true;
  /** Whether somebody asked for a search who has not got one yet. */
  let wantsRefresh = false;
  /** Why the router is not trusted, or is being asked whether it is there. */
  let suspicion: { readonly cause: Cause; readonly error: unknown; readonly isSilence: boolean } | undefined;
  /** Until when a router is not asked again that was seen to be slow; `-Infinity` of one that was not. */
  let tolerantUntil = -Infinity;

  let confirmedAt: number | undefined;
  let lastFailure: ResolverStatus["lastFailure"];
  let lastCauses: readonly Cause[] = [];
  let failures = 0;
  let lostAt = 0;
  let trustedAt = 0;
  /** When an outage began that a router which answers now and then has not ended. */
  let troubledAt = 0;

  const status = (): ResolverStatus =>
    Object.freeze({
      state: isTrusted ? "ready" : router === undefined ? "searching" : "suspect",
      router,
      confirmedAt,
      lastFailure,
    });
  /** Whether the router is being asked if it is there. */
  const isProbing = () => isTrusted && suspicion !== undefined;
  /** Whether the last search found nobody but one of another identity, and one that searches for long enough may take it. */
  const mayTakeAnother = () =>
    identity.wanted()?.mayChange === true && lastCauses.some(({ kind }) => kind === "other_identity");
  const tell = () => listeners.forEach((listener) => listener());
  const awaken = () => {
    interrupt.abort();
    interrupt = new AbortController();
  };
  /** Has the loop look what is to be done; a router that is being asked whether it is there has its time to answer. */
  const nudge = () => {
    if (!isProbing()) awaken();
  };

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      if (wantsSearch) await seek();
      else if (isProbing()) await probe(router!);
      else await keep(router!);
    }
  }

  async function seek(): Promise<void> {
    await searches.untilAllowed(stop.signal);
    if (stop.signal.aborted || !wantsSearch) return;
    const isAsked = wantsRefresh;
    wantsRefresh = false;
    const wanted = identity.wanted();
    const isAwaited = waiters.size > 0 || failures === 0 || mayTakeAnother();
    const { report, wasEnded } = await searches.run({
      timeoutMs: searchMs(config.timeoutMs, { isAwaited }),
      patienceMs: config.timeoutMs,
      retryMs: isTrusted ? retryMs(0) : retryMs(clock.now() - troubledAt),
      known: router ?? remembered,
      isRefresh: isTrusted,
      identity: wanted && { ...wanted, mayChange: wanted.mayChange && isAwaited },
      onCertain: accept,
      onTrouble: events.trouble,
      onSubstitute: (using, reason) => events.substitute(config.iname, { using, reason }),
    });
    if (stop.signal.aborted) return;
    if (wasEnded && isAsked) wantsSearch = wantsRefresh = true;
    events.searched(report);
    // What was certain before the end is in force, or has become suspect since.
    if (report.router !== undefined && report.router === router) return;
    if (report.router !== undefined) accept(report.router);
    else if (!wasEnded) await fail(report);
  }

  function accept(found: Router): void {
    events.found(found, {
      before: router,
      identity: (router ?? remembered)?.identity,
      wasTrusted: isTrusted,
      outageMs: clock.now() - lostAt,
    });
    remember(found);
    identity.adopt(found.identity);
    const isAnother = found.address !== router?.address;
    schedule.begin({ isAnother });
    if (isAnother) tolerantUntil = -Infinity;
    router = found;
    failures = 0;
    confirmedAt = found.since;
    trust(found);
  }

  /** Gives the router to everyone who waits for one. */
  function trust(trusted: Router): void {
    if (!isTrusted) trustedAt = clock.now();
    isTrusted = true;
    wantsSearch = wantsRefresh;
    suspicion = undefined;
    waiters.serve(trusted);
    tell();
  }

  async function fail(report: SearchReport): Promise<void> {
    lastCauses = causesOf(report);
    const error = explain();
    lastFailure = Object.freeze({ at: clock.date(), message: error.message });
    failures += 1;
    events.failed(error, { failures, keeping: isTrusted ? router : undefined });
    // A refresh that found nobody leaves everything as it was, unless the router has just said no.
    wantsSearch = !isTrusted || wantsRefresh;
    if (isTrusted && hasSaidNo(router!, report)) schedule.doubt("strong");
    tell();
    if (!isTrusted && waiters.size === 0 && !mayTakeAnother()) {
      await clock.sleep(restMs({ failures, elapsedMs: clock.now() - lostAt }, clock), interrupt.signal);
    }
  }

  /** Watches over a router that is trusted, until something happens or it is time to ask after it. */
  async function keep(kept: Router): Promise<void> {
    const { signal } = interrupt;
    await clock.sleep(schedule.restMs(), signal);
    if (signal.aborted) return;
    const { isDoubted, withProof } = schedule.take();
    if (!isDoubted && kindOf(kept.address) === "drive" && config.sources.indexOf(kept.source) > 0) {
      // A router goes before a drive, and tells nobody that it has come.
      wantsSearch = true;
      return;
    }
    try {
      const { server, identity } = await confirmRouter(kept, config, { ...tools, withProof, signal });
      if (signal.aborted) return;
      confirmedAt = clock.date();
      if (identity !== undefined) recognize(kept, identity);
      if (server === undefined || server === kept.address || kept.source !== "dhcp") return;
      events.renamed(kept, server);
      wantsSearch = true;
    } catch (error) {
      if (signal.aborted) return;
      suspect(kept, error);
      // It could not be asked, and what is due still is.
      if (isTrusted) await clock.sleep(MIN_INTERVAL_MS, signal);
    }
  }

  /** A router gave its proof: compares whose metadata it has. */
  function recognize(kept: Router, id: string): void {
    schedule.prove();
    if (id === kept.identity) return;
    if (config.identity === "pinned") {
      const message = `serves the metadata of ${id}, this machine's is ${kept.identity}`;
      return suspect(kept, new ValidationError("other_identity", message));
    }
    accept(Object.freeze({ ...kept, identity: id, since: clock.date() }));
  }

  /** Asks a router that keeps a request waiting whether it is there at all. */
  async function probe(kept: Router): Promise<void> {
    const { signal } = interrupt;
    try {
      const { hasOthers } = hasDhcp(kept, config)
        ? await probeRouter(kept, config, { ...tools, signal, onAlive: () => seeAlive(kept) })
        : { hasOthers: false };
      if (stop.signal.aborted) return;
      if (isProbing()) suspect(kept, suspicion?.error);
      // It lives and is slow, and another answers too: that may be its successor.
      else if (hasOthers) wantsSearch = true;
    } catch {
      // What this machine lacks says nothing of the router.
      trust(kept);
    }
  }

  /** A router that was silent has answered: it is slow, and in force. */
  function seeAlive(kept: Router): void {
    if (kept !== router || suspicion?.isSilence !== true) return;
    const wasSlow = tolerantUntil > -Infinity;
    tolerantUntil = clock.now() + TOLERANCE_MS;
    if (isTrusted) {
      if (!wasSlow) events.slow(kept);
      schedule.doubt("weak");
    } else {
      events.answered(kept, { outageMs: clock.now() - lostAt });
      searches.end();
    }
    trust(kept);
  }

  function suspect(suspected: Router, error: unknown): void {
    // What this machine lacks says nothing of the router.
    if (causeKindOf(error) === "exhausted") return;
    events.suspected(suspected, error);
    suspicion = suspicionOf(suspected, error);
    isTrusted = false;
    tolerantUntil = -Infinity;
    wantsSearch = true;
    failures = 0;
    lastCauses = [];
    lostAt = clock.now();
    if (!suspicion.isSilence || lostAt - trustedAt > TOLERANCE_MS) troubledAt = lostAt;
    awaken();
    // A search that was only to refresh the router does not know that it is in doubt.
    searches.end();
    tell();
  }

  /** What is known of why there is no router: a caller who gives up gets all of it. */
  const explain = (signal?: AbortSignal) => {
    const { current } = searches;
    const searched = mergeCauses(current === undefined ? [] : causesOf(current.report()), lastCauses);
    const known = suspicion === undefined || searched.some(({ message }) => message.includes(router!.address))
      ? []
      : [suspicion.cause];
    const suspect = suspicion && router && { address: router.address, error: suspicion.error };
    return new DiscoveryError([...known, ...searched], { suspect, ...signal && { cause: signal.reason } });
  };

  return {
    start() {
      lostAt = troubledAt = clock.now();
      upkeep ??= run();
    },

    router(signal) {
      if (isTrusted && !isProbing()) return router!;
      const waiting = waiters.wait(signal, () => {
        if (failures > 0) void searches.endUnattended(() => waiters.size > 0);
        return explain(signal);
      });
      if (!isTrusted) awaken();
      return waiting;
    },

    report(reported, error, { isPending = false } = {}) {
      if (reported !== router || !isTrusted) return;
      if (isPending && clock.now() < tolerantUntil) return;
      if (!isPending || searches.current !== undefined) return suspect(reported, error);
      if (isProbing()) return;
      suspicion = suspicionOf(reported, error);
      awaken();
    },

    observe(observed, response) {
      if (observed !== router) return searches.current?.answered(observed.address);
      const doubt = doubtOf(response);
      if (doubt === undefined || doubt === "weak") seeAlive(observed);
      if (doubt === undefined || !isTrusted) return;
      if (schedule.doubt(doubt) && searches.current === undefined) nudge();
    },

    prospect() {
      const address = isTrusted ? undefined : searches.current?.prospect();
      return address === undefined ? undefined : { address };
    },

    refresh() {
      identity.allowChange();
      wantsSearch = wantsRefresh = true;
      nudge();
    },

    onChange: (listener) => void listeners.push(listener),
    status,

    async close() {
      stop.abort();
      searches.end();
      awaken();
      waiters.dismiss();
      await upkeep;
    },
  };
}

/** Whether a router was asked for its proof and gave something else; one that is merely silent may be slow. */
function hasSaidNo({ address }: Router, { candidates }: SearchReport): boolean {
  const kind = candidates.find((candidate) => candidate.address === address && candidate.verdict === "invalid")?.cause
    ?.kind;
  return kind !== undefined && kind !== "timeout" && !isSilence(kind);
}

function suspicionOf(router: Router, error: unknown): { cause: Cause; error: unknown; isSilence: boolean } {
  const { kind, message } = toCause(router.source, error);
  const cause = { source: router.source, kind, message: `${router.address} ${message}` };
  return { cause, error, isSilence: isSilence(causeKindOf(error)) };
}

/** Whether a router has said nothing: it may be slow, or gone. */
function isSilence(kind: Cause["kind"]): boolean {
  return kind === "response_timeout" || kind === "connect_timeout";
}
