import { assertEquals } from "@std/assert";
import { decodeMessage } from "../../lib/dhcp/message.ts";
import type { Message } from "../../lib/dhcp/message.ts";
import { encodeQuestion, readServer } from "../../lib/dhcp/transaction.ts";
import { test } from "../support/test.ts";
import { parseHex, readHex } from "./read_hex.ts";

const ASKER = { name: "eth0", address: "10.1.1.50", mac: "02:00:4c:9f:00:0a" };

const QUESTIONS = [
  ["inform", "flags none", "00 03 00 00", "0a 01 01 32", "08"],
  ["discover", "flags broadcast", "00 03 80 00", "00 00 00 00", "01"],
] as const;
for (const [question, what, secsAndFlags, ciaddr, type] of QUESTIONS) {
  test(`encodeQuestion writes a DHCP${question.toUpperCase()} byte by byte`, () => {
    assertEquals(
      encodeQuestion(question, { asker: ASKER, xid: 0xcafe0001, secs: 3 }),
      parseHex(`
        01 01 06 00              # op 1, htype 1, hlen 6, hops 0
        ca fe 00 01              # xid
        ${secsAndFlags}          # secs 3, ${what}
        ${ciaddr}                # ciaddr
        ${"00 ".repeat(12)}      # yiaddr, siaddr, giaddr
        02 00 4c 9f 00 0a ${"00 ".repeat(10)}   # chaddr
        ${"00 ".repeat(192)}     # sname, file
        63 82 53 63              # magic cookie
        35 01 ${type}            # message type
        37 05 01 03 06 0f 36     # parameters: mask, routers, name servers, domain, server identifier
        39 02 04 00              # at most 1024 bytes
        3c 0a 6d 64 70 72 6f 78 79 34 63 73     # vendor class "mdproxy4cs"
        ff
        ${"00 ".repeat(33)}      # padding to 300 bytes
      `),
    );
  });
}

const offer = decodeMessage(readHex("dhcp/dnsmasq_offer.hex"));

/** The captured offer with some fields and options changed. */
function altered(fields: Partial<Message>, options: Record<number, number[]> = {}): Message {
  const changed = Object.entries(options).map(([code, bytes]) => [Number(code), Uint8Array.from(bytes)] as const);
  return { ...offer, ...fields, options: new Map([...offer.options, ...changed]) };
}

test("readServer reads the server out of the answers of real servers", () => {
  for (const server of ["dnsmasq", "dhcpd", "kea", "udhcpd"]) {
    for (const kind of ["offer", "ack_inform", "ack_request"]) {
      const message = decodeMessage(readHex(`dhcp/${server}_${kind}.hex`));
      assertEquals(readServer(message, { asker: ASKER, xid: message.xid }), "10.1.1.1", `${server} ${kind}`);
    }
  }
});

const OTHERS: readonly (readonly [what: string, message: Message])[] = [
  ["a request", altered({ op: 1 })],
  ["another transaction", altered({ xid: offer.xid ^ 1 })],
  ["an answer to another machine", altered({ chaddr: "02:00:4c:9f:00:0b" })],
  ["an answer to a longer hardware address", altered({ chaddr: `${ASKER.mac}:00` })],
  ["a NAK", altered({}, { 53: [6] })],
  ["a DISCOVER", altered({}, { 53: [1] })],
  ["plain BOOTP, without a type", { ...offer, options: new Map([...offer.options].filter(([code]) => code !== 53)) }],
  ["an answer without a server identifier", { ...offer, options: new Map([[53, Uint8Array.of(2)]]) }],
  ["server 0.0.0.0", altered({}, { 54: [0, 0, 0, 0] })],
  ["server 127.0.0.1", altered({}, { 54: [127, 0, 0, 1] })],
  ["server 169.254.169.254", altered({}, { 54: [169, 254, 169, 254] })],
  ["a multicast server", altered({}, { 54: [224, 0, 0, 1] })],
  ["server 255.255.255.255", altered({}, { 54: [255, 255, 255, 255] })],
];
for (const [what, message] of OTHERS) {
  test(`readServer does not believe ${what}`, () => {
    assertEquals(readServer(message, { asker: ASKER, xid: offer.xid }), undefined);
  });
}

test("readServer takes the asker's MAC in either case", () => {
  const asker = { ...ASKER, mac: ASKER.mac.toUpperCase() };
  assertEquals(readServer(offer, { asker, xid: offer.xid }), "10.1.1.1");
});
