import { assertEquals } from "@std/assert";
import type { Header } from "../../../lib/http1/message.ts";
import { createCache, freshForMs } from "../../../lib/proxy/cache/cache.ts";
import { fromLatin1, latin1 } from "../../support/latin1.ts";
import { test } from "../../support/test.ts";

const FRESHNESS: readonly (readonly [headers: readonly Header[], forMs: number | undefined])[] = [
  [[], 5_000],
  [[["etag", '"x"'], ["expires", "0"]], 5_000],
  [[["cache-control", "max-age=3600, public"]], 5_000],
  [[["cache-control", "private, max-age=2"]], 2_000],
  [[["cache-control", 'max-age="1"']], 1_000],
  [[["cache-control", "max-age=0"]], 0],
  [[["cache-control", "no-store"]], undefined],
  [[["cache-control", "private, No-Cache"]], undefined],
  [[["cache-control", "max-age=60"], ["cache-control", "must-revalidate"]], undefined],
  [[["set-cookie", "a=b"]], undefined],
  [[["vary", "Accept-Encoding"]], 5_000],
  [[["vary", "accept, Accept-Language"]], 5_000],
  [[["vary", "Accept-Encoding, User-Agent"]], undefined],
  [[["vary", "*"]], undefined],
];

for (const [headers, forMs] of FRESHNESS) {
  test(`freshForMs says ${forMs} of ${JSON.stringify(headers)}`, () => assertEquals(freshForMs(headers, 5_000), forMs));
}

const LIMITS = { cacheTtlMs: 5_000, cacheBytes: 10_000, staleIfErrorMs: 60_000 };

function createTimedCache(limits: Partial<typeof LIMITS> = {}) {
  let time = 0;
  const cache = createCache({ ...LIMITS, ...limits }, () => time);
  return {
    cache,
    at: (ms: number) => time = ms,
    put: (key: string, body = key, headers: readonly Header[] = []) =>
      cache.put(key, { headers, body: fromLatin1(body) }),
    text: (key: string) => {
      const kept = cache.get(key);
      return kept && latin1(kept.body);
    },
  };
}

test("createCache gives back what was put in, fresh, then good enough, then not at all", () => {
  const { cache, at, put, text } = createTimedCache();
  assertEquals(cache.get("a"), undefined);
  put("a");
  const states = [0, 4_999, 5_000, 59_999].map((ms) => {
    at(ms);
    return [text("a"), cache.get("a")?.isFresh(), cache.get("a")?.isGoodEnough()];
  });
  assertEquals(states, [["a", true, true], ["a", true, true], ["a", false, true], ["a", false, true]]);
  at(60_000);
  assertEquals(cache.get("a"), undefined);
});

test("createCache keeps for as long as the longer of its two times", () => {
  const { cache, at, put } = createTimedCache({ staleIfErrorMs: 0 });
  put("a");
  at(4_999);
  assertEquals([cache.get("a")?.isFresh(), cache.get("a")?.isGoodEnough()], [true, false]);
  at(5_000);
  assertEquals(cache.get("a"), undefined);
});

test("createCache keeps copies for an outage although none is ever fresh", () => {
  const { cache, put } = createTimedCache({ cacheTtlMs: 0 });
  put("a");
  assertEquals([cache.get("a")?.isFresh(), cache.get("a")?.isGoodEnough()], [false, true]);
});

test("createCache keeps nothing when both of its times are nothing", () => {
  const { cache, put } = createTimedCache({ cacheTtlMs: 0, staleIfErrorMs: 0 });
  put("a");
  assertEquals(cache.get("a"), undefined);
});

test("createCache says how old a copy is, on top of the age it came with", () => {
  const { cache, at, put } = createTimedCache();
  put("a", "a", [["etag", "x"]]);
  put("b", "b", [["age", "7"], ["etag", "x"]]);
  at(2_999);
  assertEquals(cache.get("a")!.headers(), [["etag", "x"], ["age", "2"]]);
  assertEquals(cache.get("b")!.headers(), [["etag", "x"], ["age", "9"]]);
  at(3_000);
  assertEquals(cache.get("a")!.headers(), [["etag", "x"], ["age", "3"]]);
});

test("createCache replaces a copy, also by nothing if the newer one must not be kept", () => {
  const { put, text } = createTimedCache();
  put("a", "old");
  put("a", "new");
  assertEquals(text("a"), "new");
  put("a", "newer", [["cache-control", "no-store"]]);
  assertEquals(text("a"), undefined);
});

test("createCache drops what was not used for longest when it is full", () => {
  const { put, text } = createTimedCache();
  for (const key of ["a", "b", "c"]) put(key, key.repeat(2_500));
  text("a");
  put("d", "d".repeat(2_500));
  assertEquals(["a", "b", "c", "d"].map((key) => text(key)?.length), [2_500, undefined, 2_500, 2_500]);
});

test("createCache does not keep what is larger than all of it, and drops nothing for that", () => {
  const { put, text } = createTimedCache();
  put("a");
  put("b", "b".repeat(10_000));
  assertEquals([text("a"), text("b")], ["a", undefined]);
});

test("createCache stays within its size whatever is put in", () => {
  const { cache, put } = createTimedCache();
  let state = 5;
  const below = (limit: number) => (state = (state * 48271) % 2147483647) % limit;
  for (let i = 0; i < 2_000; i++) put(`key ${below(30)}`, "x".repeat(below(4_000)));
  const kept = Array.from({ length: 30 }, (_, i) => cache.get(`key ${i}`)?.body.length ?? 0);
  assertEquals(kept.reduce((sum, length) => sum + length, 0) <= LIMITS.cacheBytes, true);
});
