import { assertEquals } from "@std/assert";
import { toBytes } from "../../../lib/http1/message.ts";
import { createKnownHeads, HeadReader } from "../../../lib/proxy/gate/head_reader.ts";
import { test } from "../../support/test.ts";

const KNOWN = { head: { method: "GET", target: "/", headers: [], minor: 1, persistent: true }, key: "k" } as const;

test("createKnownHeads knows a head by its very bytes", () => {
  const heads = createKnownHeads();
  heads.add("GET /\r\n", KNOWN);
  assertEquals(heads.find(toBytes("GET /\r\n")), KNOWN);
  for (const other of ["GET /\r\n\r\n", "GET /\r", "get /\r\n", "\xef\xbb\xbfGET /\r\n"]) {
    assertEquals(heads.find(toBytes(other)), undefined, other);
  }
});

test("createKnownHeads keeps nothing whose text other bytes could have made, and nothing long", () => {
  const heads = createKnownHeads();
  for (const text of ["GET /\xe4", "GET /\ufffd", "a".repeat(1_025)]) {
    heads.add(text, KNOWN);
    assertEquals(heads.find(new TextEncoder().encode(text)), undefined);
  }
  heads.add("a".repeat(1_024), KNOWN);
  assertEquals(heads.find(toBytes("a".repeat(1_024))), KNOWN);
});

test("createKnownHeads begins anew when it is full", () => {
  const heads = createKnownHeads();
  for (let i = 0; i <= 256; i++) heads.add(`GET /${i}`, KNOWN);
  assertEquals(heads.find(toBytes("GET /0")), undefined);
  assertEquals(heads.find(toBytes("GET /256")), KNOWN);
});

test("HeadReader holds nothing that comes in the moment in which it is freed, and reads no more", async () => {
  const { promise: bytes, resolve: send } = Promise.withResolvers<number>();
  let reads = 0;
  const read = () => (reads++, bytes);
  const limits = { maxUrlBytes: 200, maxHeaderBytes: 1_000 };
  const options = { limits, known: createKnownHeads(), keyOf: () => undefined, onBytes() {}, onReset() {} };
  const reader = new HeadReader({ read }, options);
  const more = reader.more();
  send(25);
  reader.free();
  assertEquals([await more, await reader.more()], [false, false]);
  assertEquals([reader.length, reader.take(), reads], [0, undefined, 1]);
});
