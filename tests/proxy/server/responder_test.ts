import { assertEquals, assertMatch } from "@std/assert";
import { UpstreamError } from "../../../lib/http1/error.ts";
import type { Header, ResponseBody } from "../../../lib/http1/message.ts";
import { ClientGoneError, StoppingError } from "../../../lib/proxy/gate/errors.ts";
import { declareProxyMetrics } from "../../../lib/proxy/metrics/proxy_metrics.ts";
import { createResponder, pathOf } from "../../../lib/proxy/server/responder.ts";
import type { Abort } from "../../../lib/proxy/server/responder.ts";
import { NoRouterError } from "../../../lib/proxy/upstream/upstream.ts";
import { createLog } from "../../../lib/telemetry/log.ts";
import { createRegistry } from "../../../lib/telemetry/metrics.ts";
import { UnorderedList } from "../../../lib/time/clock.ts";
import { fromLatin1 } from "../../support/latin1.ts";
import { createFedBody } from "../../support/fakes/upstream_fakes.ts";
import { createVirtualClock } from "../../support/fakes/virtual_clock.ts";
import { test } from "../../support/test.ts";

function setUp() {
  const clock = createVirtualClock();
  const requests = new UnorderedList<Abort>();
  const stop = () => requests.slots().forEach(({ member }) => member?.(new StoppingError("The program stops")));
  const metrics = createRegistry();
  const lines: string[] = [];
  const passed: (readonly Header[])[] = [];
  const log = createLog((line) => lines.push(line), { level: "debug", format: "journal" });
  const responder = createResponder({
    idleTimeoutMs: 1_000,
    transferTimeoutMs: 10_000,
    requests,
    deadlines: clock.deadlines,
    counts: declareProxyMetrics(metrics, () => 0),
    log,
    noteCut(reason, fields) {
      log.warn("noted a cut", { reason, ...fields });
      return true;
    },
    clock,
  });
  const context = {
    request: {
      method: "GET" as const,
      target: "/latest/user-data?secret",
      headers: [],
      host: "own",
      token: undefined,
      tokenTtl: undefined,
      asksPassword: undefined,
      cacheKey: undefined,
    },
    served: { pass: (fields: readonly Header[]) => void passed.push(fields) },
    startedAt: clock.now(),
  };
  const answer = (body: Uint8Array<ArrayBuffer> | ResponseBody, status = 200) =>
    ({ status, headers: [], body, address: "10.1.1.1", from: "miss" }) as const;
  return { clock, requests, stop, metrics, lines, passed, responder, context, answer };
}

test("createResponder notes each answer, its class and how long it took, and no query", async () => {
  const { clock, responder, context, answer, lines, metrics } = setUp();
  await clock.run(12.4);
  assertEquals(await responder.pass(answer(fromLatin1("text")), context).text(), "text");
  assertEquals(lines, ["<7>request method=GET path=/latest/user-data from=miss status=200 ms=12\n"]);
  assertMatch(metrics.render(), /mdproxy4cs_requests_total\{class="2xx"\} 1\n/);
  assertMatch(metrics.render(), /mdproxy4cs_cache_total\{outcome="miss"\} 1\n/);
  assertMatch(metrics.render(), /mdproxy4cs_request_duration_seconds_sum 0\.0124/);
});

test("createResponder has a router's fields pass beside the response, and none of those of its own answers", async () => {
  const { responder, context, answer, passed } = setUp();
  const response = responder.pass({ ...answer(fromLatin1("text")), headers: [["etag", "x"]] }, context);
  await responder.passLater(Promise.reject(new NoRouterError("none")), context);
  assertEquals([...response.headers], []);
  assertEquals(passed, [[["etag", "x"]]]);
});

test("createResponder leaves it to others how often it is said that a client was slow", async () => {
  const { clock, responder, context, answer, lines } = setUp();
  const body = createFedBody();
  const reader = responder.pass(answer(body), context).body!.getReader();
  body.feed("text");
  await reader.read();
  body.feed("more");
  lines.length = 0;
  await clock.run(1_000);
  await reader.closed.catch(() => {});
  assertEquals(lines, ['<4>noted a cut reason="The client took nothing for 1000 ms" path=/latest/user-data\n']);
});

test("createResponder can cut a body that is under way when the program stops, and nothing that is over", async () => {
  const { requests, stop, responder, context, answer, lines } = setUp();
  const [over, under] = [createFedBody(), createFedBody()];
  const whole = responder.pass(answer(over), context).text();
  const half = responder.pass(answer(under), context).text().catch((error) => error);
  over.feed("text");
  over.feed(undefined);
  under.feed("te");
  assertEquals([await whole, requests.size], ["text", 1]);
  lines.length = 0;
  stop();
  assertEquals((await half) instanceof StoppingError, true);
  assertEquals([over.cancelled, under.cancelled, requests.size], [false, true, 0]);
  assertEquals(lines, ['<4>noted a cut reason="The program stops" path=/latest/user-data\n']);
  stop();
  assertEquals(lines.length, 1);
});

test("createResponder speaks of a router that breaks or does not know the machine, and of no key that is missing", () => {
  for (const [status, isSaid] of [[200, false], [403, true], [404, false], [499, false], [500, true], [503, true]]) {
    const { responder, context, answer, lines } = setUp();
    responder.pass(answer(fromLatin1(""), status as number), context);
    const said =
      `<6>the router answered with an error reason="status ${status}" router=10.1.1.1 path=/latest/user-data\n`;
    assertEquals(lines.filter((line) => line.startsWith("<6>")), isSaid ? [said] : []);
  }
});

const FAILURES: readonly (readonly [error: Error, reason: string, status: number])[] = [
  [new UpstreamError("refused", "no"), "refused", 502],
  [new UpstreamError("response_timeout", "late"), "response_timeout", 504],
  [new NoRouterError("none"), "no_router", 503],
  [new StoppingError("over"), "stopping", 503],
  [new Error("a fault of its own"), "unexpected", 500],
];

for (const [error, reason, status] of FAILURES) {
  test(`createResponder answers ${status} without a body where there is none for "${error.message}", and says so`, async () => {
    const { responder, context, lines } = setUp();
    const response = await responder.passLater(Promise.reject(error), context);
    assertEquals([response.status, response.body], [status, null]);
    assertEquals(lines.length, 2);
    assertMatch(lines[0]!, new RegExp(`^<4>request failed reason=${reason} method=GET .* status=${status} error=`));
  });
}

test("createResponder warns once a minute that requests fail in one way, whatever the words are", async () => {
  const { clock, responder, context, lines } = setUp();
  const fail = (error: Error) => responder.passLater(Promise.reject(error), context);
  const warnings = () => lines.splice(0).filter((line) => line.startsWith("<4>"));
  for (let number = 0; number < 100; number++) await fail(new UpstreamError("reset", `for the ${number}. time`));
  await fail(new NoRouterError("none"));
  assertEquals(warnings().map((line) => line.split(" ")[2]), ["reason=reset", "reason=no_router"]);
  await clock.run(60_000);
  await fail(new UpstreamError("reset", "again"));
  assertMatch(warnings().join(""), /^<4>request failed reason=reset [^\n]* error=again before=99\n$/);
});

test("createResponder makes no words about a client that went away", async () => {
  const { responder, context, answer, lines } = setUp();
  const response = await responder.passLater(Promise.reject(new ClientGoneError("gone")), context).catch(() =>
    undefined
  );
  assertEquals([response?.status, lines.length, lines[0]?.startsWith("<7>request ")], [499, 1, true]);
  lines.length = 0;
  await responder.pass(answer(createFedBody()), context).body!.cancel();
  assertEquals(lines.map((line) => line.slice(0, 41)).slice(1), ["<7>a client went away within its answer p"]);
});

test("pathOf leaves the query out", () => {
  assertEquals(["/a", "/a?b", "/a?b?c", "?", ""].map(pathOf), ["/a", "/a", "/a", "", ""]);
});
