/**
 * The source `dhcpcd`: the DHCP message that dhcpcd keeps of an interface's lease, byte for byte.
 *
 * | file                          | producer               |
 * | ----------------------------- | ---------------------- |
 * | `/var/lib/dhcpcd/<if>.lease`  | dhcpcd                 |
 * | `<if>-<ssid>.lease`           | dhcpcd, on wireless    |
 *
 * @module
 */

import { decodeMessage } from "../../dhcp/message.ts";
import { MessageError } from "../../dhcp/message_error.ts";
import { OPTION, readAddress } from "../../dhcp/options.ts";
import { readNewest } from "../lease_files.ts";
import type { Source } from "../source.ts";

const FOLDERS = ["/var/lib/dhcpcd"];

/** Proposes the server of each interface's newest lease. */
export const dhcpcd: Source = async ({ machine, network, propose }) => {
  const files = await readNewest(machine, { folders: FOLDERS, pattern: /\.lease$/ });
  if (files.length === 0) return;
  for (const { name } of await network.nics()) {
    const lease = files.find((file) => file.name === `${name}.lease` || file.name.startsWith(`${name}-`));
    const server = lease && decodeDhcpcdLease(lease.bytes);
    if (server !== undefined) propose(server, name);
  }
};

/** Decodes a lease to the server's address; `undefined` if the bytes are no DHCP message, or it names none. */
export function decodeDhcpcdLease(bytes: Uint8Array): string | undefined {
  try {
    return readAddress(decodeMessage(bytes).options, OPTION.serverIdentifier);
  } catch (error) {
    if (error instanceof MessageError) return undefined;
    throw error;
  }
}
