import { assertEquals } from "@std/assert";
import { decodeMessage } from "../../lib/dhcp/message.ts";
import type { Message } from "../../lib/dhcp/message.ts";
import { encodeRequest, judgeReply } from "../../lib/dhcp/transaction.ts";
import type { Verdict } from "../../lib/dhcp/transaction.ts";
import { test } from "../support/test.ts";
import { listTestdata, parseHex, readHex } from "./read_hex.ts";
import { fillReply, readReplies } from "./read_replies.ts";

const CLIENT = { name: "eth0", address: "10.1.1.50", mac: "02:00:4c:9f:00:0a" };

const REQUESTS = [
  ["inform", "flags none", "00 03 00 00", "0a 01 01 32", "08"],
  ["discover", "flags broadcast", "00 03 80 00", "00 00 00 00", "01"],
] as const;
for (const [type, what, secsAndFlags, ciaddr, code] of REQUESTS) {
  test(`encodeRequest writes a DHCP${type.toUpperCase()} byte by byte`, () => {
    assertEquals(
      encodeRequest(type, { client: CLIENT, xid: 0xcafe0001, secs: 3 }),
      parseHex(`
        01 01 06 00              # op 1, htype 1, hlen 6, hops 0
        ca fe 00 01              # xid
        ${secsAndFlags}          # secs 3, ${what}
        ${ciaddr}                # ciaddr
        ${"00 ".repeat(12)}      # yiaddr, siaddr, giaddr
        02 00 4c 9f 00 0a ${"00 ".repeat(10)}   # chaddr
        ${"00 ".repeat(192)}     # sname, file
        63 82 53 63              # magic cookie
        35 01 ${code}            # message type
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

test("judgeReply believes the replies of real servers, and tells what an offer offers", () => {
  for (const server of ["dnsmasq", "dhcpd", "kea", "udhcpd"]) {
    for (const kind of ["offer", "ack_inform", "ack_request"]) {
      const message = decodeMessage(readHex(`dhcp/${server}_${kind}.hex`));
      assertEquals(judgeReply(message, { client: CLIENT, xid: message.xid }), {
        outcome: "accepted",
        serverIdentifier: "10.1.1.1",
        offered: kind === "offer" ? "10.1.1.50" : undefined,
      }, `${server} ${kind}`);
    }
  }
});

/** What each packet of odd servers comes to. */
const ODD: Readonly<Record<string, Verdict["outcome"]>> = {
  "pkt_empty_hostname.txt discover": "accepted",
  "pkt_inform_yiaddr.txt inform": "accepted",
  "pkt_no_54.txt discover": "no_server_identifier",
  "pkt_no_54.txt inform": "no_server_identifier",
  "pkt_no_end.txt discover": "accepted",
  "pkt_overload_file_long.txt discover": "accepted",
  "pkt_pads_between.txt discover": "accepted",
  "pkt_siaddr_zero.txt discover": "accepted",
  "pkt_twice_54.txt discover": "accepted",
  "pkt_twice_54.txt inform": "accepted",
};
test("judgeReply takes the packets of odd servers as what they are", () => {
  const outcomes = Object.fromEntries(
    listTestdata("replies").flatMap((name) =>
      Object.entries(readReplies(name)).map(([type, template]) => {
        const message = decodeMessage(fillReply(template, { xid: 7, client: CLIENT }));
        const verdict = judgeReply(message, { client: CLIENT, xid: 7 });
        if (verdict.outcome === "accepted") assertEquals(verdict.serverIdentifier, "10.1.1.7", name);
        return [`${name} ${type}`, verdict.outcome];
      })
    ),
  );
  assertEquals(outcomes, ODD);
});

const without = (...codes: number[]) => new Map([...offer.options].filter(([code]) => !codes.includes(code)));
const OTHERS: readonly (readonly [what: string, message: Message, outcome: Verdict["outcome"]])[] = [
  ["a request", altered({ op: 1 }), "ignored"],
  ["another transaction", altered({ xid: offer.xid ^ 1 }), "ignored"],
  ["a reply to another machine", altered({ chaddr: "02:00:4c:9f:00:0b" }), "ignored"],
  ["a reply to a longer hardware address", altered({ chaddr: `${CLIENT.mac}:00` }), "ignored"],
  ["a NAK", altered({}, { 53: [6] }), "nak"],
  ["a NAK without a server identifier", { ...offer, options: new Map([[53, Uint8Array.of(6)]]) }, "nak"],
  ["a DISCOVER", altered({}, { 53: [1] }), "other_type"],
  ["plain BOOTP, without a type", { ...offer, options: without(53) }, "bootp"],
  ["a reply without a server identifier", { ...offer, options: without(54) }, "no_server_identifier"],
  ["server 0.0.0.0", altered({}, { 54: [0, 0, 0, 0] }), "unusable_identifier"],
  ["server 127.0.0.1", altered({}, { 54: [127, 0, 0, 1] }), "unusable_identifier"],
  ["server 169.254.169.254", altered({}, { 54: [169, 254, 169, 254] }), "unusable_identifier"],
  ["a multicast server", altered({}, { 54: [224, 0, 0, 1] }), "unusable_identifier"],
  ["server 255.255.255.255", altered({}, { 54: [255, 255, 255, 255] }), "unusable_identifier"],
];
for (const [what, message, outcome] of OTHERS) {
  test(`judgeReply does not believe ${what}`, () => {
    assertEquals(judgeReply(message, { client: CLIENT, xid: offer.xid }).outcome, outcome);
  });
}

test("judgeReply blames options that cannot be read only for what is missing", () => {
  const cut = (bytes: Uint8Array) => judgeReply(decodeMessage(bytes), { client: CLIENT, xid: offer.xid });
  const whole = readHex("dhcp/dnsmasq_offer.hex");
  const at = (code: number) => whole.findIndex((byte, index) => index >= 240 && byte === code);
  assertEquals(cut(whole.slice(0, at(54) + 3)), {
    outcome: "malformed",
    detail: "Cannot decode option 54: need 4 bytes, have 1",
  });
  assertEquals(cut(whole.slice(0, at(54) + 7)).outcome, "accepted");
});

test("judgeReply says of what it does not believe what it is", () => {
  const detailOf = (message: Message) => {
    const verdict = judgeReply(message, { client: CLIENT, xid: offer.xid });
    return "detail" in verdict ? verdict.detail : undefined;
  };
  assertEquals(detailOf(altered({}, { 53: [1] })), "1");
  assertEquals(detailOf(altered({}, { 54: [127, 0, 0, 1] })), "127.0.0.1");
});

test("judgeReply tells of no offer of 0.0.0.0", () => {
  const verdict = judgeReply(altered({ yiaddr: "0.0.0.0" }), { client: CLIENT, xid: offer.xid });
  assertEquals(verdict, { outcome: "accepted", serverIdentifier: "10.1.1.1", offered: undefined });
});

test("judgeReply takes the interface's MAC in either case", () => {
  const client = { ...CLIENT, mac: CLIENT.mac.toUpperCase() };
  assertEquals(judgeReply(offer, { client, xid: offer.xid }).outcome, "accepted");
});
