/**
 * Tells the VM's own programs from everyone else who may connect.
 *
 * Linux accepts a packet for an address of `lo` on any interface, so a neighbour on the guest network can reach the
 * listen address by routing it to the VM. Its own address gives it away: packets from outside that claim one of this
 * machine's are dropped by the kernel. Which addresses are this machine's is asked anew each time: one that it had a
 * minute ago may be a neighbour's now.
 *
 * @module
 */

import { contains, isLoopback } from "../../ipv4/ipv4.ts";
import type { Cidr } from "../../ipv4/ipv4.ts";

/** The ends of a connection. */
export interface Ends {
  readonly peer: string;
  /** The address at which the client reached this machine. */
  readonly local: string;
}

/**
 * Creates the check: whether a client is this machine itself, or was allowed.
 *
 * @param options.allowed other clients that may ask, such as containers on this machine
 * @param options.ownAddresses reads the machine's addresses; only for one that is not seen at once to be local
 */
export function createPeerCheck(
  { allowed, ownAddresses }: { readonly allowed: readonly Cidr[]; readonly ownAddresses: () => readonly string[] },
): (ends: Ends) => boolean {
  return ({ peer, local }) =>
    // Where the connection arrived is an address of this machine, or it would not have arrived.
    peer === local || isLoopback(peer) || allowed.some((range) => contains(range, peer)) ||
    ownAddresses().includes(peer);
}
