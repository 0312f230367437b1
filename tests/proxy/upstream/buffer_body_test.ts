import { assertEquals, assertRejects } from "@std/assert";
import { UpstreamError } from "../../../lib/http1/error.ts";
import type { ResponseBody } from "../../../lib/http1/message.ts";
import { bufferBody } from "../../../lib/proxy/upstream/buffer_body.ts";
import { fromLatin1, latin1 } from "../../support/latin1.ts";
import { createVirtualClock } from "../../support/fakes/virtual_clock.ts";
import { createFedBody, readAll } from "../../support/fakes/upstream_fakes.ts";
import { test } from "../../support/test.ts";
import { pause } from "../../support/pause.ts";

test("bufferBody takes a body that comes in pieces", async () => {
  for (const pieces of [[], ["hello"], ["he", "l", "lo"], Array.from("one byte after the other")]) {
    const body = createFedBody();
    for (const piece of [...pieces, undefined]) body.feed(piece);
    assertEquals(latin1(await bufferBody(body, createVirtualClock().deadlines) as Uint8Array), pieces.join(""));
  }
});

test("bufferBody hands on a body that turns out to be large, with all of it", async () => {
  const body = createFedBody();
  const piece = "x".repeat(40_000);
  body.feed(piece);
  body.feed(piece);
  const rest = await bufferBody(body, createVirtualClock().deadlines) as ResponseBody;
  body.feed("end");
  body.feed(undefined);
  assertEquals(await readAll(rest), piece + piece + "end");
});

test("bufferBody takes a body of just the size that it holds, and copies what it was given in pieces", async () => {
  const body = createFedBody();
  const first = fromLatin1("x".repeat(65_535));
  body.feed(latin1(first));
  body.feed("y");
  body.feed(undefined);
  const whole = await bufferBody(body, createVirtualClock().deadlines) as Uint8Array<ArrayBuffer>;
  assertEquals([whole.length, whole[65_535], whole.buffer.byteLength], [65_536, 0x79, 65_536]);
});

test("bufferBody hands on a body that is slow, with all of it and the read that is under way", async () => {
  const clock = createVirtualClock();
  const body = createFedBody(10);
  const collected = bufferBody(body, clock.deadlines);
  body.feed("hello");
  await clock.run(200);
  const rest = await collected as ResponseBody;
  assertEquals(rest.takeWhole(), undefined);
  body.feed("world");
  body.feed(undefined);
  assertEquals(await readAll(rest), "helloworld");
  rest.cancel();
  assertEquals(body.cancelled, true);
});

test("bufferBody fails as the body fails, at once or for whoever reads on", async () => {
  const body = createFedBody();
  body.feed("half");
  body.fail("cut_short");
  await assertRejects(async () => await bufferBody(body, createVirtualClock().deadlines), UpstreamError);

  const clock = createVirtualClock();
  const slow = createFedBody();
  let failLate = (_: UpstreamError) => {};
  const collected = bufferBody({ ...slow, read: () => new Promise((_, reject) => failLate = reject) }, clock.deadlines);
  await clock.run(200);
  const rest = await collected as ResponseBody;
  failLate(new UpstreamError("idle_timeout", "late"));
  // Nobody may read on for a while, and no error is unhandled meanwhile.
  await pause();
  await assertRejects(() => rest.read(), UpstreamError);
});
