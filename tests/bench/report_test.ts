import { assertEquals, assertStringIncludes } from "@std/assert";
import { formatJson, formatMarkdown, formatNumber, formatText } from "../../tools/bench/report.ts";
import { createSamples, median, noise } from "../../tools/bench/samples.ts";
import { test } from "../support/test.ts";

const samples = createSamples();
for (const p50 of [0.25, 0.75, 0.5]) samples.add("nginx", { p50 });
for (const p50 of [0.25, 0.25, 0.25]) samples.add("mdproxy4cs", { p50, recovery: Infinity });
const RESULTS = { contenders: ["nginx", "mdproxy4cs"], samples, circumstances: ["2026-01-01, on a machine"] };

test("median takes the middle, or the mean of the two in the middle", () => {
  const rows: [number[], number | undefined][] = [[[], undefined], [[3], 3], [[9, 1, 2], 2], [[4, 1, 2, 9], 3]];
  for (const [values, expected] of rows) assertEquals(median(values), expected);
});

test("noise is half the spread as a share of the median, and unknown of a single value", () => {
  const rows: [number[], number | undefined][] = [[[1], undefined], [[0, 0], undefined], [[1, Infinity], undefined], [[
    8,
    10,
    14,
  ], 0.3]];
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
  ];
  for (const [value, expected] of rows) assertEquals(formatNumber(value), expected);
});

test("formatText shows medians, ratios to nginx, what never happened, and what was not measured", () => {
  const lines = formatText(RESULTS).split("\n");
  const row = (label: string) => lines.find((line) => line.includes(label))?.trim().split(/ {2,}/).slice(1);
  assertEquals(row("latency p50"), ["0.500", "0.250 x0.50", "±25 %"]);
  assertEquals(row("router moved"), ["-", "never", "-"]);
  assertEquals(row("latency p99"), ["-", "-", "-"]);
});

test("formatMarkdown has as many cells in each row as in its heading", () => {
  const rows = formatMarkdown(RESULTS).split("\n").filter((line) => line.startsWith("|"));
  assertEquals(new Set(rows.map((row) => row.split("|").length)), new Set([6]));
  assertStringIncludes(rows.join("\n"), "| One connection: latency p50, ms | 0.500 | 0.250 x0.50 | ±25 % |");
});

test("formatJson keeps every sample beside its median and ratio, and leaves out what was not measured", () => {
  const { results } = JSON.parse(formatJson(RESULTS));
  assertEquals(results.nginx, { p50: { unit: "ms", median: 0.5, noise: 0.5, ratio: 1, values: [0.25, 0.75, 0.5] } });
  assertEquals(Object.keys(results.mdproxy4cs), ["p50", "recovery"]);
});
