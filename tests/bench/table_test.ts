import { assertEquals, assertStringIncludes } from "@std/assert";
import { drawGrowth, formatGrowth } from "../../tools/bench/growth.ts";
import { formatNumber, formatTable, median, noise } from "../../tools/bench/table.ts";
import { test } from "../support/test.ts";

const LINES = formatTable({
  nginx: [0.25, 0.75, 0.5].map((p50) => ({ p50 })),
  mdproxy4cs: [0.25, 0.25, 0.25].map((p50) => ({ p50, recovery: Infinity, cpu16: NaN })),
}).split("\n");

test("median takes the middle, or the mean of the two in the middle", () => {
  const rows: [number[], number][] = [[[], NaN], [[3], 3], [[9, 1, 2], 2], [[4, 1, 2, 9], 3]];
  for (const [values, expected] of rows) assertEquals(median(values), expected);
});

test("noise is half the spread as a share of the median, and unknown of a single value", () => {
  const rows: [number[], number][] = [[[1], NaN], [[0, 0], NaN], [[1, Infinity], NaN], [[8, 10, 14], 0.3]];
  for (const [values, expected] of rows) assertEquals(noise(values), expected);
});

test("formatNumber keeps three digits, and never fewer than stand before the point", () => {
  const rows: [number, string][] = [
    [0, "0"],
    [0.07, "0.070"],
    [-0.5, "-0.500"],
    [9.876, "9.88"],
    [98.76, "98.8"],
    [12_345.6, "12,346"],
    [Infinity, "never"],
    [NaN, "-"],
  ];
  for (const [value, expected] of rows) assertEquals(formatNumber(value), expected);
});

test("formatTable shows medians, ratios to nginx, what never happened, and what was not measured", () => {
  const row = (label: string) => LINES.find((line) => line.includes(label))?.split(" | ").slice(1);
  assertEquals(row("latency p50"), ["0.500", "0.250 x0.50", "±25 % |"]);
  assertEquals(row("router moved"), ["-", "never", "- |"]);
  assertEquals(row("processor time"), ["-", "-", "- |"]);
  assertEquals(row("latency p99"), ["-", "-", "- |"]);
});

test("formatTable has as many cells in each row as in its heading", () => {
  assertEquals(new Set(LINES.map((row) => row.split("|").length)), new Set([6]));
});

const GROWTH = [{ title: "connections", unit: "µs", steps: [1, 16], curves: { nginx: [10, 12], bare: [NaN, NaN] } }];

test("formatGrowth leaves out who was not measured", () => {
  assertEquals(formatGrowth(GROWTH).split("\n")[2], "| 1 | 10.0 |");
});

test("drawGrowth draws a line for each curve", () => {
  assertStringIncludes(drawGrowth(GROWTH), 'points="0,180 260,0"');
});
