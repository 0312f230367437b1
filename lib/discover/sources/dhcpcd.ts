/**
 * The source `dhcpcd`: the DHCP message that dhcpcd keeps of an interface's lease, byte for byte.
 *
 * | file                                                    | producer                     |
 * | ------------------------------------------------------- | ---------------------------- |
 * | `/var/lib/dhcpcd/<if>.lease`                            | dhcpcd                       |
 * | `<if>-<ssid>.lease`                                     | dhcpcd, on wireless          |
 * | `/var/lib/dhcpcd5/dhcpcd-<if>.lease`, `/var/db/dhcpcd/` | older versions               |
 *
 * The files belong to root and are mode 0640: the unit's pre-start script copies them for the program.
 *
 * @module
 */

import { decodeMessage, MessageError } from "../../dhcp/message.ts";
import { OPTION, readAddress } from "../../dhcp/options.ts";
import { createLeaseSource } from "./lease_files.ts";

/** Proposes the server of every lease for the interfaces. */
export const dhcpcd = createLeaseSource("dhcpcd", [{
  folders: ["/var/lib/dhcpcd", "/var/lib/dhcpcd5", "/var/db/dhcpcd"],
  pattern: /\.lease$/,
  namedBy: "name",
  parse: decodeDhcpcdLease,
}]);

/** Decodes a lease to the server's address; `undefined` if the bytes are no DHCP message, or it names none. */
export function decodeDhcpcdLease(bytes: Uint8Array): string | undefined {
  try {
    return readAddress(decodeMessage(bytes).options, OPTION.serverIdentifier);
  } catch (error) {
    if (error instanceof MessageError) return undefined;
    throw error;
  }
}
