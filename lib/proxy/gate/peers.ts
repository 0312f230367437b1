/**
 * Tells the VM's own programs from everyone else who may connect.
 *
 * Linux accepts a packet for an address of `lo` on any interface, so a neighbour on the guest network can reach the
 * listen address by routing it to the VM. Its own address gives it away: packets from outside that claim one of this
 * machine's are dropped by the kernel.
 *
 * @module
 */

import { contains, isLoopback } from "../../ipv4/ipv4.ts";
import type { Cidr } from "../../ipv4/ipv4.ts";

/**
 * Creates the check: whether a client at this address is this machine itself, or was allowed.
 *
 * @param options.allowed other clients that may ask, such as containers on this machine
 * @param options.ownAddresses reads the machine's addresses; only for one that is not seen at once to be local
 */
export function createPeerCheck(
  { allowed, ownAddresses }: { readonly allowed: readonly Cidr[]; readonly ownAddresses: () => readonly string[] },
): (address: string) => boolean {
  let known: ReadonlySet<string> = new Set();
  return (address) => {
    if (known.has(address) || isLoopback(address)) return true;
    if (allowed.some((range) => contains(range, address))) return true;
    known = new Set(ownAddresses());
    return known.has(address);
  };
}
