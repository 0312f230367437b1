import { assertEquals } from "@std/assert";
import { exponentialMs, jitter } from "../../lib/time/backoff.ts";
import { test } from "../support/test.ts";

test("jitter spreads a duration by a quarter to either side", () => {
  assertEquals([0, 0.5, 1].map((chance) => jitter(1_000, { random: () => chance })), [750, 1_000, 1_250]);
});

test("exponentialMs doubles up to its cap, however often that is", () => {
  const pace = { firstMs: 100, capMs: 1_000 };
  assertEquals([1, 2, 3, 4, 5, 6, 5_000].map((tries) => exponentialMs(tries, pace)), [
    100,
    200,
    400,
    800,
    1_000,
    1_000,
    1_000,
  ]);
});
