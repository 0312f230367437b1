/**
 * The addresses that sources named in one search, and which of them prove to be a router.
 *
 * Knows who may be a router, who is better than whom, and how often to ask; leaves the question itself to `validate.ts` and
 * the end of the race to `search.ts`.
 *
 * @module
 */

import { contains, isUsableRouter } from "../ipv4/ipv4.ts";
import type { DiscoveryConfig } from "../config/config.ts";
import type { SourceName } from "../config/options.ts";
import type { Clock } from "../time/clock.ts";
import { jitter } from "../time/backoff.ts";
import { ValidationError } from "./errors.ts";
import type { Network } from "./network.ts";
import type { Validate } from "./validate.ts";
import { withTimeout } from "../time/with_timeout.ts";

/** Who named a candidate. */
export interface Proposal {
  readonly source: SourceName;
  readonly iface: string | undefined;
  /** Whether it did so in an earlier search. */
  readonly isRemembered?: boolean;
}

/** An address that may be the router's. */
export interface Candidate {
  readonly address: string;
  /** Whether it lies in a network that the machine is attached to. */
  readonly isOnLink: boolean;
  /** Everyone who named it, the most trusted first. */
  readonly proposals: readonly Proposal[];
  readonly state: "undecided" | "valid" | "invalid" | "refused";
  /** When it came to its state, in milliseconds since the search began. */
  readonly elapsedMs: number;
  /** Why it is invalid or refused. */
  readonly failure?: unknown;
}

/** The candidates of one search. */
export interface Candidates {
  /**
   * Adds an address, and begins to validate it unless it is refused or known already. A known one is validated once more
   * when another source names it: what was tried in vain a moment ago may just have come up.
   */
  propose(address: string, proposal: Proposal): void;
  list(): readonly Candidate[];
  /** The best of those that are valid. */
  best(): Candidate | undefined;
  /** Whether somebody better than this one has not been decided on. */
  hasBetterPending(leader: Candidate): boolean;
  /** Whether it is on an interface that is not the best one: somebody better may not have been named yet. */
  isSecondary(leader: Candidate): boolean;
}

/** What candidates are judged by. */
export interface CandidatesOptions {
  readonly config: Pick<DiscoveryConfig, "sources" | "allowServer">;
  readonly network: Pick<Network, "isOnLink" | "isOwn" | "interfaceRank">;
  readonly validate: Validate;
  readonly clock: Clock;
  /** Ends every validation. */
  readonly signal: AbortSignal;
  /** How long the first validation of each may take. */
  readonly patienceMs: number;
  /** How often each is validated again. */
  readonly retryMs: number;
  /** Called when a candidate turns out valid or invalid. */
  readonly onDecided: () => void;
  /** Called with what has to end before the search has left nothing behind. Never rejects. */
  readonly onTask: (task: Promise<void>) => void;
}

/** How long each validation but the first may take. */
const VALIDATION_MS = 1_500;
/** How old a validation must be for another to be worth it. */
const FRESH_MS = 250;
/** More than a network has, fewer than a hostile one could name. */
const MAX_CANDIDATES = 16;

/** A candidate as it is worked on. */
type Entry = { -readonly [K in keyof Candidate]: Candidate[K] } & { triedAt: number };

/** Creates an empty field. */
export function createCandidates(options: CandidatesOptions): Candidates {
  const { config, network, validate, clock, signal, onDecided } = options;
  const startedAt = clock.now();
  const field = new Map<string, Entry>();

  /** Lower is better. */
  const priority = ({ source }: Proposal): number => config.sources.indexOf(source);
  const interfaceRank = ({ proposals: [proposal] }: Candidate): number => network.interfaceRank(proposal!.iface);
  /** Lower is better: on-link before off-link, then in the order of the interfaces, then in that of trust. */
  const compare = (a: Candidate, b: Candidate): number =>
    Number(b.isOnLink) - Number(a.isOnLink) || interfaceRank(a) - interfaceRank(b) ||
    priority(a.proposals[0]!) - priority(b.proposals[0]!);

  const whyRefused = (address: string): ValidationError | undefined => {
    if (!isUsableRouter(address)) return new ValidationError("unusable", "is no address that a router can have");
    if (network.isOwn(address)) return new ValidationError("unusable", "is this machine's own address");
    const isAllowed = config.allowServer.length === 0 || config.allowServer.some((range) => contains(range, address));
    return isAllowed ? undefined : new ValidationError("not_allowed", "is outside of --allow-server");
  };

  async function attempt(entry: Entry, limitMs: number): Promise<void> {
    entry.triedAt = clock.now();
    let failure: unknown;
    try {
      await withTimeout(limitMs, { clock, signal }, (signal) => validate(entry.address, signal));
    } catch (error) {
      failure = error;
    }
    if (signal.aborted || entry.state === "valid") return;
    const state = failure === undefined ? "valid" : "invalid";
    if (state !== entry.state) entry.elapsedMs = clock.now() - startedAt;
    Object.assign(entry, { state, failure });
    onDecided();
  }

  /**
   * Validates until it succeeds or the search is over. The first attempt is patient: a router that a thousand guests ask
   * at once is slow, and to give up on it would have it begin anew. The others are short: one that hung when it was first
   * asked may have come to life since.
   */
  async function revalidate(entry: Entry): Promise<void> {
    const patient = attempt(entry, options.patienceMs);
    const pause = () => clock.sleep(jitter(options.retryMs, clock), signal);
    await pause();
    while (!signal.aborted && entry.state !== "valid") await Promise.all([attempt(entry, VALIDATION_MS), pause()]);
    await patient;
  }

  function addProposal(entry: Entry, proposal: Proposal): void {
    const others = entry.proposals.filter(({ source, isRemembered }) => source !== proposal.source || !isRemembered);
    if (others.some(({ source }) => source === proposal.source)) return;
    entry.proposals = [...others, proposal].sort((a, b) => priority(a) - priority(b));
    const isOpen = entry.state === "undecided" || entry.state === "invalid";
    if (isOpen && clock.now() - entry.triedAt > FRESH_MS) options.onTask(attempt(entry, VALIDATION_MS));
  }

  return {
    propose(address, proposal) {
      if (signal.aborted) return;
      const known = field.get(address);
      if (known !== undefined) return addProposal(known, proposal);
      if (field.size >= MAX_CANDIDATES) return;
      const failure = whyRefused(address);
      const entry: Entry = {
        address,
        isOnLink: network.isOnLink(address),
        proposals: [proposal],
        state: failure === undefined ? "undecided" : "refused",
        elapsedMs: clock.now() - startedAt,
        failure,
        triedAt: -Infinity,
      };
      field.set(address, entry);
      if (failure === undefined) options.onTask(revalidate(entry));
    },

    list: () => [...field.values()],
    best: () => [...field.values()].filter(({ state }) => state === "valid").sort(compare)[0],
    hasBetterPending: (leader) =>
      [...field.values()].some((other) => other.state === "undecided" && compare(other, leader) < 0),
    isSecondary: (leader) => interfaceRank(leader) > 0,
  };
}
