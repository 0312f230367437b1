import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type { ProxyConfig } from "../../lib/config/config.ts";
import { latin1 } from "../../lib/http1/message.ts";
import type { Header } from "../../lib/http1/message.ts";
import type { ClientHead } from "../../lib/proxy/gate/request_head.ts";
import { createProxy } from "../../lib/proxy/proxy.ts";
import { createLog } from "../../lib/telemetry/log.ts";
import { createRegistry } from "../../lib/telemetry/metrics.ts";
import { proxyConfig } from "../support/fakes/config.ts";
import { bodyOf, createFakeClient, createFakeUpstream } from "../support/fakes/upstream_fakes.ts";
import { createVirtualClock, settle } from "../support/fakes/virtual_clock.ts";
import { test } from "../support/test.ts";

const HOST: Header = ["host", "own"];
const HEAD = { method: "GET", target: "/latest/user-data", headers: [HOST], minor: 1, persistent: true } as const;
const RECIPIENT = { method: "GET", target: "/latest/user-data?x", minor: 1, persistent: true, startedAt: 7 } as const;

function setUp({ cacheTtlMs = 5_000, requireToken = "no" }: Partial<ProxyConfig> = {}) {
  const clock = createVirtualClock();
  const metrics = createRegistry();
  const client = createFakeClient();
  const noted: string[] = [];
  const config = { cacheTtlMs, requireToken, staleIfErrorMs: 60_000, allowHosts: ["own"] };
  const answers = createProxy(proxyConfig(config), {
    upstream: createFakeUpstream("10.1.1.1", { onReport: "same" }),
    client,
    log: createLog((line) => noted.push(line), { level: "debug", format: "journal" }),
    metrics,
    inFlight: () => 0,
    clock,
  });
  /** Has the proxy store what it is asked for under the key of the usual head. */
  const store = async () => {
    const served = { signal: AbortSignal.abort(), pass() {} };
    const response = answers.handle({ ...HEAD }, served);
    await settle();
    client.asked.at(-1)!.answer(200, bodyOf("data"));
    await response;
    noted.length = 0;
    return answers.keyOf(HEAD)!;
  };
  return { answers, clock, metrics, noted, store };
}

const KEYED: readonly (readonly [what: string, head: Partial<Parameters<typeof keyOf>[0]>, isKeyed: boolean])[] = [
  ["a path", {}, true],
  ["HEAD", { method: "HEAD" }, true],
  ["a URL of this program", { target: "http://own/latest/user-data" }, true],
  ["no Host, as HTTP/1.0 has it", { headers: [], minor: 0 }, true],
  ["a field that no answer depends on", { headers: [HOST, ["user-agent", "curl"]] }, true],
  ["PUT", { method: "PUT" }, false],
  ["a path that may mean another", { target: "/latest/%75ser-data" }, false],
  ["somebody else's Host", { headers: [["host", "other"]] }, false],
  ["somebody else's URL", { target: "http://other/latest/user-data" }, false],
  ["what came through a proxy", { headers: [HOST, ["via", "1.1 x"]] }, false],
  ["a field that nobody knows", { headers: [HOST, ["x-unknown", "1"]] }, false],
  ["a field that comes twice", { headers: [HOST, ["user-agent", "a"], ["user-agent", "b"]] }, true],
  ["a session token", { headers: [HOST, ["x-aws-ec2-metadata-token", "x"]] }, false],
];

function keyOf(head: ClientHead, options: Partial<ProxyConfig> = {}): string | undefined {
  return setUp(options).answers.keyOf(head);
}

for (const [what, head, isKeyed] of KEYED) {
  test(`createProxy ${isKeyed ? "has a key" : "leaves the answer to others"} for ${what}`, () => {
    assertEquals(keyOf({ ...HEAD, ...head }) !== undefined, isKeyed);
  });
}

test("createProxy has one key for what is answered alike", () => {
  const plain = keyOf(HEAD);
  assertEquals(keyOf({ ...HEAD, target: "http://own/latest/user-data" }), plain);
  assertEquals(keyOf({ ...HEAD, method: "HEAD" }), plain);
  assert(keyOf({ ...HEAD, headers: [HOST, ["accept", "text/html"]] }) !== plain);
});

test("createProxy has no key where nothing is kept, or a token is to be shown", () => {
  assertEquals(keyOf(HEAD, { cacheTtlMs: 0 }), undefined);
  assertEquals(keyOf(HEAD, { requireToken: "yes" }), undefined);
  assert(keyOf(HEAD, { requireToken: "optional" }) !== undefined);
});

test("createProxy gives what is stored and fresh, with its age and the date of its arrival, and keeps account of it", async () => {
  const { answers, clock, metrics, noted, store } = setUp();
  assertEquals(answers.ready("key", RECIPIENT, "fresh"), undefined);
  const key = await store();
  await clock.run(2_000);
  const text = latin1(answers.ready(key, { ...RECIPIENT, startedAt: clock.now() - 7 }, "fresh")!.first);
  assertEquals(
    text,
    "HTTP/1.1 200 OK\r\ndate: Tue, 10 Dec 2024 00:00:00 GMT\r\nage: 2\r\ncontent-length: 4\r\n\r\ndata",
  );
  assertEquals(noted, ["<7>request method=GET path=/latest/user-data from=hit status=200 ms=7\n"]);
  assert(metrics.render().includes('mdproxy4cs_cache_total{outcome="hit"} 1\n'));
  await clock.run(3_000);
  assertEquals([answers.ready(key, RECIPIENT, "fresh"), noted.length], [undefined, 1]);
});

test("createProxy gives what is stored and stale only where an error would be given, and while it is usable", async () => {
  const { answers, clock, metrics, noted, store } = setUp();
  const key = await store();
  assertEquals(answers.ready(key, RECIPIENT, "usable"), answers.ready(key, RECIPIENT, "fresh"));
  await clock.run(5_000);
  assertEquals(answers.ready(key, RECIPIENT, "fresh"), undefined);
  assert(latin1(answers.ready(key, RECIPIENT, "usable")!.first).includes("\r\nage: 5\r\n"));
  assertEquals(noted.map((line) => /from=(\w+)/.exec(line)?.[1]), ["hit", "hit", "stale"]);
  assert(metrics.render().includes('mdproxy4cs_cache_total{outcome="stale"} 1\n'));
  await clock.run(60_000);
  assertEquals(answers.ready(key, RECIPIENT, "usable"), undefined);
});

test("createProxy makes the bytes of the usual answer once for each second of its age", async () => {
  const { answers, clock, store } = setUp();
  const key = await store();
  const first = answers.ready(key, RECIPIENT, "fresh");
  await clock.run(999);
  assertStrictEquals(answers.ready(key, RECIPIENT, "fresh"), first);
  await clock.run(1);
  assert(answers.ready(key, RECIPIENT, "fresh") !== first);
});

test("createProxy gives nobody bytes that were meant for others", async () => {
  const { answers, store } = setUp();
  const key = await store();
  const texts = [
    RECIPIENT,
    { ...RECIPIENT, method: "HEAD" },
    { ...RECIPIENT, minor: 0 as const },
    { ...RECIPIENT, persistent: false },
    RECIPIENT,
  ].map((recipient) => latin1(answers.ready(key, recipient, "fresh")!.first));
  const [usual, head, old, last, again] = texts;
  assertEquals([usual!.endsWith("\r\n\r\ndata"), again], [true, usual]);
  assertEquals([head!.endsWith("content-length: 4\r\n\r\n")], [true]);
  assertEquals([old!.includes("connection: keep-alive\r\n"), last!.includes("connection: close\r\n")], [true, true]);
});
