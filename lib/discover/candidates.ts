/**
 * The addresses that sources named in one search, and which of them prove to be a router.
 *
 * Knows how often to ask; leaves who may be asked to `refusal.ts`, the proof to `validate.ts`, who is better than whom to
 * `rank.ts`, how many there may be to `admission.ts`, and the end of the race to `search.ts`.
 *
 * @module
 */

import type { DiscoveryConfig } from "../config/config.ts";
import { kindOf } from "../config_drive/address.ts";
import { jitter } from "../time/backoff.ts";
import type { Clock } from "../time/clock.ts";
import { withTimeout } from "../time/with_timeout.ts";
import { createAdmission } from "./admission.ts";
import type { Candidate, Proposal } from "./candidate.ts";
import { ValidationError } from "./errors.ts";
import type { Network } from "./sources/network.ts";
import { canBeOutranked, compareCandidates, isRemembered } from "./rank.ts";
import { whyRefused } from "./refusal.ts";
import type { Validate } from "./validate.ts";

/** The candidates of one search. */
export interface Candidates {
  /**
   * Adds an address, and begins to validate it unless it is refused or known already. A known one is validated once more
   * when another source names it, or the same on a better interface: what was tried in vain a moment ago may just have come up.
   */
  propose(address: string, proposal: Proposal): void;
  list(): readonly Candidate[];
  /** The best of those that are valid. */
  best(): Candidate | undefined;
  /** The best of those that would be valid if they had the right identity. */
  bestForeign(): Candidate | undefined;
  /**
   * Says that one answered another request than for its proof: asks for that again, if it is still to come. What was asked
   * before is held up by a packet that got lost, and not by the router.
   */
  answered(address: string): void;
  /** The only one that is still being asked, and has been for so long: most likely a slow router. */
  prospect(sinceMs: number): Candidate | undefined;
  /** Whether anybody can still prove to be better than this one. */
  canBeOutranked(leader: Candidate): boolean;
  /** Whether somebody better than this one has not been decided on. */
  hasBetterPending(leader: Candidate): boolean;
  /** Whether it is on an interface that is not the best one: somebody better may not have been named yet. */
  isSecondary(leader: Candidate): boolean;
}

/** What candidates are judged by. */
export interface CandidatesOptions {
  readonly config: Pick<DiscoveryConfig, "sources" | "server" | "allowServer">;
  readonly network: Pick<Network, "isOnLink" | "isOwn" | "interfaceRank">;
  /** The default gateways, as far as they are known. */
  readonly gateways: () => ReadonlySet<string>;
  readonly validate: Validate;
  readonly clock: Clock;
  /** The instance-id that a router has to serve; any if not given. */
  readonly identity: string | undefined;
  /** Ends every validation. */
  readonly signal: AbortSignal;
  /** How long a validation may take. */
  readonly patienceMs: number;
  /** How often each is validated again. */
  readonly retryMs: number;
  /** Called when a candidate was added, or decided on. */
  readonly onChange: () => void;
  /** Called with what has to end before the search has left nothing behind. Never rejects. */
  readonly onTask: (task: Promise<void>) => void;
}

/**
 * How long a validation has to keep silent for a second one beside it: a router that hung when it was asked may have come
 * to life since, and one that a thousand guests ask at once must not be asked by each of them all the time.
 */
const OVERLAP_MS = 4_500;
/** How old a validation must be for another to be worth it. */
const FRESH_MS = 250;
/** How many of those that are refused are remembered, to be reported. */
const MAX_REFUSED = 16;

/** A candidate as it is worked on. */
interface Entry extends Candidate {
  proposals: readonly Proposal[];
  state: Candidate["state"];
  identity: string | undefined;
  isConnected: boolean;
  elapsedMs: number;
  failure?: unknown;
  askedAt: number;
  triedAt: number;
  readonly isRejected: boolean;
  readonly isProven: boolean;
  /** Ends what is done for it. */
  readonly stop: AbortController;
}

/** Creates the candidates of a search, none yet. */
export function createCandidates(options: CandidatesOptions): Candidates {
  const { config, network, validate, clock, signal, onChange } = options;
  const startedAt = clock.now();
  const field = new Map<string, Entry>();
  const admission = createAdmission<Entry>(clock.now);
  const refused = () => [...field.values()].filter(({ state }) => state === "refused");

  const priority = ({ source }: Proposal): number => config.sources.indexOf(source);
  /** Two interfaces may lead to the same network: it is the better one's, whichever brought the answer first. */
  const isOnBetter = (a: Proposal, b: Proposal) => network.interfaceRank(a.iface) < network.interfaceRank(b.iface);
  const compare = (a: Candidate, b: Candidate) =>
    compareCandidates(a, b, { priority, gateways: options.gateways(), interfaceRank: network.interfaceRank });
  const bestOf = (state: Candidate["state"]) =>
    [...field.values()].filter((entry) => entry.state === state).sort(compare)[0];

  async function attempt(entry: Entry): Promise<void> {
    entry.triedAt = clock.now();
    const { signal } = entry.stop;
    const outcome: Pick<Entry, "state" | "identity" | "failure"> = await withTimeout(
      options.patienceMs,
      { clock, signal },
      (signal) => validate(entry.address, signal, () => void (entry.isConnected = true)),
    ).then(judge, (failure) => ({ state: "invalid", identity: undefined, failure }));
    if (signal.aborted || entry.state === "valid") return;
    if (outcome.state !== entry.state) entry.elapsedMs = clock.now() - startedAt;
    Object.assign(entry, outcome);
    onChange();
  }

  function judge(identity: string): Pick<Entry, "state" | "identity" | "failure"> {
    if (options.identity === undefined || identity === options.identity) {
      return { state: "valid", identity, failure: undefined };
    }
    const message = `serves the metadata of ${identity}, this machine's is ${options.identity}`;
    return { state: "foreign", identity, failure: new ValidationError("other_identity", message) };
  }

  /** Validates until it succeeds or the search is over: one attempt after the other, and beside one that hangs another. */
  async function revalidate(entry: Entry): Promise<void> {
    const { signal } = entry.stop;
    const attempts: Promise<void>[] = [];
    do {
      const current = attempt(entry);
      attempts.push(current);
      await Promise.race([
        current.then(() => entry.state === "valid" ? undefined : clock.sleep(jitter(options.retryMs, clock), signal)),
        clock.sleep(OVERLAP_MS * (1 + clock.random() / 5), signal),
      ]);
    } while (!signal.aborted && entry.state !== "valid");
    entry.stop.abort();
    await Promise.all(attempts);
  }

  function addProposal(entry: Entry, proposal: Proposal): void {
    const before = entry.proposals.find(({ source }) => source === proposal.source);
    if (before !== undefined && !before.isRemembered && !isOnBetter(proposal, before)) return;
    const wasRemembered = isRemembered(entry);
    entry.proposals = [...entry.proposals.filter((other) => other !== before), proposal]
      .sort((a, b) => priority(a) - priority(b));
    // One that is only slow need not be asked twice; one that nobody had named may have hung, and come up now.
    const isWorthIt = entry.state === "invalid" || entry.state === "foreign" ||
      (entry.state === "undecided" && wasRemembered);
    if (isWorthIt && clock.now() - entry.triedAt > FRESH_MS) options.onTask(attempt(entry));
    onChange();
  }

  function createEntry(address: string, proposal: Proposal): Entry {
    const failure = whyRefused(address, { ...config, network });
    const now = clock.now();
    return {
      address,
      isOnLink: kindOf(address) === "drive" || network.isOnLink(address),
      proposals: [proposal],
      state: failure === undefined ? "undecided" : "refused",
      identity: undefined,
      isConnected: false,
      elapsedMs: now - startedAt,
      failure,
      askedAt: now,
      triedAt: -Infinity,
      get isRejected() {
        return this.state === "invalid" || this.state === "foreign";
      },
      get isProven() {
        return this.state === "valid";
      },
      stop: new AbortController(),
    };
  }

  /** Whether there is a place for it; a refused one takes none. */
  function admit(entry: Entry, proposal: Proposal): boolean {
    if (entry.state === "refused") return refused().length < MAX_REFUSED;
    // Who was good until a moment ago is one, and needs no place.
    if (proposal.isRemembered) return true;
    const { isAdmitted, evicted } = admission.admit({ ...proposal, address: entry.address }, entry);
    if (evicted !== undefined) {
      evicted.stop.abort();
      field.delete(evicted.address);
    }
    return isAdmitted;
  }

  signal.addEventListener("abort", () => field.forEach(({ stop }) => stop.abort()));

  return {
    propose(address, proposal) {
      if (signal.aborted) return;
      const known = field.get(address);
      if (known !== undefined) return addProposal(known, proposal);
      const entry = createEntry(address, proposal);
      if (!admit(entry, proposal)) return;
      field.set(address, entry);
      if (entry.state === "undecided") options.onTask(revalidate(entry));
      onChange();
    },

    list: () => [...field.values()],
    best: () => bestOf("valid"),
    bestForeign: () => bestOf("foreign"),
    answered(address) {
      const entry = field.get(address);
      if (signal.aborted || entry?.state !== "undecided" || clock.now() - entry.triedAt <= FRESH_MS) return;
      options.onTask(attempt(entry));
    },
    prospect(sinceMs) {
      const pending = [...field.values()].filter(({ state }) => state === "undecided");
      const [only] = pending;
      const isSlow = pending.length === 1 && only!.isConnected && clock.now() - only!.askedAt >= sinceMs;
      return isSlow && bestOf("valid") === undefined ? only : undefined;
    },
    canBeOutranked: (leader) =>
      canBeOutranked(leader, { ...config, gateways: options.gateways(), interfaceRank: network.interfaceRank }),
    hasBetterPending: (leader) =>
      [...field.values()].some((other) => other.state === "undecided" && compare(other, leader) < 0),
    isSecondary: (leader) => network.interfaceRank(leader.proposals[0]!.iface) > 0,
  };
}
