/**
 * The source `dhclient`: the leases that ISC dhclient wrote down.
 *
 * | file                                                     | producer                     |
 * | -------------------------------------------------------- | ---------------------------- |
 * | `/var/lib/dhcp/dhclient.leases`, `dhclient.<if>.leases`  | dhclient on Debian, ifupdown |
 * | `/var/lib/dhclient/*.lease`, `*.leases`                  | dhclient on Red Hat          |
 * | `/var/lib/NetworkManager/dhclient-*.lease`               | NetworkManager's dhclient    |
 *
 * @module
 */

import { isIPv4 } from "../../ipv4/ipv4.ts";
import { readNewest } from "../lease_files.ts";
import type { Source } from "../source.ts";

const FOLDERS = ["/var/lib/dhcp", "/var/lib/dhclient", "/var/lib/NetworkManager"];

/** Proposes the server of each interface's last lease, out of the newest file that has one. */
export const dhclient: Source = async ({ machine, network, propose }) => {
  const files = await readNewest(machine, { folders: FOLDERS, pattern: /^dhclient.*\.leases?$/ });
  if (files.length === 0) return;
  for (const { name } of await network.nics()) {
    for (const { bytes } of files) {
      const lease = parseDhclientLeases(new TextDecoder().decode(bytes)).findLast(({ iface }) => iface === name);
      if (lease === undefined) continue;
      propose(lease.server, name);
      break;
    }
  }
};

/** What matters of a lease. */
export interface DhclientLease {
  readonly iface: string;
  readonly server: string;
}

/**
 * Parses a file of leases, oldest first, as dhclient appends them:
 * `lease { interface "eth0"; option dhcp-server-identifier 10.1.1.1; ... }`.
 *
 * @returns the leases that name both an interface and a server
 */
export function parseDhclientLeases(text: string): DhclientLease[] {
  const leases: DhclientLease[] = [];
  let statement: string[] = [];
  let block: { iface?: string; server?: string } | undefined;
  let depth = 0;
  for (const [token] of text.matchAll(/#.*|"(?:\\.|[^"\\])*"|[{};]|[^\s{};"#]+/g)) {
    if (token.startsWith("#")) continue;
    if (token === "{") {
      depth += 1;
      if (depth === 1) block = statement[0] === "lease" ? {} : undefined;
    } else if (token === "}") {
      depth = Math.max(0, depth - 1);
      const { iface, server } = block ?? {};
      if (depth === 0 && iface !== undefined && server !== undefined) leases.push({ iface, server });
      if (depth === 0) block = undefined;
    } else if (token === ";") {
      if (block !== undefined && depth === 1) readStatement(statement, block);
    } else {
      statement.push(token);
      continue;
    }
    statement = [];
  }
  return leases;
}

function readStatement([first, second, third]: readonly string[], block: { iface?: string; server?: string }): void {
  if (first === "interface" && second !== undefined) block.iface = second.replaceAll('"', "");
  if (first === "option" && second === "dhcp-server-identifier" && isIPv4(third ?? "")) block.server = third!;
}
