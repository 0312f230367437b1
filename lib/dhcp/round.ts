/**
 * What is asked of whom each time that an exchange asks: both messages at first, then fewer. Pure.
 *
 * @module
 */

import type { MessageType } from "./transaction.ts";

const BROADCAST = "255.255.255.255";

/** Which rounds ask likely servers by address: the second, and some later ones. */
const LIKELY_ROUNDS = { first: 1, every: 3 } as const;

/** A server that may be worth a message of its own. */
export interface LikelyServer {
  readonly address: string;
  /** The interface it is reached by; any if not given. */
  readonly iface?: string | undefined;
}

/** Whom to ask on one interface. */
export interface RoundOptions {
  /** Whether to ask every server on the interface's network (default: yes). */
  readonly broadcast?: boolean;
  /** Servers to ask by address, wherever they are. */
  readonly servers?: readonly string[];
  /** Servers to ask by address as well, if the round is for them. */
  readonly likely: readonly LikelyServer[];
  readonly iface: string;
}

/** What to send on one interface. */
export interface Packet {
  readonly type: MessageType;
  readonly to: string;
}

/** One time of asking. */
export interface Round {
  /** 0 is the first. */
  readonly count: number;
  readonly hasClientPort: boolean;
}

/**
 * What to send in a round: both messages to everyone at first, then one after the other, which costs the network half as
 * much, and most servers answer either. In their order: a DISCOVER, which has port 68 of the interface's address to itself
 * while it leaves, goes before every INFORM, which may be answered there.
 */
export function planRound(
  { count, hasClientPort }: Round,
  { broadcast = true, servers = [], likely, iface }: RoundOptions,
): Packet[] {
  const toServers = servers.map((to) => ({ type: "inform", to } as const));
  if (!broadcast) return toServers;
  // An offer only ever comes to port 68.
  const types: readonly MessageType[] = hasClientPort ? ["inform", "discover"] : ["inform"];
  const toEveryone = types.map((type) => ({ type, to: BROADCAST }));
  // A server hears the broadcasts too, as a rule.
  if (count === 0) return [...toEveryone.toReversed(), ...toServers];
  const toLikely = likely.filter((server) => !servers.includes(server.address) && (server.iface ?? iface) === iface);
  return [
    toEveryone[count % types.length]!,
    ...toLikely.map(({ address }) => ({ type: "inform", to: address } as const)),
  ];
}

/** Whether a round asks likely servers by address. */
export function isForLikely({ count }: Round): boolean {
  return count % LIKELY_ROUNDS.every === LIKELY_ROUNDS.first;
}
