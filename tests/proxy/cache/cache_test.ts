import { assertEquals, assertStrictEquals } from "@std/assert";
import type { Header } from "../../../lib/http1/message.ts";
import { costOf, createCache } from "../../../lib/proxy/cache/cache.ts";
import { fromLatin1, latin1 } from "../../support/latin1.ts";
import { test } from "../../support/test.ts";

const LIMITS = { cacheTtlMs: 5_000, cacheBytes: 10_000, staleIfErrorMs: 60_000 };

const DATE: Header = ["date", "then"];

function createTimedCache(limits: Partial<typeof LIMITS> = {}) {
  let time = 0;
  const cache = createCache({ ...LIMITS, ...limits }, { now: () => time, dateText: () => `at ${time}` });
  return {
    cache,
    at: (ms: number) => time = ms,
    put: (key: string, body = key, headers: readonly Header[] = []) =>
      cache.put(key, { headers: [DATE, ...headers], body: fromLatin1(body), askedAt: time }, cache),
    text: (key: string) => {
      const stored = cache.get(key);
      return stored && latin1(stored.body);
    },
  };
}

test("createCache gives back what was put in, fresh, then usable when stale, then not at all", () => {
  const { cache, at, put, text } = createTimedCache();
  assertEquals(cache.get("a"), undefined);
  put("a");
  const states = [0, 4_999, 5_000, 59_999].map((ms) => {
    at(ms);
    return [text("a"), cache.get("a")?.isFresh(), cache.get("a")?.isUsableWhenStale()];
  });
  assertEquals(states, [["a", true, true], ["a", true, true], ["a", false, true], ["a", false, true]]);
  at(60_000);
  assertEquals(cache.get("a"), undefined);
});

test("createCache keeps for as long as the longer of its two times", () => {
  const { cache, at, put } = createTimedCache({ staleIfErrorMs: 0 });
  put("a");
  at(4_999);
  assertEquals([cache.get("a")?.isFresh(), cache.get("a")?.isUsableWhenStale()], [true, false]);
  at(5_000);
  assertEquals(cache.get("a"), undefined);
});

test("createCache keeps copies for an outage although none is ever fresh", () => {
  const { cache, put } = createTimedCache({ cacheTtlMs: 0 });
  put("a");
  assertEquals([cache.get("a")?.isFresh(), cache.get("a")?.isUsableWhenStale()], [false, true]);
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
  assertEquals(cache.get("a")!.headers(), [DATE, ["etag", "x"], ["age", "2"]]);
  assertEquals(cache.get("b")!.headers(), [DATE, ["etag", "x"], ["age", "9"]]);
  at(3_000);
  assertEquals(cache.get("a")!.headers(), [DATE, ["etag", "x"], ["age", "3"]]);
});

test("createCache notes when an answer came that does not say when it was made", () => {
  const { cache, at } = createTimedCache();
  at(1_000);
  cache.put("a", { headers: [["etag", "x"]], body: fromLatin1("a"), askedAt: 500 }, cache);
  at(4_000);
  assertEquals(cache.get("a")!.headers(), [["etag", "x"], ["date", "at 1000"], ["age", "3"]]);
});

test("createCache gives the same list of fields for a whole second", () => {
  const { cache, at, put } = createTimedCache();
  put("a");
  at(1_000);
  const fields = cache.get("a")!.headers();
  at(1_999);
  assertStrictEquals(cache.get("a")!.headers(), fields);
});

test("createCache heeds what a response says of its use", () => {
  const { cache, at, put } = createTimedCache();
  put("a", "a", [["cache-control", "max-age=2, must-revalidate"]]);
  put("b", "b", [["age", "1"], ["cache-control", "max-age=2"]]);
  at(999);
  assertEquals(["a", "b"].map((key) => cache.get(key)?.isFresh()), [true, true]);
  at(1_999);
  assertEquals(["a", "b"].map((key) => cache.get(key)?.isFresh()), [true, false]);
  at(2_000);
  assertEquals(["a", "b"].map((key) => cache.get(key)?.isUsableWhenStale()), [undefined, true]);
});

test("createCache calls nothing fresh any more that was stored before it expired all", () => {
  const { cache, put, text } = createTimedCache();
  put("a");
  cache.expire();
  assertEquals([text("a"), cache.get("a")?.isFresh(), cache.get("a")?.isUsableWhenStale()], ["a", false, true]);
  put("a");
  assertEquals(cache.get("a")?.isFresh(), true);
});

test("createCache stores nothing that was asked for before it expired all, and keeps what came after", () => {
  const { cache, put, text } = createTimedCache();
  const late = { headers: [], body: fromLatin1("late"), askedAt: 0 };
  const { generation } = cache;
  cache.expire();
  cache.put("a", late, { generation });
  put("b", "newer");
  cache.put("b", late, { generation });
  assertEquals([text("a"), text("b"), cache.get("b")?.isFresh()], [undefined, "newer", true]);
});

test("createCache counts from when a response was asked for how old it is, and from its arrival how long it is kept", () => {
  const { cache, at } = createTimedCache();
  at(102_500);
  cache.put("a", { headers: [DATE, ["age", "1"]], body: fromLatin1("a"), askedAt: 100_000 }, cache);
  cache.put("b", { headers: [["cache-control", "max-age=4"]], body: fromLatin1("b"), askedAt: 100_000 }, cache);
  assertEquals(cache.get("b")?.isFresh(), true);
  at(107_499);
  assertEquals([cache.get("a")?.isFresh(), cache.get("a")?.headers()], [true, [DATE, ["age", "8"]]]);
  at(107_500);
  assertEquals(cache.get("a")?.isFresh(), false);
});

test("createCache keeps fields as they are", () => {
  const { cache, put } = createTimedCache();
  const headers: Header[] = [["a", ""], ["b", "c:d: e"], ["b", "\xe9\t"], ["x", "y".repeat(40)]];
  put("a", "a", headers);
  assertEquals(cache.get("a")!.headers(), [DATE, ...headers, ["age", "0"]]);
});

test("createCache replaces a copy, also by nothing if the newer one must not be kept", () => {
  const { put, text } = createTimedCache();
  put("a", "old");
  put("a", "new");
  assertEquals(text("a"), "new");
  put("a", "newer", [["cache-control", "no-store"]]);
  assertEquals(text("a"), undefined);
});

test("costOf counts an entry, its key, its fields as the objects that they are, and a small body twice", () => {
  const empty = costOf("", { headers: [], body: new Uint8Array(0) });
  const more = (key: string, headers: readonly Header[], length: number) =>
    costOf(key, { headers, body: new Uint8Array(length) }) - empty;
  assertEquals(empty, 1_024);
  assertEquals(more("abc", [], 0), 3);
  assertEquals(more("", [["a", "bc"], ["d", ""]], 0), 2 * 192 + 2 * 4);
  assertEquals(more("", [], 100), 200);
  assertEquals(more("", [], 20_000), 20_000 + 16_384);
});

test("createCache drops what was not used for longest when it is full", () => {
  const { put, text } = createTimedCache();
  for (const key of ["a", "b", "c"]) put(key, key.repeat(1_000));
  text("a");
  put("d", "d".repeat(1_000));
  assertEquals(["a", "b", "c", "d"].map((key) => text(key)?.length), [1_000, undefined, 1_000, 1_000]);
});

test("createCache does not keep what is larger than all of it, and drops nothing for that", () => {
  const { put, text } = createTimedCache();
  put("a");
  put("b", "b".repeat(10_000));
  assertEquals([text("a"), text("b")], ["a", undefined]);
});

test("createCache keeps what is as large as all of it, alone", () => {
  const { put, text } = createTimedCache();
  put("a");
  const length = (LIMITS.cacheBytes - costOf("bb", { headers: [DATE], body: new Uint8Array(0) })) / 2;
  put("bb", "b".repeat(length));
  assertEquals([text("a"), text("bb")?.length], [undefined, length]);
  put("cc", "c".repeat(length + 1));
  assertEquals([text("bb")?.length, text("cc")], [length, undefined]);
});

test("createCache leaves the room of what is of no use any more to others, as soon as that is seen", () => {
  const { at, put, text } = createTimedCache();
  put("older", "x".repeat(1_000));
  put("spent", "x".repeat(2_000), [["cache-control", "max-age=1, must-revalidate"]]);
  at(1_000);
  assertEquals(text("spent"), undefined);
  put("new", "x".repeat(1_500));
  assertEquals([text("older")?.length, text("new")?.length], [1_000, 1_500]);
});

test("createCache stays within its size whatever is put in, replaced and dropped", () => {
  const { cache, put, at } = createTimedCache();
  let state = 5;
  const below = (limit: number) => (state = (state * 48271) % 2147483647) % limit;
  const sizes = new Map<string, number>();
  for (let i = 0; i < 2_000; i++) {
    const key = `key ${below(30)}`;
    const headers: Header[] = Array.from({ length: below(5) }, () => ["x", "y"]);
    const body = "x".repeat(below(1_000));
    put(key, body, below(10) === 0 ? [["set-cookie", "x"]] : headers);
    sizes.set(key, costOf(key, { headers: [DATE, ...headers], body: new Uint8Array(body.length) }));
    if (below(100) === 0) at(i * 1_000);
    const held = [...sizes].filter(([key]) => cache.get(key) !== undefined);
    assertEquals(held.reduce((sum, [, size]) => sum + size, 0) <= LIMITS.cacheBytes, true);
  }
  // What was dropped for whatever reason has left its room to others.
  at(1e9);
  for (let i = 0; i < 30; i++) cache.get(`key ${i}`);
  for (const key of ["a", "b", "c", "d", "e", "f", "g", "h"]) put(key, "");
  assertEquals(["a", "h"].map((key) => cache.get(key) !== undefined), [true, true]);
});
