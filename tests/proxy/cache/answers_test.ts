import { assertEquals, assertMatch, assertRejects, assertStrictEquals } from "@std/assert";
import { UpstreamError } from "../../../lib/http1/error.ts";
import type { Header, RequestHead, ResponseBody } from "../../../lib/http1/message.ts";
import { createAnswers, createSingleflight } from "../../../lib/proxy/cache/answers.ts";
import type { MetadataResponse } from "../../../lib/proxy/cache/answers.ts";
import type { MetadataRequest } from "../../../lib/proxy/request/client_request.ts";
import { createCache } from "../../../lib/proxy/cache/cache.ts";
import type { ForwardOptions } from "../../../lib/proxy/upstream/forward.ts";
import type { RouterResponse } from "../../../lib/proxy/upstream/attempt.ts";
import { ClientGoneError } from "../../../lib/proxy/gate/errors.ts";
import { NoRouterError } from "../../../lib/proxy/upstream/upstream.ts";
import { createLog } from "../../../lib/telemetry/log.ts";
import { fromLatin1, latin1 } from "../../support/latin1.ts";
import { settle } from "../../support/fakes/virtual_clock.ts";
import { createFedBody } from "../../support/fakes/upstream_fakes.ts";
import { test } from "../../support/test.ts";

const TTL_MS = 5_000;
const STALE_MS = 60_000;

/** Of an answer that came without one. */
const DATE: Header = ["date", "then"];

interface Sent {
  readonly head: RequestHead;
  readonly patienceMs: number;
  cancelled: unknown;
  answer(
    body: string | ResponseBody,
    options?: { readonly status?: number; readonly headers?: readonly Header[] },
  ): void;
  fail(error: Error): void;
}

function setUp({ cacheTtlMs = TTL_MS, staleIfErrorMs = STALE_MS } = {}) {
  let time = 0;
  const sent: Sent[] = [];
  const lines: string[] = [];
  const forward = (head: RequestHead, { patienceMs, signal }: ForwardOptions) => {
    const { promise, resolve, reject } = Promise.withResolvers<RouterResponse>();
    const askedAt = time;
    const request: Sent = {
      head,
      patienceMs,
      cancelled: undefined,
      answer(body, { status = 200, headers = [] } = {}) {
        const bytes = typeof body === "string" ? fromLatin1(body) : body;
        resolve({ status, headers, body: bytes, address: "10.1.1.1", askedAt });
      },
      fail: reject,
    };
    sent.push(request);
    signal.addEventListener("abort", () => {
      request.cancelled = signal.reason;
      reject(signal.reason);
    });
    return promise;
  };
  const cache = createCache({ cacheTtlMs, staleIfErrorMs, cacheBytes: 100_000 }, {
    now: () => time,
    dateText: () => DATE[1],
  });
  const answer = createAnswers({ requestTimeoutMs: 15_000, cacheTtlMs }, {
    cache,
    singleflight: createSingleflight(),
    forward,
    log: createLog((line) => lines.push(line), { level: "info", format: "text" }),
  });

  /** Asks, and lets the test say that the client went away. */
  const ask = ({ target = "/latest/vm-id", method = "GET", plain = true }: {
    readonly target?: string;
    readonly method?: MetadataRequest["method"];
    readonly plain?: boolean;
  } = {}) => {
    const request: MetadataRequest = {
      method,
      target,
      headers: [["host", "localhost"], ["accept", "*/*"]],
      host: "localhost",
      token: undefined,
      tokenTtl: undefined,
      asksPassword: undefined,
      cacheKey: plain ? target : undefined,
    };
    let leave = (_: unknown) => {};
    const response = answer(request, (onGone) => {
      leave = onGone;
      watched++;
      return () => {
        watched--;
        leave = () => {};
      };
    });
    if (response instanceof Promise) response.catch(() => {});
    return { response, leave: () => leave(new ClientGoneError("gone")) };
  };
  let watched = 0;

  return { watched: () => watched, ask, sent, lines, at: (ms: number) => time = ms, expire: () => cache.expire() };
}

async function assertReplies(
  asked: { readonly response: MetadataResponse | Promise<MetadataResponse> },
  from: MetadataResponse["from"],
  text: string | undefined,
): Promise<MetadataResponse> {
  const response = await asked.response;
  const body = response.body instanceof Uint8Array ? latin1(response.body) : response.body;
  assertEquals([response.from, body], [from, text]);
  return response;
}

test("createAnswers asks the router once for what is asked again soon, and then at once", async () => {
  const { ask, sent, at } = setUp();
  const first = ask();
  sent[0]!.answer("i-1", { headers: [["etag", "x"]] });
  assertEquals((await assertReplies(first, "miss", "i-1")).headers, [["etag", "x"]]);
  at(2_000);
  const second = ask();
  assertEquals(second.response instanceof Promise, false);
  assertEquals((await assertReplies(second, "hit", "i-1")).headers, [["etag", "x"], DATE, ["age", "2"]]);
  at(TTL_MS);
  ask();
  assertEquals(sent.length, 2);
});

test("createAnswers neither keeps nor shares what was asked for before a reload", async () => {
  const { ask, sent, expire } = setUp();
  const before = ask();
  expire();
  const after = ask();
  assertEquals(sent.length, 2);
  sent[1]!.answer("new");
  await assertReplies(after, "miss", "new");
  sent[0]!.answer("old");
  await assertReplies(before, "miss", "old");
  await assertReplies(ask(), "hit", "new");
});

test("createAnswers keeps nothing fresh of an answer that a reload overtakes, and the one before as a stale one", async () => {
  const { ask, sent, at, expire } = setUp();
  const first = ask();
  sent[0]!.answer("first");
  await assertReplies(first, "miss", "first");
  at(TTL_MS);
  const second = ask();
  expire();
  sent[1]!.answer("second");
  await assertReplies(second, "miss", "second");
  const third = ask();
  sent[2]!.fail(new NoRouterError("none"));
  await assertReplies(third, "stale", "first");
});

test("createAnswers counts the time that an answer was waited for as age", async () => {
  const { ask, sent, at } = setUp();
  const first = ask();
  at(1_500);
  sent[0]!.answer("i-1", { headers: [["age", "7"], ["cache-control", "max-age=10"]] });
  await assertReplies(first, "miss", "i-1");
  at(2_999);
  const { headers } = await assertReplies(ask(), "hit", "i-1");
  assertEquals(headers, [["cache-control", "max-age=10"], DATE, ["age", "9"]]);
  // 10 s old by what the router said and by the clock.
  at(3_000);
  ask();
  assertEquals(sent.length, 2);
});

test("createAnswers answers a HEAD from a kept GET, and does not keep what a HEAD brings", async () => {
  const { ask, sent } = setUp();
  const before = ask({ method: "HEAD" });
  sent[0]!.answer("");
  await before.response;
  const get = ask();
  assertEquals(sent.length, 2);
  sent[1]!.answer("i-1", { headers: [["content-length", "3"]] });
  await get.response;
  const after = await assertReplies(ask({ method: "HEAD" }), "hit", undefined);
  assertEquals(after.headers, [["content-length", "3"], DATE, ["age", "0"]]);
});

test("createAnswers always asks the router for what has no key", async () => {
  const { ask, sent } = setUp();
  for (const count of [1, 2]) {
    const asked = ask({ plain: false });
    assertEquals(sent.length, count);
    sent[count - 1]!.answer("x");
    await assertReplies(asked, "bypass", "x");
  }
});

for (
  const [what, options] of [
    ["an error", { status: 404 }],
    ["part of a body", { status: 206 }],
    ["what must not be stored", { headers: [["cache-control", "no-store"]] }],
  ] as const
) {
  test(`createAnswers does not keep ${what}`, async () => {
    const { ask, sent } = setUp();
    const first = ask();
    sent[0]!.answer("x", options);
    await first.response;
    ask();
    assertEquals(sent.length, 2);
  });
}

test("createAnswers asks once for requests that come at the same time", async () => {
  const { ask, sent } = setUp();
  const asked = [ask(), ask(), ask()];
  assertEquals(sent.length, 1);
  sent[0]!.answer("i-1");
  await Promise.all(asked.map((request, i) => assertReplies(request, i === 0 ? "miss" : "collapsed", "i-1")));
});

for (
  const [what, headers] of [
    ["must not be stored", [["cache-control", "no-store"]]],
    ["is private", [["cache-control", "private"]]],
    ["sets a cookie", [["set-cookie", "a=b"]]],
    ["depends on a field that is not in the key", [["vary", "User-Agent"]]],
  ] as const
) {
  test(`createAnswers gives an answer that ${what} to who asked for it alone`, async () => {
    const { ask, sent } = setUp();
    const asked = [ask(), ask(), ask()];
    sent[0]!.answer("0", { headers: [...headers] });
    await assertReplies(asked[0]!, "miss", "0");
    await settle();
    assertEquals(sent.length, 3);
    for (const i of [1, 2]) {
      sent[i]!.answer(`${i}`, { headers: [...headers] });
      await assertReplies(asked[i]!, "miss", `${i}`);
    }
  });
}

test("createAnswers asks for each request when the cache is off", async () => {
  const { ask, sent } = setUp({ cacheTtlMs: 0 });
  const asked = [ask(), ask()];
  assertEquals(sent.length, 2);
  for (const [i, request] of asked.entries()) {
    sent[i]!.answer(`${i}`);
    await assertReplies(request, "miss", `${i}`);
  }
});

test("createAnswers does not let a client that leaves take an answer from the others, nor from those who ask next", async () => {
  const { ask, sent } = setUp();
  const leader = ask();
  const follower = ask();
  leader.leave();
  await settle();
  assertEquals(sent[0]!.cancelled, undefined);
  sent[0]!.answer("i-1");
  await assertReplies(follower, "collapsed", "i-1");
  await assertReplies(ask(), "hit", "i-1");
});

test("createAnswers gives an errand up when the last client leaves, and begins anew for the next", async () => {
  const { ask, sent } = setUp();
  const leader = ask();
  const follower = ask();
  follower.leave();
  leader.leave();
  assertEquals(sent[0]!.cancelled instanceof ClientGoneError, true);
  await assertRejects(() => leader.response as Promise<MetadataResponse>, ClientGoneError);
  const next = ask();
  sent[1]!.answer("i-1");
  await assertReplies(next, "miss", "i-1");
});

test("createAnswers gives a stream to one of those who wait, and the others go for their own", async () => {
  const { ask, sent } = setUp();
  const leader = ask();
  const follower = ask();
  const stream = createFedBody();
  sent[0]!.answer(stream);
  assertStrictEquals((await leader.response).body, stream);
  await settle();
  assertEquals(sent.length, 2);
  sent[1]!.answer("small by now");
  await assertReplies(follower, "miss", "small by now");
});

test("createAnswers gives a stream up whose client has left while others waited for it", async () => {
  const { ask, sent } = setUp();
  const leader = ask();
  const follower = ask();
  leader.leave();
  const stream = createFedBody();
  sent[0]!.answer(stream);
  await settle();
  assertEquals([sent.length, stream.cancelled], [2, true]);
  sent[1]!.answer("small by now");
  await assertReplies(follower, "miss", "small by now");
});

test("createAnswers watches a client for as long as it waits", async () => {
  const { ask, sent, watched } = setUp();
  const asked = [ask(), ask(), ask({ target: "/latest/user-data" })];
  assertEquals(watched(), 3);
  sent[0]!.answer("i-1");
  await Promise.all(asked.slice(0, 2).map(({ response }) => response));
  assertEquals(watched(), 1);
  sent[1]!.fail(new UpstreamError("refused", "no"));
  await assertRejects(() => asked[2]!.response as Promise<MetadataResponse>);
  assertEquals(watched(), 0);
  await ask().response;
  assertEquals(watched(), 0);
});

test("createAnswers gives a failure to all who wait, and tries again for the next", async () => {
  const { ask, sent } = setUp();
  const asked = [ask(), ask()];
  const error = new UpstreamError("refused", "no");
  sent[0]!.fail(error);
  for (const { response } of asked) {
    assertStrictEquals(await assertRejects(() => response as Promise<MetadataResponse>), error);
  }
  ask();
  assertEquals(sent.length, 2);
});

for (
  const error of [new NoRouterError("none"), new UpstreamError("refused", "no"), new UpstreamError("malformed", "no")]
) {
  test(`createAnswers lets the last good answer stand in for ${error.kind}, and says so once`, async () => {
    const { ask, sent, lines, at } = setUp();
    const first = ask();
    sent[0]!.answer("i-1");
    await first.response;

    at(TTL_MS);
    for (const count of [2, 3]) {
      const during = ask();
      sent[count - 1]!.fail(error);
      assertEquals((await assertReplies(during, "stale", "i-1")).headers, [DATE, ["age", "5"]]);
      assertEquals(lines.length, 1);
    }
    assertMatch(lines[0]!, / warn {2}no router can be reached, serving the last good answers error=/);

    const after = ask();
    sent[3]!.answer("i-2");
    await assertReplies(after, "miss", "i-2");
    assertMatch(lines[1]!, / info {2}the router answers again router=10\.1\.1\.1/);
  });
}

test("createAnswers waits for a search for a second when an old answer could do, and not at all when that is known", async () => {
  const { ask, sent, at } = setUp();
  const first = ask();
  sent[0]!.answer("i-1");
  await first.response;
  at(TTL_MS);
  for (const count of [2, 3]) {
    const during = ask();
    sent[count - 1]!.fail(new NoRouterError("none"));
    await during.response;
  }
  assertEquals(sent.map(({ patienceMs }) => patienceMs), [Infinity, 1_000, 0]);
});

test("createAnswers lets no old answer stand in for an error of a living router", async () => {
  const { ask, sent, at } = setUp();
  const first = ask();
  sent[0]!.answer("i-1");
  await first.response;
  at(TTL_MS);
  for (const [i, status] of [404, 403, 500, 503].entries()) {
    const asked = ask();
    sent[i + 1]!.answer("", { status });
    assertEquals([(await asked.response).status, (await asked.response).from], [status, "miss"]);
  }
});

test("createAnswers lets no answer stand in that is too old, or when that is off", async () => {
  for (const staleIfErrorMs of [STALE_MS, 0]) {
    const { ask, sent, at } = setUp({ staleIfErrorMs });
    const first = ask();
    sent[0]!.answer("i-1");
    await first.response;
    at(STALE_MS);
    const late = ask();
    sent[1]!.fail(new NoRouterError("none"));
    await assertRejects(() => late.response as Promise<MetadataResponse>, NoRouterError);
  }
});

test("createAnswers lets an old answer stand in only for the same request", async () => {
  const { ask, sent, at } = setUp();
  const first = ask();
  sent[0]!.answer("i-1");
  await first.response;
  at(TTL_MS);
  for (const [i, request] of [{ plain: false }, { target: "/latest/other" }].entries()) {
    const other = ask(request);
    sent[i + 1]!.fail(new NoRouterError("none"));
    await assertRejects(() => other.response as Promise<MetadataResponse>, NoRouterError);
  }
});
