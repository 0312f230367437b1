/**
 * What is measured, and the table that comes of it: medians, and how many times nginx's each is.
 *
 * @module
 */

/** Every measure, in the order of the table's rows. */
const MEASURES = {
  p50: "One connection: latency p50, ms",
  p99: "One connection: latency p99, ms",
  perSec1: "One connection: throughput, req/s",
  close: "One connection: a new connection per request, ms",
  perSec16: "16 connections: throughput, req/s",
  cpu16: "16 connections: processor time per request, µs",
  accept: "Start: exec to first accept, ms",
  firstByte: "Start: exec to first metadata byte, router unknown, ms",
  dhcp: "Start: DHCP packets, start and 100 requests",
  recovery: "Start: next success after the router moved, ms",
  privateIdle: "Memory: private, idle, MiB",
  privateLoad: "Memory: private, after load, MiB",
  privateRest: "Memory: private, at rest after load, MiB",
  residentIdle: "Memory: resident, idle, MiB",
  residentLoad: "Memory: resident, after load, MiB",
  residentRest: "Memory: resident, at rest after load, MiB",
  peak1: "Memory: peak over idle, one 50 MB body, MiB",
  peak8: "Memory: peak over idle, eight 50 MB bodies, MiB",
  cpu: "Idle minute: CPU, s",
  wakeups: "Idle minute: wake-ups",
  executable: "Size: executable, MB",
  archive: "Size: archive (gzip -9), MB",
} as const;

/** Some values of one contender; NaN is what can never be measured of it. */
export type Sample = Partial<Record<keyof typeof MEASURES, number>>;

/** Writes the table of medians, a column for each contender; ratios refer to nginx. */
export function formatTable(samples: Readonly<Record<string, readonly Sample[]>>): string {
  const names = Object.keys(samples);
  const rows = Object.entries(MEASURES).map(([key, label]) => {
    const values = names.map((name) => samples[name]!.flatMap((sample) => sample[key as keyof Sample] ?? []));
    const yardstick = median(values[names.indexOf("nginx")]!);
    const cells = names.map((name, i) => formatCell(median(values[i]!), name === "nginx" ? NaN : yardstick));
    const share = median(values.map(noise).filter(Number.isFinite));
    return [label, ...cells, Number.isNaN(share) ? "-" : `±${Math.round(share * 100)} %`];
  });
  return formatMarkdown(["", ...names, "noise"], rows);
}

/** Writes a table in Markdown. */
export function formatMarkdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = head.map((_, i) => i === 0 ? "---" : "---:");
  return [head, rule, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function formatCell(value: number, yardstick: number): string {
  const times = value / yardstick;
  return formatNumber(value) + (Number.isFinite(times) ? ` x${times.toFixed(times >= 10 ? 0 : 2)}` : "");
}

/** Three digits, and never fewer than stand before the point. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "-" : "never";
  const whole = Math.trunc(Math.abs(value));
  const digits = value === 0 ? 0 : Math.max(0, 3 - (whole === 0 ? 0 : `${whole}`.length));
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** The middle value, or the mean of the two in the middle; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}

/** How far values lie apart: half the way from the least to the greatest, as a share of the median; NaN if unknown. */
export function noise(values: readonly number[]): number {
  return values.length < 2 ? NaN : (Math.max(...values) - Math.min(...values)) / 2 / median(values);
}
