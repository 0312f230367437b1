import { assert, assertEquals } from "@std/assert";
import { createHedgeDelay } from "../../../lib/proxy/upstream/policy.ts";
import { test } from "../../support/test.ts";

const A = "10.1.1.1";
const B = "10.1.1.2";

test("createHedgeDelay gives a router of whom nothing is known 400 ms", () => {
  const delay = createHedgeDelay();
  assertEquals(delay.hedgeAfterMs(A), 400);
  delay.learn(A, 4_000);
  assertEquals(delay.hedgeAfterMs(B), 400);
});

test("createHedgeDelay waits half as long again as is usual, within 400 ms and 9 s", () => {
  for (
    const [usualMs, hedgeAfterMs] of [[5, 400], [266, 400], [2_000, 3_000], [5_000, 7_500], [8_000, 9_000]] as const
  ) {
    const delay = createHedgeDelay();
    for (let i = 0; i < 3; i++) delay.learn(A, usualMs);
    assertEquals(delay.hedgeAfterMs(A), hedgeAfterMs, `usually ${usualMs} ms`);
  }
});

test("createHedgeDelay takes slow answers for usual sooner than quick ones, and comes back in time", () => {
  const delay = createHedgeDelay();
  for (let i = 0; i < 50; i++) delay.learn(A, i % 5 === 0 ? 4_000 : 5);
  assert(delay.hedgeAfterMs(A) > 2_000, `one in five is slow: ${delay.hedgeAfterMs(A)} ms`);
  for (let i = 0; i < 300; i++) delay.learn(A, 5);
  assertEquals(delay.hedgeAfterMs(A), 400);
});

test("createHedgeDelay learns of another router from its first answer on", () => {
  const delay = createHedgeDelay();
  delay.learn(A, 4_000);
  delay.learn(B, 2_000);
  assertEquals([delay.hedgeAfterMs(A), delay.hedgeAfterMs(B)], [400, 3_000]);
});
