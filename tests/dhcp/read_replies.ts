/**
 * Reads replies of DHCP servers that were met somewhere and are odd in one way each: hex with places for what depends on
 * the request, a section for each type of request.
 *
 * | in the template | stands for                            |
 * | --------------- | ------------------------------------- |
 * | `{xid}`         | the transaction's number              |
 * | `{chaddr}`      | the hardware address, 16 bytes        |
 * | `{ci}`          | the client's address                  |
 * | `{z64}`         | 64 zeros, and likewise other numbers  |
 *
 * @module
 */

import { parseMac } from "../../lib/dhcp/message.ts";
import { encodeAddress } from "../../lib/dhcp/options.ts";
import type { ClientInterface, MessageType } from "../../lib/dhcp/transaction.ts";
import { parseHex } from "./read_hex.ts";

const FOLDER = new URL("../testdata/replies/", import.meta.url);

/** The templates in a file, by the type of the request that they answer. */
export function readReplies(name: string): Partial<Record<MessageType, string>> {
  const text = Deno.readTextFileSync(new URL(name, FOLDER)).replace(/#.*/g, "");
  const [, ...parts] = text.split(/^\[(\w+)\]$/m);
  const sections: Partial<Record<MessageType, string>> = {};
  for (let at = 0; at < parts.length; at += 2) sections[parts[at] as MessageType] = parts[at + 1]!;
  return sections;
}

/** Fills in a template. */
export function fillReply(
  template: string,
  { xid, client }: { readonly xid: number; readonly client: ClientInterface },
): Uint8Array {
  const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return parseHex(
    template
      .replaceAll("{xid}", xid.toString(16).padStart(8, "0"))
      .replaceAll("{chaddr}", hex(parseMac(client.mac)).padEnd(32, "0"))
      .replaceAll("{ci}", hex(encodeAddress(client.address)))
      .replace(/\{z(\d+)\}/g, (_, count) => "00".repeat(Number(count))),
  );
}
