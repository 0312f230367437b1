/**
 * One search: every source is asked, whatever it names is validated, and the first that proves to be a router wins.
 *
 * Knows the race (RFC 8305) and when it is over; leaves the candidates to `candidates.ts`, what they are named by to the
 * sources, and when to search to the resolver.
 *
 * @module
 */

import type { DiscoveryConfig } from "../config/config.ts";
import type { SourceName } from "../config/options.ts";
import type { Clock } from "../time/clock.ts";
import { jitter } from "../time/backoff.ts";
import { createCandidates } from "./candidates.ts";
import type { Candidate } from "./candidates.ts";
import { SourceError } from "./errors.ts";
import type { Machine } from "../system/host.ts";
import { createNetwork } from "./network.ts";
import { reportCandidates, reportSources } from "./report.ts";
import type { Asked, SearchReport } from "./report.ts";
import type { Router } from "./router.ts";
import { SOURCES } from "./sources.ts";
import type { Validate } from "./validate.ts";

/** What a search works with. */
export interface SearchDeps {
  readonly machine: Machine;
  readonly validate: Validate;
  readonly clock: Clock;
}

/** How one search is done. */
export interface SearchOptions {
  readonly timeoutMs: number;
  /** How often a source or a candidate is asked again: a lease may still come, a web server may still start. */
  readonly retryMs: number;
  /** Ends the search early. */
  readonly signal: AbortSignal;
  /** A router that was good until a moment ago: it is validated first of all. */
  readonly known?: Router | undefined;
  /** Ask every source at once and hear them all out, for people who want to see what each has to say. */
  readonly isThorough?: boolean;
  /** Called when a source breaks, or has to do without something. */
  readonly onTrouble?: (source: SourceName, error: unknown) => void;
  /** Called when another interface than the one of the configuration is used, with the reason. */
  readonly onSubstitute?: (using: string, reason: string) => void;
}

/** A search under way. */
export interface Search {
  /** Resolves when the search is over and has left nothing behind. */
  readonly done: Promise<SearchReport>;
  /** What has come of it so far. */
  report(): SearchReport;
}

/** The sources that start at once: what the operator said, and what answers within milliseconds. */
const EARLY: readonly SourceName[] = ["server", "dhcp"];
/** How long those have for themselves. */
const STAGGER_MS = 300;
/** How long a better candidate that is being validated may hold up one that was. */
const GRACE_MS = 100;
/** The same where everyone is heard out. */
const THOROUGH_GRACE_MS = 1_000;

/** Starts a search. */
export function startSearch(config: DiscoveryConfig, options: SearchOptions, deps: SearchDeps): Search {
  const { clock, machine, validate } = deps;
  const { known, timeoutMs, retryMs, isThorough = false, onTrouble = () => {}, onSubstitute = () => {} } = options;
  const startedAt = clock.now();
  const over = new AbortController();
  const { signal } = over;
  const asked = new Map<SourceName, Asked>();
  const tasks: Promise<void>[] = [];
  const network = createNetwork({ ...config, machine, signal, onSubstitute });
  const candidates = createCandidates({
    config,
    network,
    validate,
    clock,
    signal,
    patienceMs: timeoutMs,
    retryMs,
    onDecided: decide,
    onTask: (task) => tasks.push(task),
  });

  /** Ends the race when there is a winner, or soon after if a better candidate is about to prove itself. */
  function decide(): void {
    const leader = candidates.best();
    if (leader === undefined) return;
    if (isThorough) tasks.push(endAfter(THOROUGH_GRACE_MS));
    else if (candidates.isSecondary(leader)) tasks.push(endAfter(STAGGER_MS));
    else if (candidates.hasBetterPending(leader)) tasks.push(endAfter(GRACE_MS));
    else over.abort();
  }

  async function endAfter(ms: number): Promise<void> {
    await clock.sleep(ms, signal);
    over.abort();
  }

  /** Asks a source again and again; calls back when it has answered for the first time. */
  async function poll(source: SourceName, onAnswered = () => {}): Promise<void> {
    asked.set(source, { state: "asked" });
    while (!signal.aborted) {
      asked.set(source, await ask(source));
      onAnswered();
      await clock.sleep(jitter(retryMs, clock), signal);
    }
  }

  async function ask(source: SourceName): Promise<Asked> {
    try {
      await SOURCES[source]({
        machine,
        network,
        server: config.server,
        known: known?.address,
        retryMs,
        signal,
        propose: (address, iface) => candidates.propose(address, { source, iface }),
        note: (trouble) => onTrouble(source, trouble),
      });
      return { state: "returned" };
    } catch (failure) {
      // What breaks because the race was won says nothing; only who waited in vain to its very end does.
      if (signal.aborted && (candidates.best() !== undefined || !(failure instanceof SourceError))) {
        return { state: "asked" };
      }
      if (!signal.aborted) onTrouble(source, failure);
      return { state: "failed", failure };
    }
  }

  async function pollAll(): Promise<void> {
    const sources = config.sources.filter((source) => source !== "server" || config.server !== undefined);
    const early = sources.filter((source) => isThorough || EARLY.includes(source));
    const answers = early.map((source) => new Promise<void>((resolve) => tasks.push(poll(source, resolve))));
    await Promise.race([clock.sleep(STAGGER_MS, signal), Promise.all(answers)]);
    if (signal.aborted) return;
    for (const source of sources) {
      if (!early.includes(source)) tasks.push(poll(source));
    }
  }

  function report(): SearchReport {
    const chosen = candidates.best();
    const rows = reportCandidates(candidates.list(), chosen);
    const elapsedMs = clock.now() - startedAt;
    return {
      router: chosen && toRouter(chosen, elapsedMs),
      elapsedMs,
      sources: reportSources(asked, rows),
      candidates: rows,
    };
  }

  function toRouter({ address, proposals }: Candidate, elapsedMs: number): Router {
    const { source, iface } = proposals[0]!;
    return Object.freeze({ address, source, iface, since: clock.date(), elapsedMs });
  }

  async function run(): Promise<SearchReport> {
    const end = () => over.abort();
    options.signal.addEventListener("abort", end);
    if (options.signal.aborted) end();
    if (known !== undefined) {
      candidates.propose(known.address, { source: known.source, iface: known.iface, isRemembered: true });
    }
    tasks.push(pollAll());
    await endAfter(timeoutMs);
    options.signal.removeEventListener("abort", end);
    // No task is added once the race is over, and none rejects.
    await Promise.all(tasks);
    const found = report();
    const iface = found.router?.iface;
    const reason = network.whyOther(iface);
    if (reason !== undefined) onSubstitute(iface!, reason);
    return found;
  }

  return { done: run(), report };
}
