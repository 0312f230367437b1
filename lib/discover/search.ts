/**
 * One search: every source is asked, whatever it names is validated, and the first that proves to be a router wins.
 *
 * Knows the race (RFC 8305) and when it is over; leaves the candidates to `candidates.ts`, the asking of sources to
 * `poll_sources.ts`, and when to search to the resolver.
 *
 * @module
 */

import type { DiscoveryConfig } from "../config/config.ts";
import type { SourceName } from "../config/words.ts";
import type { Clock } from "../time/clock.ts";
import { kindOf } from "../config_drive/address.ts";
import { createCandidates } from "./candidates.ts";
import type { Candidate } from "./candidate.ts";
import { pollSources, STAGGER_MS } from "./poll_sources.ts";
import type { Host } from "../system/host.ts";
import { createNetwork } from "./sources/network.ts";
import { isRemembered } from "./rank.ts";
import { reportCandidates, reportSources } from "./report.ts";
import type { SearchReport, SourceState } from "./report.ts";
import type { Router } from "./router.ts";
import type { Validate } from "./validate.ts";

/** What a search works with. */
export interface SearchDeps {
  readonly host: Host;
  readonly validate: Validate;
  readonly clock: Clock;
}

/** Whose metadata is wanted. */
export interface WantedIdentity {
  /** The instance-id that proved the last router. */
  readonly id: string;
  /** Whether one of another identity may be taken, if this one is not found in the whole search. */
  readonly mayChange: boolean;
}

/** How one search is done. */
export interface SearchOptions {
  readonly timeoutMs: number;
  /** How long it may take if its only candidate is slow to answer (default: no longer than `timeoutMs`). */
  readonly patienceMs?: number;
  /** How often a source or a candidate is asked again: a lease may still come, a web server may still start. */
  readonly retryMs: number;
  /** Ends the search early. */
  readonly signal: AbortSignal;
  /** A router that was good until a moment ago: it is validated first of all. */
  readonly known?: Pick<Router, "address" | "source" | "iface"> | undefined;
  /** Whether that one is not in doubt: the question is whether there is a better one. */
  readonly isRefresh?: boolean;
  /** Any if not given. */
  readonly identity?: WantedIdentity | undefined;
  /** Ask every source at once and hear them all out, for people who want to see what each has to say. */
  readonly isThorough?: boolean;
  /** Called as soon as a router has proven itself that nobody can outrank; the search goes on to hear who else there is. */
  readonly onCertain?: (router: Router) => void;
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
  /** The address of the only candidate left, if it accepted a connection and takes long to answer. */
  prospect(): string | undefined;
  /** Says that the address answered another request than for its proof. */
  answered(address: string): void;
}

/** How long a candidate that proved itself may be held up by others, from its proof on: see `decideAt`. */
const HOLD_MS = { thorough: 1_000, drive: 1_000, routes: 1_000, unnamed: STAGGER_MS, pending: 100 };
/**
 * While no router is known: how long the race goes on from when somebody was first named, because others may be named, or
 * prove themselves. Nobody waits for that once the router is certain.
 */
const COLD_MS = { unnamed: 75, pending: 175 };
/** When an answer that has not come is called slow. */
const PROSPECT_MS = 1_000;

/** Starts a search. */
export function startSearch(config: DiscoveryConfig, options: SearchOptions, deps: SearchDeps): Search {
  const { clock, host, validate } = deps;
  const { known, identity, timeoutMs, patienceMs = timeoutMs, retryMs, isRefresh = false, isThorough = false } =
    options;
  const { onCertain = () => {}, onTrouble = () => {}, onSubstitute = () => {} } = options;
  /** Whether no router is known: then the best is wanted, but not everybody there is. */
  const isCold = known === undefined && !isThorough;
  const startedAt = clock.now();
  const over = new AbortController();
  const { signal } = over;
  const asked = new Map<SourceName, SourceState>();
  const tasks: Promise<void>[] = [];
  const network = createNetwork({ ...config, host, signal, onSubstitute });
  /** When somebody was first named. */
  let namedAt: number | undefined;
  /** When somebody first proved to be a router. */
  let provenAt: number | undefined;
  /** The router that nobody can outrank. */
  let certain: Router | undefined;
  /** The default gateways; `undefined` until they are known. */
  let gateways: ReadonlySet<string> | undefined;
  const candidates = createCandidates({
    config,
    network,
    gateways: () => gateways ?? NO_GATEWAYS,
    validate,
    clock,
    identity: identity?.id,
    signal,
    patienceMs,
    retryMs,
    onChange: decide,
    onTask: (task) => tasks.push(task),
  });

  /** Ends the race when there is a winner and nobody is worth waiting for. */
  function decide(): void {
    namedAt ??= clock.now();
    if (isCold) learnGateways();
    const leader = candidates.best();
    if (signal.aborted || leader === undefined) return;
    provenAt ??= clock.now();
    if (isCold && certain === undefined && !candidates.canBeOutranked(leader)) {
      onCertain(certain = toRouter(leader, clock.now() - startedAt));
    }
    const restMs = decideAt(leader, { namedAt, provenAt }) - clock.now();
    if (restMs > 0) tasks.push(clock.sleep(restMs, signal).then(decide));
    else over.abort();
  }

  /** Until when a leader has to wait for somebody better. */
  function decideAt(leader: Candidate, at: { readonly namedAt: number; readonly provenAt: number }): number {
    if (isThorough) return at.provenAt + HOLD_MS.thorough;
    // Without a router a drive serves; where both are, the order is the operator's.
    if (kindOf(leader.address) === "drive" && hasSourceBefore(leader)) return at.provenAt + HOLD_MS.drive;
    if (candidates.isSecondary(leader) || (isRefresh && isRemembered(leader))) return at.provenAt + HOLD_MS.unnamed;
    const isPending = candidates.hasBetterPending(leader);
    if (known !== undefined) return isPending ? at.provenAt + HOLD_MS.pending : at.provenAt;
    // Of two routers at a start not the faster one is to win, but the same one every time.
    const areMany = candidates.list().filter(({ state }) => state === "valid").length > 1;
    if (areMany && gateways === undefined) return at.provenAt + HOLD_MS.routes;
    return at.namedAt + (isPending || certain !== undefined ? COLD_MS.pending : COLD_MS.unnamed);
  }

  function hasSourceBefore({ proposals: [proposal] }: Candidate): boolean {
    return config.sources.indexOf(proposal!.source) > 0;
  }

  let isLearning = false;
  function learnGateways(): void {
    if (isLearning) return;
    isLearning = true;
    tasks.push(
      network.gateways().catch(() => []).then((routes) => {
        gateways = new Set(routes.map(({ gateway }) => gateway));
        decide();
      }),
    );
  }

  function report({ isComplete = false } = {}): SearchReport {
    // One of another identity only when the right one was looked for all the time there was.
    const chosen = candidates.best() ?? (identity?.mayChange && isComplete ? candidates.bestForeign() : undefined);
    const rows = reportCandidates(candidates.list(), chosen);
    const elapsedMs = clock.now() - startedAt;
    return {
      router: chosen?.address === certain?.address ? certain : chosen && toRouter(chosen, elapsedMs),
      elapsedMs,
      sources: reportSources(asked, rows),
      candidates: rows,
    };
  }

  function toRouter({ address, proposals, identity }: Candidate, elapsedMs: number): Router {
    const { source, iface } = proposals[0]!;
    return Object.freeze({ address, source, iface, identity: identity!, since: clock.date(), elapsedMs });
  }

  async function run(): Promise<SearchReport> {
    const end = () => over.abort();
    options.signal.addEventListener("abort", end);
    if (options.signal.aborted) end();
    if (known !== undefined) {
      const { address, source } = known;
      // The machine may have been given other interfaces meanwhile.
      const iface = network.devices().find((name) => name === known.iface);
      candidates.propose(address, { source, iface, isRemembered: true });
    }
    tasks.push(pollSources({
      ...{ ...config, host, network, clock, retryMs, signal, isThorough },
      // A drive is nobody to be asked.
      known: known !== undefined && kindOf(known.address) === "router" ? known.address : undefined,
      hasWinner: () => candidates.best() !== undefined,
      onState: (source, state) => asked.set(source, state),
      onProposal: candidates.propose,
      onTrouble,
    }));
    await clock.sleep(timeoutMs, signal);
    if (candidates.prospect(PROSPECT_MS) !== undefined) await clock.sleep(patienceMs - timeoutMs, signal);
    const isComplete = !signal.aborted;
    over.abort();
    options.signal.removeEventListener("abort", end);
    // No task is added once the race is over, and none rejects.
    await Promise.all(tasks);
    const found = report({ isComplete });
    const iface = found.router?.iface;
    const reason = network.whyOther(iface);
    if (reason !== undefined) onSubstitute(iface!, reason);
    return found;
  }

  return {
    done: run(),
    report: () => report(),
    prospect: () => candidates.prospect(PROSPECT_MS)?.address,
    answered: candidates.answered,
  };
}

const NO_GATEWAYS: ReadonlySet<string> = new Set();
