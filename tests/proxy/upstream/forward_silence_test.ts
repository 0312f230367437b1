import { assertEquals, assertRejects } from "@std/assert";
import { NoRouterError } from "../../../lib/proxy/upstream/upstream.ts";
import { settle } from "../../support/fakes/virtual_clock.ts";
import { bodyOf, createFedBody } from "../../support/fakes/upstream_fakes.ts";
import { test } from "../../support/test.ts";
import { A, assertAnswers, assertFails, B, setUp, TIMEOUT_MS } from "./forward_case.ts";

test("createForwarder has a router searched for that does not accept, and leaves it when another has answered", async () => {
  const { response, asked, upstream, clock } = setUp({ onReport: "search" });
  const first = await asked(1);
  await clock.run(299);
  assertEquals(upstream.reports, []);
  await clock.run(1);
  assertEquals([upstream.reports, first.aborted], [[`${A} connect_timeout?`], false]);
  upstream.find(B);
  const second = await asked(2);
  assertEquals([first.aborted, second.address, second.fresh], [false, B, true]);
  second.answer(200, bodyOf("i-1"));
  await assertAnswers(response, 200, "i-1");
  assertEquals(first.aborted, true);
});

test("createForwarder has a router searched for that does not answer, and takes its answer if that comes first", async () => {
  const { response, asked, upstream, clock } = setUp({ onReport: "search" });
  const first = await asked(1);
  await clock.run(200);
  first.sent();
  await clock.run(399);
  assertEquals(upstream.reports, []);
  await clock.run(1);
  assertEquals(upstream.reports, [`${A} response_timeout?`]);
  first.answer(200, bodyOf("late"));
  await assertAnswers(response, 200, "late");
  upstream.find(B);
  await asked(1);
});

test("createForwarder goes on waiting for a slow router that proved itself, and reports it once", async () => {
  const { response, asked, upstream, clock } = setUp({ onReport: "same" });
  const first = await asked(1);
  await clock.run(400);
  first.sent();
  await clock.run(8_000);
  assertEquals([upstream.reports.length, first.aborted], [1, false]);
  first.answer(200, bodyOf("slow"));
  await assertAnswers(response, 200, "slow");
});

test("createForwarder asks beside a kept connection that keeps silent, on a new one to the same router", async () => {
  const { response, asked, clock } = setUp({ onReport: "same" });
  const first = await asked(1);
  first.sent({ reused: true });
  await clock.run(1_000);
  const second = await asked(2);
  assertEquals([first.aborted, second.address, second.fresh], [false, A, true]);
  second.answer(200, bodyOf("i-1"));
  await assertAnswers(response, 200, "i-1");
  assertEquals(first.aborted, true);
});

test("createForwarder asks a router again whose kept connection timed out before the search found it alive", async () => {
  const { response, asked, upstream, clock } = setUp({ onReport: "search" });
  const first = await asked(1);
  first.sent({ reused: true });
  first.fail("response_timeout");
  await settle();
  upstream.find(A);
  await clock.run(0);
  const second = await asked(2);
  assertEquals([second.address, second.fresh], [A, true]);
  second.answer(200, bodyOf("i-1"));
  await assertAnswers(response, 200, "i-1");
});

test("createForwarder goes on waiting for a silent router when the search ends without another", async () => {
  const { response, asked, upstream, clock } = setUp({ onReport: "search" });
  const first = await asked(1);
  first.sent();
  await clock.run(1_000);
  upstream.fail(new Error("nobody"));
  await clock.run(1_000);
  first.answer(200, bodyOf("late"));
  await assertAnswers(response, 200, "late");
});

test("createForwarder leaves a silent router when patience with the search for another is over", async () => {
  const { response, asked, clock } = setUp({ onReport: "search", patienceMs: 500 });
  (await asked(1)).sent();
  await clock.run(1_500);
  await assertFails(response, "response_timeout");
});

test("createForwarder leaves nobody waiting in the search when the slow answer has come", async () => {
  const { response, asked, upstream, clock } = setUp({ onReport: "search" });
  const first = await asked(1);
  first.sent();
  await clock.run(1_000);
  assertEquals(upstream.waiting, 1);
  first.answer(200, bodyOf("late"));
  await assertAnswers(response, 200, "late");
  await settle();
  assertEquals(upstream.waiting, 0);
});

test("createForwarder takes the first response of two routers, and the last error when both fail", async () => {
  const won = setUp({ onReport: "search" });
  const slow = await won.asked(1);
  slow.sent();
  await won.clock.run(1_000);
  won.upstream.find(B);
  const hedge = await won.asked(2);
  slow.answer(200, bodyOf("slow"));
  await assertAnswers(won.response, 200, "slow");
  assertEquals(hedge.aborted, true);

  const lost = setUp({ onReport: "search" });
  const first = await lost.asked(1);
  first.sent();
  await lost.clock.run(1_000);
  lost.upstream.find(B);
  (await lost.asked(2)).fail("malformed");
  first.fail("response_timeout");
  await settle();
  await lost.clock.run(TIMEOUT_MS);
  await assertFails(lost.response, "response_timeout");
});

test("createForwarder gives up what has come from the slower of two routers, also when both answer in the same moment", async () => {
  for (const [slower, faster] of [[createFedBody(10), bodyOf("i-1")], [createFedBody(70_000), createFedBody(70_000)]]) {
    const { response, asked, upstream, clock } = setUp({ onReport: "search" });
    const first = await asked(1);
    first.sent();
    await clock.run(1_000);
    upstream.find(B);
    (await asked(2)).answer(200, faster);
    first.answer(200, slower);
    assertEquals((await response).address, B);
    await settle();
    assertEquals([slower!.cancelled, faster!.cancelled], [true, false]);
  }
});

for (const delayMs of [500, 1_000, 2_000, 5_000, 8_000]) {
  test(`createForwarder lets a router be that takes ${delayMs} ms for each answer: no second request, one question at the most`, async () => {
    const { response, asked, clock, send, upstream } = setUp({ onReport: "same" });
    let next = response;
    for (let count = 1; count <= 10; count++) {
      const request = await asked(count);
      request.sent();
      const startedAt = clock.now();
      await clock.run(delayMs);
      request.answer(200, bodyOf("slow"));
      await assertAnswers(next, 200, "slow");
      assertEquals(clock.now() - startedAt, delayMs);
      if (count < 10) next = send();
    }
    assertEquals(upstream.reports, delayMs < 400 ? [] : [`${A} response_timeout?`]);
  });
}

test("createForwarder asks a router that takes long to prove itself, and passes its answer on when it has", async () => {
  const { response, asked, clock, upstream } = setUp({ known: false });
  await clock.run(500);
  upstream.offer(A);
  await clock.run(1_000);
  const request = await asked(1);
  request.sent();
  await clock.run(7_000);
  request.answer(200, bodyOf("slow"));
  await settle();
  assertEquals(upstream.observed, [`${A} 200`], "whoever finds it is told that it answers");
  upstream.find(A);
  await assertAnswers(response, 200, "slow");
  await asked(1);
});

test("createForwarder asks anew when a router proves itself before what it was asked is on its way", async () => {
  const { response, asked, clock, upstream } = setUp({ known: false });
  upstream.offer(A);
  await clock.run(1_000);
  const early = await asked(1);
  upstream.find(A);
  (await asked(2)).answer(200, bodyOf("i-1"));
  await assertAnswers(response, 200, "i-1");
  assertEquals(early.aborted, true);
});

test("createForwarder throws away what it asked of a router that did not prove itself", async () => {
  const { response, asked, clock, upstream } = setUp({ known: false });
  upstream.offer(A);
  await clock.run(1_000);
  const held = await asked(1);
  upstream.find(B);
  (await asked(2)).answer(200, bodyOf("i-1"));
  assertEquals((await assertAnswers(response, 200, "i-1")).address, B);
  assertEquals(held.aborted, true);
});

test("createForwarder keeps to itself what a router answers that never proves itself", async () => {
  const { response, asked, clock, upstream } = setUp({ known: false });
  upstream.offer(A);
  await clock.run(1_000);
  (await asked(1)).answer(200, bodyOf("of somebody"));
  await clock.run(TIMEOUT_MS);
  await assertRejects(() => response, NoRouterError);
});

test("createForwarder gives up what it asked of a router that did not prove itself when there is none at all", async () => {
  const { response, asked, clock, upstream } = setUp({ known: false });
  upstream.offer(A);
  await clock.run(1_000);
  const held = await asked(1);
  upstream.fail(new Error("no metadata"));
  await assertRejects(() => response, NoRouterError);
  assertEquals(held.aborted, true);
});

test("createForwarder asks another time who failed before it proved itself, and once at a time", async () => {
  const { response, asked, clock, upstream } = setUp({ known: false });
  upstream.offer(A);
  await clock.run(1_000);
  (await asked(1)).fail("reset");
  await clock.run(1_000);
  const second = await asked(2);
  second.sent();
  await clock.run(3_000);
  await asked(2);
  upstream.find(A);
  second.answer(200, bodyOf("i-1"));
  await assertAnswers(response, 200, "i-1");
  await asked(2);
});

test("createForwarder calls no router silent that has begun its answer", async () => {
  const { asked, clock, client, deadlines } = setUp();
  const request = await asked(1);
  request.sent();
  await clock.run(90);
  const before = deadlines.left;
  request.answer(200, createFedBody());
  await settle();
  // The whole of it is waited for in place of its beginning.
  assertEquals([client.asked.length, deadlines.left], [1, before]);
});
