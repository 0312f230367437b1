/**
 * The source `dhclient`: the leases that ISC dhclient wrote down.
 *
 * | file                                                      | producer                          |
 * | --------------------------------------------------------- | --------------------------------- |
 * | `/var/lib/dhcp/dhclient.leases`, `dhclient.<if>.leases`   | dhclient on Debian, ifupdown      |
 * | `/var/lib/dhcp3/dhclient.<if>.leases`                     | dhclient 3 on older Debian        |
 * | `/var/lib/dhclient/*.lease`, `*.leases`                   | dhclient on Red Hat               |
 * | `/var/lib/NetworkManager/dhclient-*.lease`                | NetworkManager's dhclient         |
 *
 * @module
 */

import { isIPv4 } from "../../ipv4/ipv4.ts";
import { createLeaseSource } from "./lease_files.ts";
import type { Lease } from "./lease_files.ts";

/** Proposes the server of every lease for the interfaces, and of those for no interface that is here. */
export const dhclient = createLeaseSource("dhclient", [{
  folders: ["/var/lib/dhcp", "/var/lib/dhcp3", "/var/lib/dhclient", "/var/lib/NetworkManager"],
  pattern: /^dhclient.*\.leases?$/,
  namedBy: "anyone",
  parse: (bytes) => parseDhclientLeases(new TextDecoder().decode(bytes)),
}]);

/**
 * Parses a file of leases, oldest first, as dhclient appends them:
 * `lease { interface "eth0"; option dhcp-server-identifier 10.1.1.1; ... }`.
 *
 * A lease that breaks off counts as far as it goes: dhclient appends without care for what is half written.
 *
 * @returns the leases that name a server
 */
export function parseDhclientLeases(text: string): Lease[] {
  const leases: Lease[] = [];
  let statement: string[] = [];
  let block: { iface?: string; server?: string } | undefined;
  let depth = 0;
  const end = () => {
    const { iface, server } = block ?? {};
    if (server !== undefined) leases.push({ server, iface });
    block = undefined;
  };
  for (const [token] of text.matchAll(/#.*|"(?:\\.|[^"\\])*"|[{};]|[^\s{};"#]+/g)) {
    if (token.startsWith("#")) continue;
    if (token === "{") {
      // A lease within a lease: the one before was never finished.
      const isLease = statement.at(-1) === "lease" && (depth === 0 || block !== undefined);
      if (isLease) {
        end();
        block = {};
        depth = 1;
      } else {
        depth += 1;
      }
    } else if (token === "}") {
      depth = Math.max(0, depth - 1);
      if (depth === 0) end();
    } else if (token === ";") {
      if (block !== undefined && depth === 1) readStatement(statement, block);
    } else {
      statement.push(token);
      continue;
    }
    statement = [];
  }
  end();
  return leases;
}

function readStatement([first, second, third]: readonly string[], block: { iface?: string; server?: string }): void {
  if (first === "interface" && second !== undefined) block.iface = second.replaceAll('"', "");
  if (first === "option" && second === "dhcp-server-identifier" && isIPv4(third ?? "")) block.server = third!;
}
