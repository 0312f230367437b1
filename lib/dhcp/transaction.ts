/**
 * What discovery asks a DHCP server, and which replies it believes (RFC 2131 sections 3.4, 4.3.1 and 4.4).
 *
 * Pure. Two questions, neither of which changes anything at the server: DHCPINFORM ("I have an address, tell me the
 * rest"), which needs no right at all to send and hear, and DHCPDISCOVER ("who would give me one?"), whose offer is
 * never taken up. Only option 54 of the answer matters: who the server is.
 *
 * @module
 */

import { isUsableRouter } from "../ipv4/ipv4.ts";
import type { Message } from "./message.ts";
import { encodeMessage } from "./message.ts";
import { OPTION, readAddress, readByte } from "./options.ts";

/** The two questions. */
export type Question = "inform" | "discover";

/** Who asks: an interface with its address. */
export interface Asker {
  /** The interface's name. */
  readonly name: string;
  /** Its IPv4 address. */
  readonly address: string;
  /** Its Ethernet address: a virtual router answers only those it knows. */
  readonly mac: string;
}

/** The types of a message (option 53) that matter here. */
export const MESSAGE_TYPE = { discover: 1, offer: 2, ack: 5, inform: 8 } as const;

/** What to be told: the mask, the routers, the name servers, the domain, and above all the server's identifier. */
const PARAMETERS = [
  OPTION.subnetMask,
  OPTION.routers,
  OPTION.domainNameServers,
  OPTION.domainName,
  OPTION.serverIdentifier,
];
const VENDOR_CLASS = new TextEncoder().encode("mdproxy4cs");
/** 1024 bytes: enough for any answer, and never in fragments. */
const MAX_MESSAGE_SIZE = Uint8Array.of(4, 0);
const REPLY = 2;

/**
 * Encodes a question. A DISCOVER asks for a broadcast reply, since a unicast one would go to the address on offer. It
 * neither names an address (option 50) nor wants it at once (option 80): a server would ping the one and record the other.
 * Nor does either say who asks by anything but its MAC (option 61): Kea makes no offer to a client whose address is taken
 * by itself under another identifier, as systemd-networkd and dhcpcd choose one.
 *
 * @param options.secs seconds since the first try
 * @throws {TypeError} If the asker has no Ethernet address.
 */
export function encodeQuestion(
  question: Question,
  { asker, xid, secs }: { readonly asker: Asker; readonly xid: number; readonly secs: number },
): Uint8Array {
  return encodeMessage({
    op: 1,
    xid,
    secs,
    broadcast: question === "discover",
    ciaddr: question === "inform" ? asker.address : "0.0.0.0",
    yiaddr: "0.0.0.0",
    siaddr: "0.0.0.0",
    giaddr: "0.0.0.0",
    chaddr: asker.mac,
    options: new Map([
      [OPTION.messageType, Uint8Array.of(MESSAGE_TYPE[question])],
      [OPTION.parameterList, Uint8Array.from(PARAMETERS)],
      [OPTION.maxMessageSize, MAX_MESSAGE_SIZE],
      [OPTION.vendorClass, VENDOR_CLASS],
    ]),
  });
}

/**
 * Reads who answered: the server's identifier, if the message is an OFFER or an ACK to this very question and the
 * identifier can be a router's address; otherwise `undefined`.
 */
export function readServer(
  message: Message,
  { asker, xid }: { readonly asker: Asker; readonly xid: number },
): string | undefined {
  if (message.op !== REPLY || message.xid !== xid || message.chaddr !== asker.mac.toLowerCase()) return undefined;
  const type = readByte(message.options, OPTION.messageType);
  if (type !== MESSAGE_TYPE.offer && type !== MESSAGE_TYPE.ack) return undefined;
  const server = readAddress(message.options, OPTION.serverIdentifier);
  return server !== undefined && isUsableRouter(server) ? server : undefined;
}
