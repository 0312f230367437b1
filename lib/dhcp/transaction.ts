/**
 * What discovery requests of a DHCP server, and which replies it believes (RFC 2131 sections 3.4, 4.3.1 and 4.4).
 *
 * Pure. Two messages, neither of which changes anything at the server: DHCPINFORM ("I have an address, tell me the
 * rest"), which needs no right at all to send and hear, and DHCPDISCOVER ("who would give me one?"), whose offer is
 * never taken up. Only option 54 of the reply matters: who the server is.
 *
 * @module
 */

import { isUsableRouter } from "../ipv4/ipv4.ts";
import { decodeMessage, encodeMessage, MessageError } from "./message.ts";
import type { Message } from "./message.ts";
import { OPTION, readAddress, readByte } from "./options.ts";

/** The types of a message that are sent. */
export type MessageType = "inform" | "discover";

/** The interface that a client speaks on. */
export interface ClientInterface {
  readonly name: string;
  /** Its IPv4 address. */
  readonly address: string;
  /** Its Ethernet address: a virtual router answers only those it knows. */
  readonly mac: string;
}

/** One interface in one exchange. */
export interface Transaction {
  readonly client: ClientInterface;
  /** The same in every message of the transaction. */
  readonly xid: number;
}

/** The types of a message (option 53) that matter here. */
export const MESSAGE_TYPE = { discover: 1, offer: 2, ack: 5, nak: 6, inform: 8 } as const;

/** What to ask for: the mask, the routers, the name servers, the domain, and above all the server's identifier. */
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
const UNSPECIFIED = "0.0.0.0";

/**
 * Encodes a message to a server. A DISCOVER asks for a broadcast reply, since a unicast one would go to the address on
 * offer. It neither names an address (option 50) nor wants it at once (option 80): a server would ping the one and record
 * the other. Nor does either say who asks by anything but its MAC (option 61): Kea makes no offer to a client whose
 * address is taken by itself under another identifier, as systemd-networkd and dhcpcd choose one.
 *
 * @param options.secs seconds since the first try
 * @throws {TypeError} If the interface has no Ethernet address.
 */
export function encodeRequest(
  type: MessageType,
  { client, xid, secs }: Transaction & { readonly secs: number },
): Uint8Array {
  return encodeMessage({
    op: 1,
    xid,
    secs,
    broadcast: type === "discover",
    ciaddr: type === "inform" ? client.address : UNSPECIFIED,
    yiaddr: UNSPECIFIED,
    siaddr: UNSPECIFIED,
    giaddr: UNSPECIFIED,
    chaddr: client.mac,
    options: new Map([
      [OPTION.messageType, Uint8Array.of(MESSAGE_TYPE[type])],
      [OPTION.parameterList, Uint8Array.from(PARAMETERS)],
      [OPTION.maxMessageSize, MAX_MESSAGE_SIZE],
      [OPTION.vendorClass, VENDOR_CLASS],
    ]),
  });
}

/** Why a reply to a request of this program's names no server. */
export type Disbelief =
  /** No message type at all (option 53): plain BOOTP. */
  | "bootp"
  | "nak"
  /** Another type than an OFFER, an ACK or a NAK. */
  | "other_type"
  /** Its options break off, or have a wrong length, before they name a server. */
  | "malformed"
  /** Option 54 is missing. */
  | "no_server_identifier"
  /** Option 54 names no address that a router can have. */
  | "unusable_identifier";

/** What a message means to a transaction. */
export type Verdict =
  /** It is for somebody else. */
  | { readonly outcome: "ignored" }
  | { readonly outcome: "accepted"; readonly serverIdentifier: string; readonly offered: string | undefined }
  | { readonly outcome: Disbelief; readonly detail?: string };

/**
 * Judges a message: it is believed if it is an OFFER or an ACK to this very transaction whose server identifier can be a
 * router's address.
 */
export function judgeReply(message: Message, { client, xid }: Transaction): Verdict {
  if (message.op !== REPLY || message.xid !== xid || message.chaddr !== client.mac.toLowerCase()) {
    return { outcome: "ignored" };
  }
  const { fault, options, yiaddr } = message;
  const type = readByte(options, OPTION.messageType);
  if (type === MESSAGE_TYPE.nak) return { outcome: "nak" };
  if (type !== undefined && type !== MESSAGE_TYPE.offer && type !== MESSAGE_TYPE.ack) {
    return { outcome: "other_type", detail: String(type) };
  }
  const serverIdentifier = readAddress(options, OPTION.serverIdentifier);
  if (type === undefined || serverIdentifier === undefined) {
    if (fault !== undefined) return { outcome: "malformed", detail: fault };
    return { outcome: type === undefined ? "bootp" : "no_server_identifier" };
  }
  if (!isUsableRouter(serverIdentifier)) return { outcome: "unusable_identifier", detail: serverIdentifier };
  const isOffer = type === MESSAGE_TYPE.offer && yiaddr !== UNSPECIFIED;
  return { outcome: "accepted", serverIdentifier, offered: isOffer ? yiaddr : undefined };
}

/** What a datagram means, and to which interface. */
export interface Judged {
  readonly verdict: Verdict | { readonly outcome: "not_dhcp"; readonly detail: string };
  readonly client: ClientInterface | undefined;
  /** Whether it answers an earlier exchange. */
  readonly isLate?: boolean;
}

/** Judges a datagram: by the first transaction that it is for, of this exchange or of one that ended a short while ago. */
export function judgeDatagram(
  bytes: Uint8Array,
  { transactions, past }: { readonly transactions: readonly Transaction[]; readonly past: readonly Transaction[] },
): Judged {
  let message: Message;
  try {
    message = decodeMessage(bytes);
  } catch (error) {
    if (!(error instanceof MessageError)) throw error;
    return { verdict: { outcome: "not_dhcp", detail: error.message }, client: undefined };
  }
  for (const transaction of [...transactions, ...past]) {
    const verdict = judgeReply(message, transaction);
    if (verdict.outcome === "ignored") continue;
    // The interface may have another address by now.
    const current = transactions.find(({ client }) => client.name === transaction.client.name);
    return { verdict, client: (current ?? transaction).client, isLate: past.includes(transaction) };
  }
  return { verdict: { outcome: "ignored" }, client: undefined };
}
