/**
 * The source `network_manager`: the state that NetworkManager keeps of an interface.
 *
 * | file                                   | producer       |
 * | -------------------------------------- | -------------- |
 * | `/run/NetworkManager/devices/<ifindex>` | NetworkManager |
 *
 * @module
 */

import { isIPv4 } from "../../ipv4/ipv4.ts";
import { proposeByIndex } from "../lease_files.ts";
import type { Source } from "../source.ts";

const FOLDER = "/run/NetworkManager/devices";

/** Proposes the server of each interface's lease. */
export const networkManager: Source = (ask) => proposeByIndex(ask, { folder: FOLDER, parse: parseNetworkManagerState });

/**
 * Parses a state file: `dhcp_server_identifier=10.1.1.1` in the section `[dhcp4]`, with or without `dhcp4.` in front.
 *
 * @returns the server's address; `undefined` if the text names none
 */
export function parseNetworkManagerState(text: string): string | undefined {
  const server = /^[ \t]*(?:dhcp4\.)?dhcp_server_identifier[ \t]*=[ \t]*([\d.]+)/m.exec(text)?.[1];
  return server !== undefined && isIPv4(server) ? server : undefined;
}
