import { assertEquals, assertRejects } from "@std/assert";
import { createClientStream } from "../../../lib/proxy/server/client_stream.ts";
import { latin1 } from "../../support/latin1.ts";
import { countDeadlines } from "../../support/fakes/count_deadlines.ts";
import { createVirtualClock, settle } from "../../support/fakes/virtual_clock.ts";
import { createFedBody } from "../../support/fakes/upstream_fakes.ts";
import { test } from "../../support/test.ts";

const IDLE_MS = 1_000;
const TRANSFER_MS = 10_000;

function setUp() {
  const clock = createVirtualClock();
  const deadlines = countDeadlines(clock.deadlines);
  const body = createFedBody();
  const ends: unknown[] = [];
  const { stream, cut } = createClientStream(body, {
    deadlines,
    idleTimeoutMs: IDLE_MS,
    transferTimeoutMs: TRANSFER_MS,
    onEnd: (error) => ends.push(error instanceof Error ? error.name : error),
  });
  return { clock, deadlines, body, ends, cut, reader: stream.getReader() };
}

const textOf = ({ value }: ReadableStreamReadResult<Uint8Array>) => value && latin1(value);

test("createClientStream passes pieces on, and ends where the body ends", async () => {
  const { body, ends, reader } = setUp();
  for (const piece of ["he", "llo", undefined]) body.feed(piece);
  assertEquals([textOf(await reader.read()), textOf(await reader.read())], ["he", "llo"]);
  assertEquals((await reader.read()).done, true);
  assertEquals([ends, body.cancelled], [[undefined], false]);
});

test("createClientStream cuts where the body is cut, and never ends cleanly", async () => {
  const { clock, deadlines, body, ends, reader } = setUp();
  body.feed("he");
  body.fail("cut_short");
  await reader.read();
  const next = assertRejects(() => reader.read());
  // What came before has to leave first.
  await clock.run(99);
  assertEquals(ends, []);
  await clock.run(1);
  await next;
  assertEquals([ends, deadlines.left], [["UpstreamError"], 0]);
});

test("createClientStream gives the body up when the client goes away", async () => {
  const { body, ends, reader } = setUp();
  body.feed("he");
  await reader.cancel();
  assertEquals([ends, body.cancelled], [["ClientGoneError"], true]);
});

test("createClientStream gives up a client that takes nothing", async () => {
  const { clock, body, ends, reader } = setUp();
  body.feed("taken");
  body.feed("not taken");
  await reader.read();
  await clock.run(IDLE_MS - 1);
  assertEquals(ends, []);
  await clock.run(1);
  assertEquals([ends, body.cancelled], [["ClientTimeoutError"], true]);
  await assertRejects(() => reader.read());
});

test("createClientStream lets a client be slow, and waits for a body as long as the body lets it", async () => {
  const { clock, body, ends, reader } = setUp();
  for (let i = 0; i < 5; i++) {
    body.feed("piece");
    await clock.run(IDLE_MS - 1);
    await reader.read();
    await settle();
  }
  // Now it is the router that is slow, and its own limit that counts.
  await clock.run(IDLE_MS * 2);
  assertEquals(ends, []);
  await reader.cancel();
});

test("createClientStream gives up a transfer that takes too long as a whole", async () => {
  const { clock, body, ends, reader } = setUp();
  for (let ms = 0; ms < TRANSFER_MS; ms += 500) {
    assertEquals(ends, []);
    body.feed("piece");
    await reader.read();
    await clock.run(500);
  }
  assertEquals([ends, body.cancelled], [["ClientTimeoutError"], true]);
});

test("createClientStream cuts when told to, once", async () => {
  const { body, ends, cut, reader } = setUp();
  body.feed("he");
  await reader.read();
  cut(new Error("enough"));
  cut(new Error("more than enough"));
  await assertRejects(() => reader.read(), Error, "enough");
  assertEquals([ends, body.cancelled], [["Error"], true]);
});

test("createClientStream ends once where it is cut in the moment when the next piece, or the end, has come", async () => {
  for (const next of ["llo", undefined]) {
    const { body, ends, cut, reader, deadlines } = setUp();
    body.feed("he");
    await reader.read();
    await settle();
    body.feed(next);
    cut(new Error("enough"));
    await assertRejects(() => reader.read(), Error, "enough");
    await settle();
    assertEquals([ends, deadlines.left], [["Error"], 0]);
  }
});

test("createClientStream leaves no deadline behind, however it ends", async () => {
  for (const how of ["whole", "cut", "cancelled", "cancelled when the router had cut it"] as const) {
    const { deadlines, body, cut, reader } = setUp();
    body.feed("he");
    await reader.read();
    await settle();
    if (how === "whole") body.feed(undefined);
    if (how === "cut") cut(new Error("enough"));
    if (how === "cancelled when the router had cut it") body.fail("cut_short");
    await settle();
    if (how.startsWith("cancelled")) await reader.cancel();
    await reader.read().catch(() => {});
    assertEquals([how, deadlines.left], [how, 0]);
  }
});

test("createClientStream frees what was passed on, but for the two pieces that the server may still hold", async () => {
  const { body, reader } = setUp();
  const pieces: Uint8Array[] = [];
  for (const text of ["one", "two", "three", "four"]) {
    body.feed(text);
    pieces.push((await reader.read()).value!);
    await settle();
  }
  assertEquals(pieces.map(({ length }) => length), [0, 0, 5, 4]);
  body.feed(undefined);
  await reader.read();
});
