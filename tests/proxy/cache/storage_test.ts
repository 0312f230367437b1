import { assertEquals } from "@std/assert";
import type { Header } from "../../../lib/http1/message.ts";
import { judgeStorage } from "../../../lib/proxy/cache/storage.ts";
import { test } from "../../support/test.ts";

const TTL = 5_000;
const STALE = 60_000;
const LIMITS = { cacheTtlMs: TTL, staleIfErrorMs: STALE, delayMs: 0 };

const NOW = "Sun, 22 Nov 2026 10:51:59 GMT";
const IN_TWO_SECONDS = "Sun, 22 Nov 2026 10:52:01 GMT";

const control = (value: string): Header => ["cache-control", value];

/** For how long a response is fresh, and usable when stale; `undefined` is not stored. */
const JUDGEMENTS: readonly (readonly [headers: readonly Header[], times: readonly [number, number] | undefined])[] = [
  [[], [TTL, STALE]],
  [[["etag", '"x"'], ["content-type", "text/plain"], ["last-modified", NOW]], [TTL, STALE]],

  // RFC 9111 section 5.2.2
  [[control("max-age=3600, public")], [TTL, STALE]],
  [[control("max-age=2")], [2_000, STALE]],
  [[control('MAX-AGE = "1"')], [1_000, STALE]],
  [[control("max-age=0")], [0, STALE]],
  [[control("max-age=4"), control("max-age=3")], [3_000, STALE]],
  [[control("max-age=-1")], [0, STALE]],
  [[control("max-age=1.5")], [0, STALE]],
  [[control("max-age")], [0, STALE]],
  [[control("max-age=99999999999999999999")], [TTL, STALE]],
  [[control("max-age=1, s-maxage=3")], [3_000, 0]],
  [[control("s-maxage=2, s-maxage=1, max-age=60")], [1_000, 0]],
  [[control("no-store")], undefined],
  [[control("No-Cache")], undefined],
  [[control('no-cache="etag"')], undefined],
  [[control("private")], undefined],
  [[control('private="x-one, x-two", max-age=60')], undefined],
  [[control("max-age=60"), control("private")], undefined],
  [[control("private"), control("max-age=60")], undefined],
  [[control("must-revalidate")], [TTL, 0]],
  [[control("max-age=2, proxy-revalidate")], [2_000, 0]],
  [[control("no-transform, immutable, must-understand")], [TTL, STALE]],
  [[control('x="no-store, private, max-age=0"')], [TTL, STALE]],
  [[control("x-no-store")], [TTL, STALE]],
  [[control("")], [TTL, STALE]],

  // RFC 5861 section 4: from the end of its freshness
  [[control("max-age=2, stale-if-error=3")], [2_000, 5_000]],
  [[control("max-age=2, stale-if-error=3, stale-if-error=1")], [2_000, 3_000]],
  [[control("max-age=0, stale-if-error=0")], [0, 0]],
  [[control("stale-if-error=0")], [TTL, TTL]],
  [[control("stale-if-error=3")], [TTL, TTL + 3_000]],

  // RFC 9111 section 5.3
  [[["date", NOW], ["expires", IN_TWO_SECONDS]], [2_000, STALE]],
  [[["date", IN_TWO_SECONDS], ["expires", NOW]], [0, STALE]],
  [[["date", NOW], ["expires", "0"]], [0, STALE]],
  [[["date", NOW], ["expires", IN_TWO_SECONDS], ["expires", IN_TWO_SECONDS]], [0, STALE]],
  [[["date", NOW], ["expires", "tomorrow"]], [0, STALE]],
  [[["date", "now"], ["expires", IN_TWO_SECONDS]], [0, STALE]],
  [[["date", NOW], ["expires", "Sun, 99 Nov 2026 10:52:01 GMT"]], [0, STALE]],
  [[["expires", IN_TWO_SECONDS]], [0, STALE]],
  [[["date", NOW], ["expires", "0"], control("max-age=3")], [3_000, STALE]],

  // RFC 9111 sections 4.2.3 and 5.1
  [[["age", "1"], control("max-age=4")], [3_000, STALE]],
  [[["age", "9"], control("max-age=4")], [0, STALE]],
  [[["age", "1, 9"], control("max-age=4")], [3_000, STALE]],
  [[["age", "1"], ["age", "9"], control("max-age=4")], [3_000, STALE]],
  [[["age", "old"], control("max-age=4")], [4_000, STALE]],
  [[["age", "3"], ["date", NOW], ["expires", IN_TWO_SECONDS]], [0, STALE]],
  [[["age", "100"]], [TTL, STALE]],

  // RFC 9111 section 5.4
  [[["pragma", "no-cache"]], undefined],
  [[["pragma", "x"], ["pragma", "No-Cache"]], undefined],
  [[["pragma", "no-cache"], ["pragma", "x"]], undefined],
  [[["pragma", "no-cache"], control("max-age=3")], [3_000, STALE]],
  [[["pragma", "x"]], [TTL, STALE]],

  // RFC 9111 section 4.1, and what the key holds
  [[["vary", "Accept-Encoding"]], [TTL, STALE]],
  [[["vary", "accept, Accept-Language"]], [TTL, STALE]],
  [[["vary", "accept"], ["vary", "Accept-Encoding, User-Agent"]], undefined],
  [[["vary", "Cookie"], ["vary", "accept"]], undefined],
  [[["vary", "*"]], undefined],
  [[["set-cookie", "a=b"]], undefined],
];

for (const [headers, times] of JUDGEMENTS) {
  test(`judgeStorage says ${times ?? "no"} of ${JSON.stringify(headers)}`, () => {
    const storage = judgeStorage(headers, LIMITS);
    assertEquals(storage && [storage.freshForMs, storage.usableForMs], times && [...times]);
  });
}

test("judgeStorage tells how old a response was on its arrival", () => {
  for (const [age, ageSec] of [["7", 7], ["0", 0], ["99999999999", 2 ** 31], ["-1", 0], ["x", 0]] as const) {
    assertEquals(judgeStorage([["age", age]], LIMITS)?.ageSec, ageSec, age);
  }
  assertEquals(judgeStorage([], LIMITS)?.ageSec, 0);
});

test("judgeStorage allows no more than the operator", () => {
  const headers = [control("max-age=3600, stale-if-error=3600")];
  const { freshForMs, usableForMs } = judgeStorage(headers, { cacheTtlMs: 0, staleIfErrorMs: 0, delayMs: 0 })!;
  assertEquals([freshForMs, usableForMs], [0, 0]);
});

test("judgeStorage takes the time that a response was waited for from the lifetime it was given", () => {
  const freshForMs = (value: string) => judgeStorage([control(value)], { ...LIMITS, delayMs: 1_500 })?.freshForMs;
  assertEquals(["max-age=4", "max-age=1", "public"].map(freshForMs), [2_500, 0, TTL]);
});
