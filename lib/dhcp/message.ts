/**
 * A DHCP message as bytes (RFC 2131 section 2).
 *
 * Pure. Knows the header and the magic cookie; leaves the options to `options.ts`, and what to ask and whom to believe
 * to `transaction.ts`.
 *
 * | offset | bytes | field                                                          |
 * | -----: | ----: | -------------------------------------------------------------- |
 * |      0 |     1 | op: 1 request, 2 reply                                         |
 * |      1 |     1 | htype: 1 Ethernet                                              |
 * |      2 |     1 | hlen: length of the hardware address, 6 on Ethernet            |
 * |      3 |     1 | hops: counted by relays                                        |
 * |      4 |     4 | xid: random, the same in a request's repeats and its replies   |
 * |      8 |     2 | secs since the client began                                    |
 * |     10 |     2 | flags: 0x8000 asks for a broadcast reply                       |
 * |     12 |     4 | ciaddr: the client's address, if it has one already            |
 * |     16 |     4 | yiaddr: the address offered                                    |
 * |     20 |     4 | siaddr: the next server of a boot, not of this exchange        |
 * |     24 |     4 | giaddr: the relay                                              |
 * |     28 |    16 | chaddr: the client's hardware address, padded with zeros       |
 * |     44 |    64 | sname, or options                                              |
 * |    108 |   128 | file, or options                                               |
 * |    236 |     4 | magic cookie 99.130.83.99                                      |
 * |    240 |       | options                                                        |
 *
 * @module
 */

import { decodeAddress, decodeOptions, encodeAddress, encodeOptions, OPTIONS_OFFSET } from "./options.ts";
import type { Options } from "./options.ts";

/** A DHCP message. The fields that discovery has no use for (hops, sname, file) are left out. */
export interface Message {
  /** 1 request, 2 reply. */
  readonly op: number;
  readonly xid: number;
  readonly secs: number;
  /** Whether a reply shall be broadcast. */
  readonly broadcast: boolean;
  readonly ciaddr: string;
  readonly yiaddr: string;
  readonly siaddr: string;
  readonly giaddr: string;
  /** The hardware address, as in `02:fc:00:00:00:01`. */
  readonly chaddr: string;
  readonly options: Options;
  /** The first thing that is wrong with the options. What could be read of them is there all the same. */
  readonly fault?: string;
}

/** A datagram that is no DHCP message. */
export class MessageError extends Error {
  override readonly name = "MessageError";
}

const ETHERNET = 1;
const BROADCAST_FLAG = 0x8000;
const COOKIE_OFFSET = 236;
const COOKIE = 0x63825363;
const CHADDR_OFFSET = 28;
const CHADDR_LENGTH = 16;
/** The smallest BOOTP message; older relays and servers drop what is shorter (RFC 1542 section 2.1). */
const MIN_LENGTH = 300;

/**
 * Encodes a message, padded to 300 bytes.
 *
 * @throws {TypeError} If an address or the hardware address is not one.
 */
export function encodeMessage(message: Message): Uint8Array {
  const options = encodeOptions(message.options);
  const bytes = new Uint8Array(Math.max(MIN_LENGTH, OPTIONS_OFFSET + options.length));
  const view = new DataView(bytes.buffer);
  const chaddr = parseMac(message.chaddr);
  bytes.set([message.op, ETHERNET, chaddr.length], 0);
  view.setUint32(4, message.xid);
  view.setUint16(8, Math.min(message.secs, 0xffff));
  view.setUint16(10, message.broadcast ? BROADCAST_FLAG : 0);
  bytes.set(encodeAddress(message.ciaddr), 12);
  bytes.set(encodeAddress(message.yiaddr), 16);
  bytes.set(encodeAddress(message.siaddr), 20);
  bytes.set(encodeAddress(message.giaddr), 24);
  bytes.set(chaddr, CHADDR_OFFSET);
  view.setUint32(COOKIE_OFFSET, COOKIE);
  bytes.set(options, OPTIONS_OFFSET);
  return bytes;
}

/**
 * Decodes a datagram. Its values lie in the datagram's own bytes.
 *
 * @throws {MessageError} If it is no DHCP message. Options that cannot be read are no reason: they are its `fault`.
 */
export function decodeMessage(bytes: Uint8Array): Message {
  if (bytes.length < OPTIONS_OFFSET) {
    throw new MessageError(`Cannot decode header: need ${OPTIONS_OFFSET} bytes, have ${bytes.length}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(COOKIE_OFFSET) !== COOKIE) {
    const have = decodeAddress(bytes, COOKIE_OFFSET);
    throw new MessageError(`Cannot decode magic cookie: need 99.130.83.99, have ${have}`);
  }
  const hlen = bytes[2]!;
  if (hlen > CHADDR_LENGTH) {
    throw new MessageError(`Cannot decode chaddr: need at most ${CHADDR_LENGTH} bytes, have ${hlen}`);
  }
  const { options, fault } = decodeOptions(bytes);
  return {
    op: bytes[0]!,
    xid: view.getUint32(4),
    secs: view.getUint16(8),
    broadcast: (view.getUint16(10) & BROADCAST_FLAG) !== 0,
    ciaddr: decodeAddress(bytes, 12),
    yiaddr: decodeAddress(bytes, 16),
    siaddr: decodeAddress(bytes, 20),
    giaddr: decodeAddress(bytes, 24),
    chaddr: formatMac(bytes.subarray(CHADDR_OFFSET, CHADDR_OFFSET + hlen)),
    options,
    ...(fault === undefined ? {} : { fault }),
  };
}

/**
 * Parses an Ethernet address such as `02:fc:00:00:00:01`.
 *
 * @throws {TypeError} If it is not one.
 */
export function parseMac(text: string): Uint8Array {
  if (!/^[\da-f]{2}(:[\da-f]{2}){5}$/i.test(text)) {
    throw new TypeError(`Cannot parse hardware address: "${text}" is not six bytes such as 02:fc:00:00:00:01`);
  }
  return Uint8Array.from(text.split(":"), (byte) => parseInt(byte, 16));
}

function formatMac(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}
