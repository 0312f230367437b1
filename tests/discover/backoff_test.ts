import { assert, assertEquals } from "@std/assert";
import { restMs, retryMs, searchMs } from "../../lib/discover/backoff.ts";
import { test } from "../support/test.ts";
import { createVirtualClock } from "../support/fakes/virtual_clock.ts";

test("searchMs takes its time for those who wait, and is short while nobody does", () => {
  assertEquals(searchMs(10_000, { isAwaited: true }), 10_000);
  assertEquals(searchMs(10_000, { isAwaited: false }), 2_500);
  assertEquals(searchMs(1_000, { isAwaited: false }), 1_000);
});

test("retryMs asks often while an outage is fresh, and less often later", () => {
  assertEquals([retryMs(0), retryMs(29_999), retryMs(30_000), retryMs(1e9)], [800, 800, 2_000, 2_000]);
});

const RESTS: readonly (readonly [failures: number, elapsedMs: number, nominalMs: number])[] = [
  [1, 10_000, 500],
  [2, 15_000, 1_000],
  [4, 30_000, 4_000],
  [5, 40_000, 8_000],
  [9, 119_999, 8_000],
  [9, 120_000, 30_000],
  [1_000_000, 1e9, 30_000],
];
for (const [failures, elapsedMs, nominalMs] of RESTS) {
  test(`restMs is about ${nominalMs} ms after ${failures} failures in ${elapsedMs / 1_000} s`, () => {
    const clock = createVirtualClock();
    const rests = Array.from({ length: 200 }, () => restMs({ failures, elapsedMs }, clock));
    assert(Math.min(...rests) >= nominalMs * 0.75 && Math.max(...rests) <= nominalMs * 1.25);
    assert(Math.max(...rests) - Math.min(...rests) > nominalMs * 0.4, "spread out");
  });
}
