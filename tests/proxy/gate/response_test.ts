import { assertEquals } from "@std/assert";
import { latin1, toBytes } from "../../../lib/http1/message.ts";
import { createDateText, encodeResponse } from "../../../lib/proxy/gate/response.ts";
import { test } from "../../support/test.ts";

const DATE = "Thu, 01 Jan 1970 00:00:00 GMT";
const STAYS = { method: "GET", minor: 1, persistent: true } as const;

test("encodeResponse frames an answer for its recipient, byte for byte, and dates what has no date", () => {
  const response = { status: 200, headers: [["x", "\xe9"]] as const, body: toBytes("body") };
  const text = (recipient: Parameters<typeof encodeResponse>[1]) =>
    latin1(encodeResponse(response, recipient, DATE).first);
  const start = `HTTP/1.1 200 OK\r\nx: \xe9\r\ndate: ${DATE}\r\ncontent-length: 4\r\n`;
  assertEquals(text(STAYS), `${start}\r\nbody`);
  assertEquals(text({ ...STAYS, method: "HEAD" }), `${start}\r\n`);
  assertEquals(text({ ...STAYS, persistent: false }), `${start}connection: close\r\n\r\nbody`);
  assertEquals(text({ ...STAYS, minor: 0 }), `${start}connection: keep-alive\r\n\r\nbody`);
});

test("encodeResponse keeps a Date, corrects a length, and gives an answer without a body none", () => {
  const encode = (status: number, headers: readonly (readonly [string, string])[]) =>
    latin1(encodeResponse({ status, headers }, STAYS, DATE).first);
  assertEquals(
    encode(403, [["date", "D"], ["content-length", "9"]]),
    "HTTP/1.1 403 Forbidden\r\ndate: D\r\ncontent-length: 0\r\n\r\n",
  );
  assertEquals(encode(204, [["date", "D"]]), "HTTP/1.1 204 No Content\r\ndate: D\r\n\r\n");
  assertEquals(encode(299, [["date", "D"]]), "HTTP/1.1 299 \r\ndate: D\r\ncontent-length: 0\r\n\r\n");
});

test("encodeResponse sends a large body as it is, behind the head", () => {
  for (const [length, isApart] of [[16_384, false], [16_385, true]] as const) {
    const body = new Uint8Array(length);
    const { first, rest, persistent } = encodeResponse({ status: 200, headers: [], body }, STAYS, DATE);
    assertEquals([rest === body, first.length > 16_384, persistent], [isApart, !isApart, true]);
  }
});

test("createDateText writes a date anew each second", () => {
  let now = 999;
  const dateText = createDateText(() => now);
  assertEquals(dateText(), DATE);
  now = 1_000;
  assertEquals(dateText(), "Thu, 01 Jan 1970 00:00:01 GMT");
});
