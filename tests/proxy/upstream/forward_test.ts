import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { UpstreamError } from "../../../lib/http1/error.ts";
import type { UpstreamErrorKind } from "../../../lib/http1/error.ts";
import { createForwarder } from "../../../lib/proxy/upstream/forward.ts";
import type { Answer } from "../../../lib/proxy/upstream/to_answer.ts";
import type { Errand } from "../../../lib/proxy/upstream/forward.ts";
import { NoRouterError } from "../../../lib/proxy/upstream/upstream.ts";
import { latin1 } from "../../support/latin1.ts";
import { createVirtualClock, settle } from "../../support/fakes/virtual_clock.ts";
import { bodyOf, createFakeClient, createFakeUpstream, createFedBody } from "../../support/fakes/upstream_fakes.ts";
import { test } from "../../support/test.ts";

const A = "10.1.1.1";
const B = "10.1.1.2";
const TIMEOUT_MS = 15_000;

function setUp(
  { onReport = "same", known = true, method = "GET", patienceMs = Infinity }: {
    readonly onReport?: "same" | "search";
    readonly known?: boolean;
    readonly method?: "GET" | "HEAD";
    readonly patienceMs?: number;
  } = {},
) {
  const clock = createVirtualClock();
  const upstream = createFakeUpstream(known ? A : undefined, { onReport });
  const client = createFakeClient();
  const errors: string[] = [];
  const forward = createForwarder({
    upstream,
    client,
    deadlines: clock.deadlines,
    now: clock.now,
    onAnswer() {},
    onError: ({ kind }) => errors.push(kind),
  });
  const errand: Errand = forward({ method, target: "/latest/vm-id", headers: [] }, {
    timeoutMs: TIMEOUT_MS,
    patienceMs,
  });
  errand.answer.catch(() => {});
  /** The request made last, when it has been made. */
  const asked = async (count: number) => {
    await settle();
    assertEquals(client.asked.map(({ address }) => address).length, count, "requests made");
    return client.asked[count - 1]!;
  };
  return { clock, upstream, client, errors, errand, asked };
}

async function assertAnswers({ answer }: Errand, status: number, text?: string): Promise<Answer> {
  const answered = await answer;
  assertEquals(answered.status, status);
  if (text !== undefined) assertEquals(latin1(answered.body as Uint8Array), text);
  return answered;
}

async function assertFails({ answer }: Errand, kind: UpstreamErrorKind): Promise<void> {
  assertEquals((await assertRejects(() => answer, UpstreamError)).kind, kind);
}

test("createForwarder asks the router that is known, and gives its answer whole", async () => {
  const { errand, asked, upstream } = setUp();
  const request = await asked(1);
  assertEquals([request.address, request.fresh, request.head.target], [A, false, "/latest/vm-id"]);
  request.answer(200, bodyOf("i-1"), [["connection", "close"], ["etag", "x"]]);
  assertEquals((await assertAnswers(errand, 200, "i-1")).headers, [["etag", "x"]]);
  assertEquals(upstream.reports, []);
});

test("createForwarder waits for a router that is searched for", async () => {
  const { errand, asked, upstream, clock } = setUp({ known: false });
  await clock.run(9_000);
  upstream.find(B);
  (await asked(1)).answer(200, bodyOf("i-1"));
  assertEquals((await assertAnswers(errand, 200, "i-1")).address, B);
});

test("createForwarder says that there is no router when the search ends without one", async () => {
  const { errand, upstream } = setUp({ known: false });
  const cause = new Error("no answer on eth0");
  upstream.fail(cause);
  assertStrictEquals((await assertRejects(() => errand.answer, NoRouterError)).cause, cause);
});

test("createForwarder says that there is no router when none is found in time", async () => {
  const { errand, clock } = setUp({ known: false });
  await clock.run(TIMEOUT_MS);
  await assertRejects(() => errand.answer, NoRouterError, `${TIMEOUT_MS} ms`);
});

test("createForwarder waits for a search no longer than patience lasts", async () => {
  const { errand, clock } = setUp({ known: false, patienceMs: 1_000 });
  await clock.run(1_000);
  await assertRejects(() => errand.answer, NoRouterError, "1000 ms");
});

test("createForwarder does not call it impatience when a known router is slow", async () => {
  const { errand, asked, clock } = setUp({ patienceMs: 0 });
  (await asked(1)).sent();
  await clock.run(9_000);
  (await asked(1)).answer(200, bodyOf("slow"));
  await assertAnswers(errand, 200, "slow");
});

test("createForwarder gives up when asked to, with the reason", async () => {
  const { errand, asked } = setUp();
  const request = await asked(1);
  const reason = new Error("the client went away");
  errand.cancel(reason);
  assertStrictEquals(await assertRejects(() => errand.answer), reason);
  assertEquals(request.aborted, true);
});

for (const kind of ["refused", "unreachable", "connect_timeout", "reset", "cut_short"] as const) {
  test(`createForwarder reports a router that fails with ${kind}, and asks whoever is found, on a new connection`, async () => {
    const { errand, asked, upstream } = setUp({ onReport: "search" });
    (await asked(1)).fail(kind);
    await settle();
    assertEquals(upstream.reports, [`${A} ${kind}`]);
    upstream.find(B);
    const second = await asked(2);
    assertEquals([second.address, second.fresh], [B, true]);
    second.answer(200, bodyOf("i-1"));
    await assertAnswers(errand, 200, "i-1");
  });

  test(`createForwarder asks a router again that failed with ${kind} and proved itself since`, async () => {
    const { errand, asked, clock } = setUp({ onReport: "same" });
    (await asked(1)).fail(kind);
    await clock.run(0);
    (await asked(2)).answer(200, bodyOf("i-1"));
    await assertAnswers(errand, 200, "i-1");
  });
}

for (const kind of ["malformed", "too_large", "response_timeout"] as const) {
  test(`createForwarder does not ask a router again that failed with ${kind}, but another`, async () => {
    const same = setUp({ onReport: "same" });
    (await same.asked(1)).fail(kind);
    await assertFails(same.errand, kind);
    assertEquals(same.upstream.reports, [`${A} ${kind}`]);

    const moved = setUp({ onReport: "search" });
    (await moved.asked(1)).fail(kind);
    await settle();
    moved.upstream.find(B);
    (await moved.asked(2)).answer(200, bodyOf("i-1"));
    await assertAnswers(moved.errand, 200, "i-1");
  });
}

test("createForwarder asks a failing router a few times, ever later, and then gives up", async () => {
  const { errand, asked, clock, errors } = setUp({ onReport: "same" });
  (await asked(1)).fail("reset");
  for (const [i, pauseMs] of [0, 250, 500, 1_000, 2_000].entries()) {
    if (pauseMs > 0) await clock.run(pauseMs - 1);
    await asked(i + 1);
    await clock.run(1);
    (await asked(i + 2)).fail("reset");
  }
  await assertFails(errand, "reset");
  assertEquals(errors, Array(6).fill("reset"));
});

test("createForwarder says what went wrong rather than wait for a deadline that comes before the next try", async () => {
  const failing = setUp({ onReport: "same" });
  await failing.clock.run(TIMEOUT_MS - 700);
  for (const pauseMs of [0, 250]) {
    (await failing.asked(pauseMs === 0 ? 1 : 2)).fail("reset");
    await failing.clock.run(pauseMs);
  }
  (await failing.asked(3)).fail("reset");
  await assertFails(failing.errand, "reset");

  const busy = setUp();
  await busy.clock.run(TIMEOUT_MS - 700);
  (await busy.asked(1)).answer(503);
  await busy.clock.run(250);
  (await busy.asked(2)).answer(503);
  await assertAnswers(busy.errand, 503);
});

test("createForwarder gives up at the deadline in whatever it does", async () => {
  const waiting = setUp();
  (await waiting.asked(1)).sent();
  await waiting.clock.run(TIMEOUT_MS);
  await assertFails(waiting.errand, "response_timeout");

  const searching = setUp({ onReport: "search" });
  (await searching.asked(1)).fail("refused");
  await searching.clock.run(TIMEOUT_MS);
  await assertRejects(() => searching.errand.answer, NoRouterError);
});

test("createForwarder has a router searched for that does not accept, and leaves it when another is found", async () => {
  const { errand, asked, upstream, clock } = setUp({ onReport: "search" });
  const first = await asked(1);
  await clock.run(299);
  assertEquals(upstream.reports, []);
  await clock.run(1);
  assertEquals([upstream.reports, first.aborted], [[`${A} connect_timeout`], false]);
  upstream.find(B);
  const second = await asked(2);
  assertEquals([first.aborted, second.address, second.fresh], [true, B, true]);
  second.answer(200, bodyOf("i-1"));
  await assertAnswers(errand, 200, "i-1");
});

test("createForwarder has a router searched for that does not answer, and takes its answer if that comes first", async () => {
  const { errand, asked, upstream, clock } = setUp({ onReport: "search" });
  const first = await asked(1);
  await clock.run(200);
  first.sent();
  await clock.run(699);
  assertEquals(upstream.reports, []);
  await clock.run(1);
  assertEquals(upstream.reports, [`${A} response_timeout`]);
  first.answer(200, bodyOf("late"));
  await assertAnswers(errand, 200, "late");
  upstream.find(B);
  await asked(1);
});

test("createForwarder goes on waiting for a slow router that proved itself, and reports it once", async () => {
  const { errand, asked, upstream, clock } = setUp({ onReport: "same" });
  const first = await asked(1);
  await clock.run(400);
  first.sent();
  await clock.run(8_000);
  assertEquals([upstream.reports.length, first.aborted], [1, false]);
  first.answer(200, bodyOf("slow"));
  await assertAnswers(errand, 200, "slow");
});

test("createForwarder leaves a kept connection that keeps silent for a new one to the same router", async () => {
  const { errand, asked, clock } = setUp({ onReport: "same" });
  const first = await asked(1);
  first.sent({ reused: true });
  await clock.run(1_000);
  const second = await asked(2);
  assertEquals([first.aborted, second.address, second.fresh], [true, A, true]);
  second.answer(200, bodyOf("i-1"));
  await assertAnswers(errand, 200, "i-1");
});

test("createForwarder asks a router again whose kept connection timed out before the search found it alive", async () => {
  const { errand, asked, upstream, clock } = setUp({ onReport: "search" });
  const first = await asked(1);
  first.sent({ reused: true });
  first.fail("response_timeout");
  await settle();
  upstream.find(A);
  await clock.run(0);
  const second = await asked(2);
  assertEquals([second.address, second.fresh], [A, true]);
  second.answer(200, bodyOf("i-1"));
  await assertAnswers(errand, 200, "i-1");
});

test("createForwarder goes on waiting for a silent router when the search ends without another", async () => {
  const { errand, asked, upstream, clock } = setUp({ onReport: "search" });
  const first = await asked(1);
  first.sent();
  await clock.run(1_000);
  upstream.fail(new Error("nobody"));
  await clock.run(1_000);
  first.answer(200, bodyOf("late"));
  await assertAnswers(errand, 200, "late");
});

test("createForwarder leaves a silent router when patience with the search for another is over", async () => {
  const { errand, asked, clock } = setUp({ onReport: "search", patienceMs: 500 });
  (await asked(1)).sent();
  await clock.run(1_500);
  await assertRejects(() => errand.answer, NoRouterError);
});

for (const status of [502, 503]) {
  test(`createForwarder asks again for a few seconds when a router answers ${status}`, async () => {
    const { errand, asked, clock, upstream } = setUp();
    const body = createFedBody();
    (await asked(1)).answer(status, body);
    await clock.run(249);
    assertEquals(body.cancelled, true);
    await asked(1);
    await clock.run(1);
    (await asked(2)).answer(status);
    await clock.run(500);
    (await asked(3)).answer(200, bodyOf("i-1"));
    await assertAnswers(errand, 200, "i-1");
    assertEquals(upstream.reports, []);
  });

  test(`createForwarder gives the client a ${status} that stays`, async () => {
    const { errand, asked, clock } = setUp();
    for (const [i, pauseMs] of [250, 500, 1_000, 2_000].entries()) {
      (await asked(i + 1)).answer(status);
      await clock.run(pauseMs);
    }
    (await asked(5)).answer(status, bodyOf("<h1>Busy</h1>"), [["content-type", "text/html"], ["retry-after", "3"]]);
    const { headers, body } = await assertAnswers(errand, status);
    assertEquals([headers, body], [[["retry-after", "3"]], undefined]);
  });
}

for (const status of [400, 403, 404, 416, 500, 501, 504]) {
  test(`createForwarder gives the client a ${status} at once, without its body`, async () => {
    const { errand, asked } = setUp();
    const body = createFedBody();
    (await asked(1)).answer(status, body);
    assertEquals((await assertAnswers(errand, status)).body, undefined);
    assertEquals(body.cancelled, true);
  });
}

for (const [method, status] of [["HEAD", 200], ["GET", 204], ["GET", 304]] as const) {
  test(`createForwarder gives no body with a ${status} to ${method}, and keeps what the head says of one`, async () => {
    const { errand, asked } = setUp({ method });
    (await asked(1)).answer(status, bodyOf(""), [["content-length", "5"]]);
    const { headers, body } = await assertAnswers(errand, status);
    assertEquals([headers, body], [[["content-length", "5"]], undefined]);
  });
}

test("createForwarder asks again when a small body is cut short, because nobody has seen any of it", async () => {
  const { errand, asked, clock } = setUp();
  const body = createFedBody(10);
  (await asked(1)).answer(200, body);
  body.feed("half");
  body.fail("cut_short");
  await clock.run(0);
  (await asked(2)).answer(200, bodyOf("all of it"));
  await assertAnswers(errand, 200, "all of it");
});
