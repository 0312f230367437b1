/**
 * The source `wicked`: the leases that wicked, SUSE's network manager, wrote down.
 *
 * | file                                      | producer      |
 * | ----------------------------------------- | ------------- |
 * | `/var/lib/wicked/lease-<if>-dhcp-ipv4.xml` | wickedd-dhcp4 |
 *
 * @module
 */

import { isIPv4 } from "../../ipv4/ipv4.ts";
import { createLeaseSource } from "./lease_files.ts";

/** Proposes the server of every lease for the interfaces. */
export const wicked = createLeaseSource("wicked", [{
  folders: ["/var/lib/wicked"],
  pattern: /^lease-.*-dhcp-ipv4\.xml$/,
  namedBy: "name",
  parse: (bytes) => parseWickedLease(new TextDecoder().decode(bytes)),
}]);

/**
 * Parses a lease: `<server-id>10.1.1.1</server-id>` in `<ipv4:dhcp>`.
 *
 * @returns the server's address; `undefined` if the text names none
 */
export function parseWickedLease(text: string): string | undefined {
  const [, server] = /<server-(?:id|address)>\s*([\d.]+)\s*<\/server-(?:id|address)>/.exec(text) ?? [];
  return server !== undefined && isIPv4(server) ? server : undefined;
}
