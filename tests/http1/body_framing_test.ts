import { assertEquals, assertThrows } from "@std/assert";
import { createBodyDecoder } from "../../lib/http1/body.ts";
import { UpstreamError } from "../../lib/http1/error.ts";
import type { Framing } from "../../lib/http1/message.ts";
import { fromLatin1, latin1 } from "../support/latin1.ts";
import { test } from "../support/test.ts";

/** Decodes a text that arrives in pieces of so many bytes. */
function decode(framing: Framing, text: string, step: number) {
  const decoder = createBodyDecoder(framing);
  const bytes = fromLatin1(text);
  let content = "";
  let at = 0;
  while (at < bytes.length && !decoder.done) {
    const { used, content: piece } = decoder.decode(bytes.subarray(at, at + step));
    content += latin1(piece);
    at += used;
  }
  return { content, rest: text.slice(at), done: decoder.done };
}

const BODIES: readonly {
  readonly what: string;
  readonly framing: Framing;
  readonly text: string;
  readonly content: string;
  readonly rest?: string;
  readonly done?: boolean;
}[] = [
  { what: "a length", framing: 5, text: "hello", content: "hello" },
  { what: "no bytes at all", framing: 0, text: "next", content: "", rest: "next" },
  { what: "a length and what is behind it", framing: 5, text: "hellonext", content: "hello", rest: "next" },
  { what: "less than a length", framing: 9, text: "hello", content: "hello", done: false },
  { what: "all until the end", framing: "close", text: "hello", content: "hello", done: false },
  { what: "a chunk", framing: "chunked", text: "5\r\nhello\r\n0\r\n\r\n", content: "hello" },
  { what: "chunks", framing: "chunked", text: "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", content: "hello" },
  { what: "no chunk", framing: "chunked", text: "0\r\n\r\n", content: "" },
  {
    what: "a chunk that holds line ends",
    framing: "chunked",
    text: "6\r\n\r\n0\r\n\r\r\n0\r\n\r\n",
    content: "\r\n0\r\n\r",
  },
  {
    what: "sizes of several digits, in either case",
    framing: "chunked",
    text: `12A\r\n${"x".repeat(0x12a)}\r\n00a\r\n0123456789\r\n0\r\n\r\n`,
    content: `${"x".repeat(0x12a)}0123456789`,
  },
  ...["f", "F"].map((digit) => ({
    what: `the size ${digit}`,
    framing: "chunked" as const,
    text: `${digit}\r\n${"x".repeat(15)}\r\n0\r\n\r\n`,
    content: "x".repeat(15),
  })),
  {
    what: "a size of 13 digits",
    framing: "chunked",
    text: "0000000000005\r\nhello\r\n0\r\n\r\n",
    content: "hello",
  },
  { what: "chunk extensions", framing: "chunked", text: '5;a=b;c="d"\r\nhello\r\n0 ;x\r\n\r\n', content: "hello" },
  { what: "trailers", framing: "chunked", text: "5\r\nhello\r\n0\r\nX-A: b\r\nX-C: d\r\n\r\n", content: "hello" },
  { what: "what is behind the last chunk", framing: "chunked", text: "0\r\n\r\nnext", content: "", rest: "next" },
  { what: "chunks that stop", framing: "chunked", text: "5\r\nhello\r\n", content: "hello", done: false },
];

for (const { what, framing, text, content, rest = "", done = true } of BODIES) {
  test(`createBodyDecoder reads ${what}, in pieces of any size`, () => {
    for (let step = 1; step <= text.length; step++) assertEquals(decode(framing, text, step), { content, rest, done });
  });
}

/** The longest line and the longest trailer that are taken: with one byte more they are malformed. */
const line = (bytes: number) => `5;${"x".repeat(bytes - "5;\r".length)}\r\nhello\r\n0\r\n\r\n`;
const trailer = (bytes: number) => `0\r\nX: ${"y".repeat(bytes - "X: \r\n\r\n".length)}\r\n\r\n`;

test("createBodyDecoder takes a line of 1024 bytes and a trailer of 16384", () => {
  for (const step of [1, 7, 100_000]) {
    assertEquals(decode("chunked", line(1_024), step), { content: "hello", rest: "", done: true });
    assertEquals(decode("chunked", trailer(16_384), step), { content: "", rest: "", done: true });
  }
});

const BROKEN = [
  line(1_025),
  trailer(16_385),
  "00000000000005\r\nhello\r\n",
  "\r\nhello",
  "x\r\n",
  "-5\r\nhello\r\n",
  " 5\r\nhello\r\n",
  "0x5\r\nhello\r\n",
  "5\nhello\r\n",
  "5\r\nhello!\r\n",
  "5\r\nhello\n0\r\n\r\n",
  "5\rhello",
  "5;a\n\r\nhello",
  "fffffffffffffff\r\n",
  `5;${"x".repeat(2_000)}\r\nhello\r\n`,
  `0\r\n${"X: y\r\n".repeat(4_000)}\r\n`,
];

for (const text of BROKEN) {
  test(`createBodyDecoder rejects ${JSON.stringify(text.slice(0, 24))}, in pieces of any size`, () => {
    for (const step of [1, 2, 3, text.length]) {
      assertEquals(assertThrows(() => decode("chunked", text, step), UpstreamError).kind, "malformed");
    }
  });
}

test("createBodyDecoder says how much of a length is to come", () => {
  const decoder = createBodyDecoder(10);
  decoder.decode(fromLatin1("hello"));
  assertEquals([decoder.remaining, decoder.done], [5, false]);
});
