import { assertEquals, assertRejects, assertStrictEquals, assertStringIncludes } from "@std/assert";
import { UpstreamError } from "../../../lib/http1/error.ts";
import type { UpstreamErrorKind } from "../../../lib/http1/error.ts";
import { NoRouterError } from "../../../lib/proxy/upstream/upstream.ts";
import { createForwarder } from "../../../lib/proxy/upstream/forward.ts";
import { bytesOf, createTimedClient } from "../../http1/client_case.ts";
import { createCountedSignal } from "../../support/fakes/counted_signal.ts";
import { settle } from "../../support/fakes/virtual_clock.ts";
import { bodyOf, createFakeUpstream, createFedBody } from "../../support/fakes/upstream_fakes.ts";
import type { FakeRequest } from "../../support/fakes/upstream_fakes.ts";
import { test } from "../../support/test.ts";
import { A, assertAnswers, assertFails, B, setUp, TIMEOUT_MS } from "./forward_case.ts";

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

for (const [waitedMs, kind] of [[399, "cut_short"], [401, "response_timeout"]] as const) {
  test(`createForwarder fails with ${kind} at a deadline that comes ${waitedMs} ms after a failed router was asked again`, async () => {
    const { response, asked, clock } = setUp();
    await clock.run(TIMEOUT_MS - waitedMs);
    (await asked(1)).fail("cut_short");
    await clock.run(0);
    (await asked(2)).sent();
    await clock.run(waitedMs);
    await assertFails(response, kind);
  });
}

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
  ] as const satisfies readonly (readonly [string, UpstreamErrorKind, (request: FakeRequest) => void])[]
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

test("createForwarder asks a router again that this machine could not ask, on a kept connection where there is one", async () => {
  const { response, asked, clock, errors } = setUp();
  (await asked(1)).fail("exhausted");
  await clock.run(0);
  const again = await asked(2);
  assertEquals([again.address, again.fresh, errors], [A, false, ["exhausted"]]);
  again.answer(200, bodyOf("i-1"));
  await assertAnswers(response, 200, "i-1");
});

test("createForwarder does not say of a router that it failed where it could not be asked, nor anything to later requests", async () => {
  const { response, asked, clock, send, upstream } = setUp({ onReport: "search" });
  (await asked(1)).fail("exhausted");
  await clock.run(TIMEOUT_MS);
  const { kind, message } = await assertRejects(() => response, UpstreamError);
  assertEquals([kind, message], ["exhausted", `${A} could not be asked and no other router was found in time`]);
  assertEquals(upstream.reports, [`${A} exhausted`]);
  const later = send();
  await clock.run(TIMEOUT_MS);
  await assertRejects(() => later, NoRouterError);
});

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
  known.upstream.doubt(A, new UpstreamError("refused", "The server refused the connection"));
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
  const counted = createCountedSignal();
  const { signal } = counted;
  const response = send(signal);
  const request = await asked(2);
  assertEquals(counted.listeners, 1);
  await clock.run(70);
  request.answer(200, bodyOf("i-1"));
  await assertAnswers(response, 200, "i-1");
  assertEquals([counted.listeners, answeredAfterMs], [0, [70]]);
});

test("createForwarder gives up an answer that comes in the moment when its client leaves, and learns nothing of it", async () => {
  const { response, asked, leave, upstream, answeredAfterMs } = setUp();
  const body = createFedBody(70_000);
  const reason = new Error("gone");
  (await asked(1)).answer(200, body);
  leave(reason);
  assertStrictEquals(await assertRejects(() => response), reason);
  await settle();
  assertEquals([body.cancelled, upstream.observed, answeredAfterMs], [true, [], []]);
});

test("createForwarder reports no router for an answer that it gives up itself", async () => {
  const { client, clock, connections } = createTimedClient();
  const upstream = createFakeUpstream(A, { onReport: "same" });
  const errors: string[] = [];
  const forward = createForwarder({
    ...{ upstream, client, deadlines: clock.deadlines, now: clock.now },
    ...{ onAnswer() {}, onError: ({ kind }: UpstreamError) => void errors.push(kind) },
  });
  const leaving = new AbortController();
  const options = { signal: leaving.signal, timeoutMs: TIMEOUT_MS, patienceMs: Infinity };
  const response = forward({ method: "GET", target: "/latest/vm-id", headers: [] }, options);
  await settle();
  connections[0]!.arrive(bytesOf("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"));
  await settle();
  const reason = new Error("gone");
  leaving.abort(reason);
  connections[0]!.arrive(() => 0);
  assertStrictEquals(await assertRejects(() => response), reason);
  assertEquals([upstream.observed, upstream.reports, errors], [[`${A} 200`], [], []]);
  client.close();
});
