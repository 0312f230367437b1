/**
 * Who is the better of two candidates. Pure, and a total order: of the same candidates the same one wins at every start.
 *
 * | what counts, in this order | the better one |
 * |---|---|
 * | the operator's word | the address of `--server` |
 * | kind | a router, or a config drive that `--discovery` names before it |
 * | interface | that of the better one, which under `--iname auto` is the default route's |
 * | on-link | one in a network that the machine is attached to |
 * | gateway | the default gateway |
 * | named | one that a source names now, and not only in an earlier search |
 * | source | the one that `--discovery` names first |
 * | address | the lower one |
 *
 * @module
 */

import type { SourceName } from "../config/words.ts";
import { kindOf } from "../config_drive/address.ts";
import { parseIPv4 } from "../ipv4/ipv4.ts";
import type { Candidate, Proposal } from "./candidate.ts";

/** What candidates are compared by besides themselves. */
export interface RankContext {
  /** The place of a proposal's source among the sources; lower is better. */
  readonly priority: (proposal: Proposal) => number;
  /** The place of an interface; lower is better. */
  readonly interfaceRank: (iface: string | undefined) => number;
  readonly gateways: ReadonlySet<string>;
}

/** By what is known whether anybody better can still come. */
export interface OutrankContext extends Pick<RankContext, "interfaceRank" | "gateways"> {
  /** The address of `--server`. */
  readonly server: string | undefined;
  readonly sources: readonly SourceName[];
}

/** What is compared of a candidate. */
export type Ranked = Pick<Candidate, "address" | "isOnLink" | "proposals">;

/** Compares two candidates: negative if the first is better. */
export function compareCandidates(a: Ranked, b: Ranked, context: RankContext): number {
  const { priority, interfaceRank, gateways } = context;
  const prefer = (is: (candidate: Ranked) => boolean) => Number(is(b)) - Number(is(a));
  const lower = (rank: (candidate: Ranked) => number) => rank(a) - rank(b);
  const bySource = () => lower(({ proposals }) => priority(proposals[0]!));
  return prefer(isOperators) ||
    (kindOf(a.address) === kindOf(b.address) ? 0 : bySource()) ||
    lower(({ proposals }) => interfaceRank(proposals[0]!.iface)) ||
    prefer(({ isOnLink }) => isOnLink) ||
    prefer(({ address, proposals }) => gateways.has(address) || proposals.some(({ source }) => source === "gateway")) ||
    // One that is only remembered is as good as before; the question is whether there is a better one.
    prefer((candidate) => !isRemembered(candidate)) ||
    bySource() ||
    lower(({ address }) => parseIPv4(address) ?? 0);
}

/**
 * Whether somebody who is yet to be named, or to prove itself, can be better: by the table above nobody is better than the
 * operator's router or, without one, than the only default gateway, on-link and on the best interface.
 */
export function canBeOutranked(
  { address, isOnLink, proposals }: Ranked,
  { server, sources, interfaceRank, gateways }: OutrankContext,
): boolean {
  if (server !== undefined && sources.includes("server")) return address !== server;
  const { source, iface } = proposals[0]!;
  const isBeforeDrives = !sources.slice(0, sources.indexOf(source)).includes("config_drive");
  return !(isBeforeDrives && interfaceRank(iface) === 0 && isOnLink && gateways.size === 1 && gateways.has(address));
}

/** Whether only an earlier search named it. */
export function isRemembered({ proposals }: Pick<Candidate, "proposals">): boolean {
  return proposals.every((proposal) => proposal.isRemembered === true);
}

function isOperators({ proposals }: Ranked): boolean {
  return proposals.some(({ source }) => source === "server");
}
