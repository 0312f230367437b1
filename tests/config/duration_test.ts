import { assertEquals, assertThrows } from "@std/assert";
import { parseDurationMs, parseTimeoutMs } from "../../lib/config/duration.ts";
import { test } from "../support/test.ts";

test("parseDurationMs reads units, sums and bare seconds", () => {
  const table = {
    "0": 0,
    "250ms": 250,
    "5": 5_000,
    "5s": 5_000,
    "1m30s": 90_000,
    "2h": 7_200_000,
    "1h1m1s1ms": 3_661_001,
    "999h": 3_596_400_000,
  };
  for (const [text, ms] of Object.entries(table)) assertEquals(parseDurationMs(text), ms, text);
});

test("parseDurationMs refuses what is no duration", () => {
  for (const text of ["", "5x", "-1s", "1.5s", "s", "5 s", "1s foo", "1s2", "x1s", "1e3", "\u0661s"]) {
    assertThrows(() => parseDurationMs(text), TypeError, "must be a duration", text);
  }
});

test("parseDurationMs takes ten years, and nothing longer however it is written", () => {
  assertEquals(parseDurationMs("87600h"), 315_360_000_000);
  for (const text of ["87601h", "87600h1ms", "315360001", "9".repeat(400), `${"9".repeat(400)}h`]) {
    assertThrows(() => parseDurationMs(text), TypeError, "must be at most 87600h, ten years", text);
  }
});

test("parseTimeoutMs refuses no time at all", () => {
  assertEquals(parseTimeoutMs("1ms"), 1);
  for (const text of ["0", "0s", "0h0ms"]) assertThrows(() => parseTimeoutMs(text), TypeError, "must be longer than 0");
});
