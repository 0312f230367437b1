/**
 * The source `networkd`: the lease that systemd-networkd holds for an interface.
 *
 * | file                                  | producer         |
 * | ------------------------------------- | ---------------- |
 * | `/run/systemd/netif/leases/<ifindex>` | systemd-networkd |
 *
 * That of systemd 257 writes it, that of 262 no longer does.
 *
 * @module
 */

import { isIPv4 } from "../../ipv4/ipv4.ts";
import { createLeaseSource } from "./lease_files.ts";

/** Proposes the server of each interface's lease. */
export const networkd = createLeaseSource("networkd", [{
  folders: ["/run/systemd/netif/leases"],
  pattern: /^\d+$/,
  namedBy: "index",
  parse: (bytes) => parseNetworkdLease(new TextDecoder().decode(bytes)),
}]);

/**
 * Parses a lease: lines such as `SERVER_ADDRESS=10.1.1.1`, or JSON where an address is text or an array of four numbers.
 *
 * @returns the server's address; `undefined` if the text names none
 */
export function parseNetworkdLease(text: string): string | undefined {
  const server = text.trimStart().startsWith("{")
    ? readJson(text)
    : /^[ \t]*SERVER_ADDRESS[ \t]*=[ \t]*["']?([\d.]+)/m.exec(text)?.[1];
  return server !== undefined && isIPv4(server) ? server : undefined;
}

function readJson(text: string): string | undefined {
  try {
    for (const [key, value] of Object.entries(JSON.parse(text))) {
      if (key.replaceAll("_", "").toLowerCase() !== "serveraddress") continue;
      return Array.isArray(value) ? value.join(".") : String(value);
    }
  } catch {
    // Half written, or no lease at all.
  }
  return undefined;
}
