import { assertEquals, assertThrows } from "@std/assert";
import {
  decodeAddress,
  decodeOptions,
  encodeAddress,
  encodeOptions,
  readAddress,
  readByte,
} from "../../lib/dhcp/options.ts";
import { test } from "../support/test.ts";

/** A message whose three fields hold these bytes, as far as they fit, behind a hardware address that is no options. */
function message({ options, file = [], sname = [] }: { options: number[]; file?: number[]; sname?: number[] }) {
  const bytes = new Uint8Array(240 + options.length);
  bytes.fill(97, 28, 44);
  bytes.set(sname, 44);
  bytes.set(file, 108);
  bytes.set(options, 240);
  return bytes;
}

const DECODED: readonly (readonly [what: string, Parameters<typeof message>[0], Record<number, number[]>])[] = [
  ["options up to the end mark", { options: [53, 1, 2, 255, 99, 1, 1] }, { 53: [2] }],
  ["padding between options", { options: [0, 0, 53, 1, 2, 0, 255] }, { 53: [2] }],
  ["options without an end mark", { options: [53, 1, 2] }, { 53: [2] }],
  ["no options at all", { options: [] }, {}],
  ["an empty value", { options: [80, 0, 255] }, { 80: [] }],
  ["file when it is lent", { options: [52, 1, 1, 255], file: [12, 1, 65, 255] }, { 52: [1], 12: [65] }],
  ["sname when it is lent", { options: [52, 1, 2, 255], sname: [12, 1, 66, 255] }, { 52: [2], 12: [66] }],
  [
    "both when they are lent, file first",
    { options: [52, 1, 3, 15, 1, 1, 255], file: [15, 1, 2, 255], sname: [15, 1, 3, 255] },
    { 52: [3], 15: [1, 2, 3] },
  ],
  [
    "the whole of file, and no more",
    { options: [52, 1, 1, 255], sname: Array(64).fill(97), file: [12, 126, ...Array(126).fill(65)] },
    { 52: [1], 12: Array(126).fill(65) },
  ],
  [
    "the whole of sname, and no more",
    { options: [52, 1, 2, 255], sname: [12, 62, ...Array(62).fill(66)], file: Array(128).fill(97) },
    { 52: [2], 12: Array(62).fill(66) },
  ],
  ["neither when they are not lent", { options: [53, 1, 2, 255], file: [12, 1, 65], sname: [12, 1, 66] }, { 53: [2] }],
  ["repeats as one long value", { options: [15, 2, 1, 2, 53, 1, 2, 15, 1, 3, 255] }, { 15: [1, 2, 3], 53: [2] }],
  ["the first of two server identifiers", { options: [54, 4, 10, 1, 1, 7, 54, 4, 10, 1, 1, 9, 255] }, {
    54: [10, 1, 1, 7],
  }],
  ["the first that has the length", { options: [53, 0, 53, 1, 5, 1, 2, 9, 9, 1, 4, 255, 255, 255, 0, 255] }, {
    53: [5],
    1: [255, 255, 255, 0],
  }],
  ["a split server identifier as one", { options: [54, 2, 10, 1, 54, 2, 1, 7, 255] }, { 54: [10, 1, 1, 7] }],
];
for (const [what, fields, expected] of DECODED) {
  test(`decodeOptions reads ${what}`, () => {
    const { options, fault } = decodeOptions(message(fields));
    assertEquals(Object.fromEntries([...options].map(([code, value]) => [code, [...value]])), expected);
    assertEquals(fault, undefined);
  });
}

test("decodeOptions lets no lent field lend another", () => {
  const bytes = message({ options: [52, 1, 1, 255], file: [52, 1, 3, 255], sname: [12, 1, 66, 255] });
  const { options } = decodeOptions(bytes);
  assertEquals([...options.keys(), ...options.get(52)!], [52, 1]);
});

/** What is wrong, the options with it, what is read all the same, and what is said. */
const FAULTS: readonly (readonly [
  what: string,
  fields: Parameters<typeof message>[0],
  expected: Record<number, number[]>,
  fault: string,
])[] = [
  [
    "an option that leaves the message",
    { options: [53, 1, 2, 12, 9, 65] },
    { 53: [2] },
    "Cannot decode option 12: need 9 bytes, have 1",
  ],
  [
    "an option without a length",
    { options: [53, 1, 2, 12] },
    { 53: [2] },
    "Cannot decode option 12: need a length byte, have none",
  ],
  [
    "an option without a length at the end of a lent field",
    { options: [52, 1, 1, 255], file: [...Array<number>(127).fill(0), 12] },
    { 52: [1] },
    "Cannot decode option 12 in file: need a length byte, have none",
  ],
  [
    "a server identifier of five bytes",
    { options: [53, 1, 2, 54, 5, 10, 1, 1, 1, 9, 12, 1, 65, 255] },
    { 53: [2], 12: [65] },
    "Cannot decode option 54: need 4 bytes, have 5",
  ],
  [
    "an option that leaves a lent field, and the other one's",
    { options: [52, 1, 3, 255], file: [12, 200, 65], sname: [15, 1, 66, 255] },
    { 52: [3], 15: [66] },
    "Cannot decode option 12 in file: need 200 bytes, have 126",
  ],
];
for (const [what, fields, expected, words] of FAULTS) {
  test(`decodeOptions reads what it can beside ${what}`, () => {
    const { options, fault } = decodeOptions(message(fields));
    assertEquals(Object.fromEntries([...options].map(([code, value]) => [code, [...value]])), expected);
    assertEquals(fault, words);
  });
}

test("encodeOptions writes code, length and value of each, and the end mark", () => {
  assertEquals(
    encodeOptions([[53, Uint8Array.of(1)], [80, new Uint8Array()], [54, Uint8Array.of(10, 1, 1, 1)]]),
    Uint8Array.of(53, 1, 1, 80, 0, 54, 4, 10, 1, 1, 1, 255),
  );
});

test("encodeOptions splits a value that is longer than one option can hold", () => {
  const value = Uint8Array.from({ length: 300 }, (_, at) => at);
  const encoded = encodeOptions([[43, value]]);
  assertEquals([encoded[0], encoded[1], encoded[257], encoded[258], encoded.length], [43, 255, 43, 45, 305]);
  assertEquals(decodeOptions(message({ options: [...encoded] })).options.get(43), value);
});

test("encodeOptions needs one option for the longest value that it can hold", () => {
  const encoded = encodeOptions([[43, new Uint8Array(255)]]);
  assertEquals([encoded.length, encoded[1], encoded.at(-1)], [2 + 255 + 1, 255, 255]);
});

test("readAddress and readByte read an option, if it is there", () => {
  const options = new Map([[54, Uint8Array.of(10, 1, 1, 1)], [1, Uint8Array.of(255)]]);
  assertEquals([readAddress(options, 54), readAddress(options, 3), readAddress(options, 1)], [
    "10.1.1.1",
    undefined,
    undefined,
  ]);
  assertEquals([readByte(options, 54), readByte(options, 3)], [10, undefined]);
});

test("encodeAddress and decodeAddress are each other's inverse", () => {
  for (const address of ["0.0.0.0", "10.1.1.50", "255.255.255.255", "192.0.2.1"]) {
    assertEquals(decodeAddress(encodeAddress(address)), address);
  }
  assertThrows(() => encodeAddress("data-server"), TypeError);
});
