import { assertEquals, assertThrows } from "@std/assert";
import { decodeMessage, encodeMessage, MessageError, parseMac } from "../../lib/dhcp/message.ts";
import type { Message } from "../../lib/dhcp/message.ts";
import { OPTION, readAddress, readByte } from "../../lib/dhcp/options.ts";
import { createRandom } from "../support/fakes/virtual_clock.ts";
import { test } from "../support/test.ts";
import { listTestdata, parseHex, readHex } from "./read_hex.ts";

const MESSAGE: Message = {
  op: 1,
  xid: 0x01020304,
  secs: 7,
  broadcast: true,
  ciaddr: "10.1.1.50",
  yiaddr: "0.0.0.0",
  siaddr: "10.1.1.2",
  giaddr: "10.1.1.3",
  chaddr: "02:00:4c:9f:00:0a",
  options: new Map([[53, Uint8Array.of(8)], [54, Uint8Array.of(10, 1, 1, 1)]]),
};

const ENCODED = parseHex(`
  01 01 06 00              # op 1, htype 1, hlen 6, hops 0
  01 02 03 04              # xid
  00 07 80 00              # secs 7, flags broadcast
  0a 01 01 32              # ciaddr
  00 00 00 00              # yiaddr
  0a 01 01 02              # siaddr
  0a 01 01 03              # giaddr
  02 00 4c 9f 00 0a 00 00 00 00 00 00 00 00 00 00  # chaddr
  ${"00 ".repeat(64 + 128)}                        # sname, file
  63 82 53 63              # magic cookie
  35 01 08                 # option 53: INFORM
  36 04 0a 01 01 01        # option 54
  ff                       # end
  ${"00 ".repeat(50)}      # padding to 300 bytes
`);

test("encodeMessage writes the header, the cookie and the options, padded to 300 bytes", () => {
  assertEquals(encodeMessage(MESSAGE), ENCODED);
});

test("encodeMessage has room for more options than 300 bytes hold", () => {
  const options = new Map([[60, new Uint8Array(100).fill(7)]]);
  const encoded = encodeMessage({ ...MESSAGE, options });
  assertEquals([encoded.length, decodeMessage(encoded).options.get(60)], [240 + 2 + 100 + 1, options.get(60)]);
});

test("encodeMessage holds secs at its greatest value", () => {
  assertEquals(encodeMessage({ ...MESSAGE, secs: 100_000 }).subarray(8, 10), Uint8Array.of(255, 255));
});

test("encodeMessage rejects what is no address", () => {
  assertThrows(() => encodeMessage({ ...MESSAGE, ciaddr: "10.1.1" }), TypeError, '"10.1.1" is not dotted-quad IPv4');
  assertThrows(() => encodeMessage({ ...MESSAGE, chaddr: "02:00" }), TypeError, '"02:00" is not six bytes');
});

test("decodeMessage reads what encodeMessage wrote", () => {
  assertEquals(decodeMessage(ENCODED), MESSAGE);
});

test("decodeMessage reads a message out of the middle of a larger buffer", () => {
  const buffer = new Uint8Array(ENCODED.length + 20);
  buffer.set(ENCODED, 10);
  assertEquals(decodeMessage(buffer.subarray(10, 10 + ENCODED.length)), MESSAGE);
});

const CAPTURES = listTestdata("dhcp").filter((name) => name.endsWith(".hex"));
for (const name of CAPTURES) {
  test(`decodeMessage reads ${name}`, () => {
    const message = decodeMessage(readHex(`dhcp/${name}`));
    assertEquals(message.op, 2);
    assertEquals(message.chaddr, "02:00:4c:9f:00:0a");
    assertEquals(readByte(message.options, OPTION.messageType), name.includes("offer") ? 2 : 5);
    assertEquals(readAddress(message.options, OPTION.serverIdentifier), "10.1.1.1");
    assertEquals(message.yiaddr, name.includes("inform") ? "0.0.0.0" : "10.1.1.50");
  });
}

const MALFORMED: readonly (readonly [what: string, bytes: Uint8Array, error: string])[] = [
  ["an empty datagram", new Uint8Array(), "Cannot decode header: need 240 bytes, have 0"],
  ["a header without a cookie", ENCODED.slice(0, 236), "Cannot decode header: need 240 bytes, have 236"],
  [
    "another cookie",
    withBytes(236, 1, 2, 3, 4),
    "Cannot decode magic cookie: need 99.130.83.99, have 1.2.3.4",
  ],
  ["a hardware address of 17 bytes", withBytes(2, 17), "Cannot decode chaddr: need at most 16 bytes, have 17"],
];
for (const [what, bytes, message] of MALFORMED) {
  test(`decodeMessage rejects ${what}`, () => {
    assertThrows(() => decodeMessage(bytes), MessageError, message);
  });
}

const FAULTY: typeof MALFORMED = [
  ["an option without a length", ENCODED.slice(0, 241), "Cannot decode option 53: need a length byte, have none"],
  ["an option cut short", ENCODED.slice(0, 247), "Cannot decode option 54: need 4 bytes, have 2"],
  [
    "a server identifier of 2 bytes",
    withBytes(244, 2, 10, 1, 255),
    "Cannot decode option 54: need 4 bytes, have 2",
  ],
  ["an empty message type", withBytes(241, 0, 255), "Cannot decode option 53: need 1 byte, have 0"],
  ["an overload of 2 bytes", withBytes(240, 52, 2, 1, 1, 255), "Cannot decode option 52: need 1 byte, have 2"],
  [
    "an option that leaves the file field",
    withBytes(240, 52, 1, 1, 255, 0, 0, 0, 0, 0).fill(0, 108).fill(12, 108, 109).fill(200, 109, 110),
    "Cannot decode option 12 in file: need 200 bytes, have 126",
  ],
];
for (const [what, bytes, message] of FAULTY) {
  // Filling the file field has wiped the cookie and the options behind it.
  if (what.includes("file")) bytes.set([0x63, 0x82, 0x53, 0x63, 52, 1, 1, 255], 236);
  test(`decodeMessage reads a message in spite of ${what}, and says what is wrong`, () => {
    const { xid, fault } = decodeMessage(bytes);
    assertEquals([xid, fault], [MESSAGE.xid, message]);
  });
}

/** The golden message with some bytes changed. */
function withBytes(offset: number, ...bytes: number[]): Uint8Array {
  const changed = ENCODED.slice();
  changed.set(bytes, offset);
  return changed;
}

test("parseMac reads six bytes in either case and nothing else", () => {
  assertEquals(parseMac("02:FC:00:00:00:01"), Uint8Array.of(2, 252, 0, 0, 0, 1));
  for (const text of ["", "02:fc:00:00:00", "02:fc:00:00:00:01:02", "2:fc:0:0:0:1", "02-fc-00-00-00-01"]) {
    assertThrows(() => parseMac(text), TypeError);
  }
});

test("decodeMessage throws nothing but MessageError, whatever arrives", () => {
  const random = createRandom(20_241_210);
  const below = (limit: number) => Math.floor(random() * limit);
  const samples = CAPTURES.map((name) => readHex(`dhcp/${name}`));
  const pool = Uint8Array.from({ length: 65_536 }, () => below(256));
  let decoded = 0;
  for (let count = 0; count < 100_000; count++) {
    const datagram = count % 4 === 0 ? noise(pool, below) : mutate(samples[below(samples.length)]!, below);
    try {
      decodeMessage(datagram);
      decoded++;
    } catch (error) {
      if (!(error instanceof MessageError)) throw new Error(`datagram ${count} [${datagram}]`, { cause: error });
    }
  }
  // The noise is worth something only if it gets past the first check about as often as not.
  assertEquals(decoded > 20_000 && decoded < 80_000, true, `${decoded} were decoded`);
});

/** Random bytes, half of the time behind a good header. */
function noise(pool: Uint8Array, below: (limit: number) => number): Uint8Array {
  const at = below(pool.length - 600);
  const bytes = pool.slice(at, at + below(600));
  if (bytes.length >= 240 && below(2) === 0) bytes.set([0x63, 0x82, 0x53, 0x63], 236);
  return bytes;
}

/** A capture with a few bytes changed, most of them where the options are, and sometimes cut short. */
function mutate(sample: Uint8Array, below: (limit: number) => number): Uint8Array {
  const bytes = sample.slice(0, below(4) === 0 ? below(sample.length) : sample.length);
  if (bytes.length === 0) return bytes;
  for (let changes = below(6); changes >= 0; changes--) {
    const at = below(3) === 0 ? below(bytes.length) : Math.min(240 + below(60), bytes.length - 1);
    // Codes and lengths that mean something are worth more than others.
    bytes[at] = [0, 1, 4, 52, 53, 54, 255, below(256)][below(8)]!;
  }
  return bytes;
}
