/**
 * What is measured, of whom and how often, and the table that comes of it: medians, and how many times nginx's each is.
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

type MeasureKey = keyof typeof MEASURES;

/** The one that ratios refer to. */
export const YARDSTICK = "nginx";

/** All values, one list for each contender and measure, in the order they were measured. */
export type Samples = ReturnType<typeof createSamples>;

/** Creates an empty collection. What is not a number was not measured. */
export function createSamples() {
  const lists = new Map<string, number[]>();
  const of = (contender: string, key: MeasureKey): readonly number[] => lists.get(`${contender} ${key}`) ?? [];
  return {
    of,
    add(contender: string, values: Partial<Record<MeasureKey, number>>) {
      for (const [key, value] of Object.entries(values)) {
        if (!Number.isNaN(value)) lists.set(`${contender} ${key}`, [...of(contender, key as MeasureKey), value]);
      }
    },
  };
}

/** Writes the table of medians. */
export function formatTable(contenders: readonly string[], samples: Samples): string {
  const rows = (Object.keys(MEASURES) as MeasureKey[]).map((key) => {
    const shares = contenders.map((name) => noise(samples.of(name, key))).filter((share) => share !== undefined);
    const share = median(shares);
    return [
      MEASURES[key],
      ...contenders.map((name) => formatCell(median(samples.of(name, key)), name, median(samples.of(YARDSTICK, key)))),
      share === undefined ? "-" : `±${Math.round(share * 100)} %`,
    ];
  });
  return formatMarkdown(["", ...contenders, "noise"], rows);
}

/** Writes a table in Markdown. */
export function formatMarkdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map((_, i) => i === 0 ? "---" : "---:"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join(
    "\n",
  );
}

function formatCell(value: number | undefined, name: string, yardstick: number | undefined): string {
  if (value === undefined) return "-";
  const times = value / (yardstick ?? 0);
  if (name === YARDSTICK || !Number.isFinite(times)) return formatNumber(value);
  return `${formatNumber(value)} x${times.toFixed(times >= 10 ? 0 : 2)}`;
}

/** Three digits, and never fewer than stand before the point. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return "never";
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3;
  return value.toLocaleString("en", { minimumFractionDigits: value === 0 ? 0 : digits, maximumFractionDigits: digits });
}

/** The middle value, or the mean of the two in the middle; `undefined` of nothing. */
export function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const below = sorted[(sorted.length - 1) >> 1];
  const above = sorted[sorted.length >> 1];
  return below === undefined || above === undefined ? undefined : (below + above) / 2;
}

/** How far values lie apart: half the way from the least to the greatest, as a share of the median. */
export function noise(values: readonly number[]): number | undefined {
  const middle = median(values);
  if (values.length < 2 || middle === undefined || middle === 0) return undefined;
  const share = (Math.max(...values) - Math.min(...values)) / 2 / middle;
  return Number.isFinite(share) ? share : undefined;
}
