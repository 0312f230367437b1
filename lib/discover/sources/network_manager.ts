/**
 * The source `network_manager`: what NetworkManager keeps of an interface's lease.
 *
 * | file                                               | producer                                     |
 * | -------------------------------------------------- | -------------------------------------------- |
 * | `/run/NetworkManager/devices/<ifindex>`            | NetworkManager, its state                    |
 * | `/var/lib/NetworkManager/internal-<uuid>-<if>.lease` | NetworkManager's own DHCP client             |
 *
 * The second folder is root's alone: the unit's pre-start script copies what is in it for the program.
 *
 * @module
 */

import { isIPv4 } from "../../ipv4/ipv4.ts";
import { createLeaseSource } from "./lease_files.ts";
import { parseNetworkdLease } from "./networkd.ts";

/** Proposes the server of every lease for the interfaces. */
export const networkManager = createLeaseSource("network_manager", [
  {
    folders: ["/run/NetworkManager/devices"],
    pattern: /^\d+$/,
    namedBy: "index",
    parse: (bytes) => parseNetworkManagerState(new TextDecoder().decode(bytes)),
  },
  {
    folders: ["/var/lib/NetworkManager"],
    pattern: /^internal-.*\.lease$/,
    namedBy: "name",
    // The client is that of systemd, and so is the form of its leases.
    parse: (bytes) => parseNetworkdLease(new TextDecoder().decode(bytes)),
  },
]);

/**
 * Parses a state file: `dhcp_server_identifier=10.1.1.1` in the section `[dhcp4]`, with or without `dhcp4.` in front.
 *
 * @returns the server's address; `undefined` if the text names none
 */
export function parseNetworkManagerState(text: string): string | undefined {
  const server = /^[ \t]*(?:dhcp4\.)?dhcp_server_identifier[ \t]*=[ \t]*([\d.]+)/m.exec(text)?.[1];
  return server !== undefined && isIPv4(server) ? server : undefined;
}
