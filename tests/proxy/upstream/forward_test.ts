import { assertEquals, assertRejects, assertStrictEquals, assertStringIncludes } from "@std/assert";
import { UpstreamError } from "../../../lib/http1/error.ts";
import type { UpstreamErrorKind } from "../../../lib/http1/error.ts";
import { createForwarder } from "../../../lib/proxy/upstream/forward.ts";
import type { RouterResponse } from "../../../lib/proxy/upstream/router_response.ts";
import { NoRouterError } from "../../../lib/proxy/upstream/upstream.ts";
import { latin1 } from "../../support/latin1.ts";
import { countDeadlines } from "../../support/fakes/count_deadlines.ts";
import { createCountingSignal } from "../../support/fakes/counting_signal.ts";
import { createVirtualClock, settle } from "../../support/fakes/virtual_clock.ts";
import { bodyOf, createFakeClient, createFakeUpstream, createFedBody } from "../../support/fakes/upstream_fakes.ts";
import type { Asked } from "../../support/fakes/upstream_fakes.ts";
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
  const deadlines = countDeadlines(clock.deadlines);
  const upstream = createFakeUpstream(known ? A : undefined, { onReport });
  const client = createFakeClient();
  const errors: string[] = [];
  const answeredAfterMs: number[] = [];
  const forward = createForwarder({
    upstream,
    client,
    deadlines,
    now: clock.now,
    onAnswer: (elapsedMs) => answeredAfterMs.push(elapsedMs),
    onError: ({ kind }) => errors.push(kind),
  });
  const leaving = new AbortController();
  const send = (signal = leaving.signal) => {
    const options = { signal, timeoutMs: TIMEOUT_MS, patienceMs };
    const response = forward({ method, target: "/latest/vm-id", headers: [] }, options);
    response.catch(() => {});
    return response;
  };
  const response = send();
  /** The request made last, when it has been made. */
  const asked = async (count: number) => {
    await settle();
    assertEquals(client.asked.map(({ address }) => address).length, count, "requests made");
    return client.asked[count - 1]!;
  };
  return {
    clock,
    deadlines,
    upstream,
    client,
    errors,
    answeredAfterMs,
    response,
    send,
    asked,
    leave: (reason: unknown) => leaving.abort(reason),
  };
}

async function assertAnswers(
  response: Promise<RouterResponse>,
  status: number,
  text?: string,
): Promise<RouterResponse> {
  const answered = await response;
  assertEquals(answered.status, status);
  if (text !== undefined) assertEquals(latin1(answered.body as Uint8Array), text);
  return answered;
}

async function assertFails(response: Promise<RouterResponse>, kind: UpstreamErrorKind): Promise<void> {
  assertEquals((await assertRejects(() => response, UpstreamError)).kind, kind);
}

test("createForwarder asks the router that is known, and gives its answer whole", async () => {
  const { response, asked, upstream } = setUp();
  const request = await asked(1);
  assertEquals([request.address, request.fresh, request.head.target], [A, false, "/latest/vm-id"]);
  request.answer(200, bodyOf("i-1"), [["connection", "close"], ["etag", "x"]]);
  assertEquals((await assertAnswers(response, 200, "i-1")).headers, [["etag", "x"]]);
  assertEquals(upstream.reports, []);
});

test("createForwarder waits for a router that is searched for", async () => {
  const { response, asked, upstream, clock } = setUp({ known: false });
  await clock.run(9_000);
  upstream.find(B);
  (await asked(1)).answer(200, bodyOf("i-1"));
  assertEquals((await assertAnswers(response, 200, "i-1")).address, B);
});

test("createForwarder says that there is no router when the search ends without one", async () => {
  const { response, upstream } = setUp({ known: false });
  const cause = new Error("no answer on eth0");
  upstream.fail(cause);
  assertStrictEquals((await assertRejects(() => response, NoRouterError)).cause, cause);
});

test("createForwarder says that there is no router when none is found in time", async () => {
  const { response, clock } = setUp({ known: false });
  await clock.run(TIMEOUT_MS);
  await assertRejects(() => response, NoRouterError, "in time");
});

test("createForwarder waits for a search no longer than patience lasts", async () => {
  const { response, clock } = setUp({ known: false, patienceMs: 1_000 });
  await clock.run(1_000);
  await assertRejects(() => response, NoRouterError, "in time");
});

test("createForwarder does not call it impatience when a known router is slow", async () => {
  const { response, asked, clock } = setUp({ patienceMs: 0 });
  (await asked(1)).sent();
  await clock.run(9_000);
  (await asked(1)).answer(200, bodyOf("slow"));
  await assertAnswers(response, 200, "slow");
});

test("createForwarder gives up when asked to, with the reason", async () => {
  const { response, asked, leave } = setUp();
  const request = await asked(1);
  const reason = new Error("the client went away");
  leave(reason);
  assertStrictEquals(await assertRejects(() => response), reason);
  assertEquals(request.aborted, true);
});

for (const kind of ["refused", "unreachable", "connect_timeout", "reset", "cut_short"] as const) {
  test(`createForwarder reports a router that fails with ${kind}, and asks whoever is found, on a new connection`, async () => {
    const { response, asked, upstream } = setUp({ onReport: "search" });
    (await asked(1)).fail(kind);
    await settle();
    assertEquals(upstream.reports, [`${A} ${kind}`]);
    upstream.find(B);
    const second = await asked(2);
    assertEquals([second.address, second.fresh], [B, true]);
    second.answer(200, bodyOf("i-1"));
    await assertAnswers(response, 200, "i-1");
  });

  test(`createForwarder asks a router again that failed with ${kind} and proved itself since`, async () => {
    const { response, asked, clock } = setUp({ onReport: "same" });
    (await asked(1)).fail(kind);
    await clock.run(0);
    (await asked(2)).answer(200, bodyOf("i-1"));
    await assertAnswers(response, 200, "i-1");
  });
}

for (const kind of ["malformed", "too_large", "response_timeout"] as const) {
  test(`createForwarder does not ask a router again that failed with ${kind}, but another`, async () => {
    const same = setUp({ onReport: "same" });
    (await same.asked(1)).fail(kind);
    await assertFails(same.response, kind);
    assertEquals(same.upstream.reports, [`${A} ${kind}`]);

    const moved = setUp({ onReport: "search" });
    (await moved.asked(1)).fail(kind);
    await settle();
    moved.upstream.find(B);
    (await moved.asked(2)).answer(200, bodyOf("i-1"));
    await assertAnswers(moved.response, 200, "i-1");
  });
}

test("createForwarder asks a failing router a few times, ever later, and then gives up", async () => {
  const { response, asked, clock, errors } = setUp({ onReport: "same" });
  (await asked(1)).fail("reset");
  for (const [i, pauseMs] of [0, 250, 500, 1_000, 2_000].entries()) {
    if (pauseMs > 0) await clock.run(pauseMs - 1);
    await asked(i + 1);
    await clock.run(1);
    (await asked(i + 2)).fail("reset");
  }
  await assertFails(response, "reset");
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
  await assertFails(failing.response, "reset");

  const busy = setUp();
  await busy.clock.run(TIMEOUT_MS - 700);
  (await busy.asked(1)).answer(503);
  await busy.clock.run(250);
  (await busy.asked(2)).answer(503);
  await assertAnswers(busy.response, 503);
});

test("createForwarder gives up at the deadline in whatever it does", async () => {
  const waiting = setUp();
  (await waiting.asked(1)).sent();
  await waiting.clock.run(TIMEOUT_MS);
  await assertFails(waiting.response, "response_timeout");

  const searching = setUp({ onReport: "search" });
  (await searching.asked(1)).fail("refused");
  await searching.clock.run(TIMEOUT_MS);
  await assertFails(searching.response, "refused");
});

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
  await clock.run(699);
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

for (const status of [502, 503]) {
  test(`createForwarder asks again for a few seconds when a router answers ${status}`, async () => {
    const { response, asked, clock, upstream } = setUp();
    const body = createFedBody();
    (await asked(1)).answer(status, body);
    await clock.run(249);
    assertEquals(body.cancelled, true);
    await asked(1);
    await clock.run(1);
    (await asked(2)).answer(status);
    await clock.run(500);
    (await asked(3)).answer(200, bodyOf("i-1"));
    await assertAnswers(response, 200, "i-1");
    assertEquals(upstream.reports, []);
  });

  test(`createForwarder gives the client a ${status} that stays`, async () => {
    const { response, asked, clock } = setUp();
    for (const [i, pauseMs] of [250, 500, 1_000, 2_000].entries()) {
      (await asked(i + 1)).answer(status);
      await clock.run(pauseMs);
    }
    (await asked(5)).answer(status, bodyOf("<h1>Busy</h1>"), [["content-type", "text/html"], ["retry-after", "3"]]);
    const { headers, body } = await assertAnswers(response, status);
    assertEquals([headers, body], [[["retry-after", "3"]], undefined]);
  });
}

for (const status of [400, 403, 404, 416, 500, 501, 504]) {
  test(`createForwarder gives the client a ${status} at once, without its body`, async () => {
    const { response, asked } = setUp();
    const body = createFedBody();
    (await asked(1)).answer(status, body);
    assertEquals((await assertAnswers(response, status)).body, undefined);
    assertEquals(body.cancelled, true);
  });
}

for (const [method, status] of [["HEAD", 200], ["GET", 204], ["GET", 304]] as const) {
  test(`createForwarder gives no body with a ${status} to ${method}, and keeps what the head says of one`, async () => {
    const { response, asked } = setUp({ method });
    (await asked(1)).answer(status, bodyOf(""), [["content-length", "5"]]);
    const { headers, body } = await assertAnswers(response, status);
    assertEquals([headers, body], [[["content-length", "5"]], undefined]);
  });
}

test("createForwarder asks again when a small body is cut short, because nobody has seen any of it", async () => {
  const { response, asked, clock } = setUp();
  const body = createFedBody(10);
  (await asked(1)).answer(200, body);
  body.feed("half");
  body.fail("cut_short");
  await clock.run(0);
  (await asked(2)).answer(200, bodyOf("all of it"));
  await assertAnswers(response, 200, "all of it");
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

test("createForwarder leaves no deadline behind, however a request ends", async () => {
  const found = setUp({ known: false, patienceMs: 5_000 });
  found.upstream.offer(B);
  await found.clock.run(1_000);
  found.upstream.find(A);
  (await found.asked(2)).answer(503);
  await settle();
  await found.clock.run(250);
  const silent = await found.asked(3);
  silent.sent();
  await found.clock.run(1_000);
  silent.answer(200, bodyOf("slow"));
  await assertAnswers(found.response, 200, "slow");

  const failed = setUp();
  (await failed.asked(1)).fail("malformed");
  assertEquals((await assertRejects(() => failed.response, UpstreamError)).message, `${A} failed`);

  const left = setUp({ onReport: "search" });
  (await left.asked(1)).sent();
  await left.clock.run(1_000);
  left.leave(new Error("gone"));
  await assertRejects(() => left.response);
  await settle();
  assertEquals([found, failed, left].map(({ deadlines }) => deadlines.left), [0, 0, 0]);
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

test("createForwarder tells who answered, and with what, so that nobody doubts it", async () => {
  const { response, asked, upstream } = setUp();
  (await asked(1)).answer(404);
  await assertAnswers(response, 404);
  assertEquals(upstream.observed, [`${A} 404`]);
});

for (
  const [what, kind, act] of [
    ["refuses", "refused", (request) => request.fail("refused")],
    ["does not accept", "connect_timeout", () => {}],
    ["accepts and hangs", "response_timeout", (request) => request.sent()],
    ["speaks no HTTP", "malformed", (request) => request.fail("malformed")],
  ] as const satisfies readonly (readonly [string, UpstreamErrorKind, (request: Asked) => void])[]
) {
  test(`createForwarder names ${kind} at the deadline of a router that ${what}, for requests that never reached it too`, async () => {
    const { response, asked, clock, send } = setUp({ onReport: "search" });
    act(await asked(1));
    await clock.run(TIMEOUT_MS);
    await assertFails(response, kind);
    const later = send();
    await clock.run(TIMEOUT_MS);
    await assertFails(later, kind);
    assertStringIncludes((await assertRejects(() => later, UpstreamError)).message, A);
  });
}

test("createForwarder forgets a failure when a router has answered", async () => {
  const { response, asked, clock, send, upstream } = setUp({ onReport: "search" });
  (await asked(1)).fail("refused");
  await settle();
  upstream.find(B);
  (await asked(2)).answer(200, bodyOf("i-1"));
  await assertAnswers(response, 200);
  upstream.lose();
  const later = send();
  await clock.run(TIMEOUT_MS);
  await assertRejects(() => later, NoRouterError);
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
    assertEquals(upstream.reports, delayMs < 700 ? [] : [`${A} response_timeout?`]);
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
  assertEquals(upstream.observed, []);
  upstream.find(A);
  await assertAnswers(response, 200, "slow");
  await asked(1);
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
  await clock.run(3_000);
  await asked(2);
  upstream.find(A);
  second.answer(200, bodyOf("i-1"));
  await assertAnswers(response, 200, "i-1");
  await asked(2);
});

test("createForwarder has patience with a router that was found in time, whatever it takes then", async () => {
  const { response, asked, clock, upstream } = setUp({ known: false, patienceMs: 1_000 });
  await clock.run(900);
  upstream.find(A);
  (await asked(1)).sent();
  await clock.run(3_000);
  (await asked(1)).answer(200, bodyOf("slow"));
  await assertAnswers(response, 200, "slow");
});

test("createForwarder names what the search knows of the router that was in force, when it was not asked itself", async () => {
  const known = setUp({ known: false });
  known.upstream.doubt(A, new UpstreamError("refused", "The router refused the connection"));
  await known.clock.run(TIMEOUT_MS);
  await assertFails(known.response, "refused");

  const other = setUp({ known: false });
  other.upstream.doubt(A, new Error("serves another's metadata"));
  await other.clock.run(TIMEOUT_MS);
  await assertRejects(() => other.response, NoRouterError);
});

test("createForwarder asks nobody for a client that has left, nor after a pause during which it leaves", async () => {
  const { send, asked, clock, client, deadlines, leave } = setUp();
  const reason = new Error("gone");
  assertStrictEquals(await assertRejects(() => send(AbortSignal.abort(reason))), reason);
  (await asked(1)).answer(200, bodyOf("i-1"));
  const paused = send();
  (await asked(2)).answer(503);
  await settle();
  assertEquals(deadlines.left, 2);
  leave(reason);
  assertStrictEquals(await assertRejects(() => paused), reason);
  await clock.run(TIMEOUT_MS);
  assertEquals([client.asked.length, deadlines.left], [2, 0]);
});

test("createForwarder leaves nothing on a signal, and tells how long a router took to begin its answer", async () => {
  const { send, asked, clock, answeredAfterMs } = setUp();
  await asked(1);
  const { signal, listeners } = createCountingSignal();
  const response = send(signal);
  const request = await asked(2);
  assertEquals(listeners(), 1);
  await clock.run(70);
  request.answer(200, bodyOf("i-1"));
  await assertAnswers(response, 200, "i-1");
  assertEquals([listeners(), answeredAfterMs], [0, [70]]);
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
