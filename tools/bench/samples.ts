/**
 * What was measured, of whom, and how often; and what statistics say of it.
 *
 * @module
 */

/** A row of the table. */
export interface Measure {
  readonly key: string;
  readonly label: string;
  readonly unit: string;
  readonly group: string;
}

/** Every measure, in the order of the table's rows. */
export const MEASURES = [
  { group: "One connection", key: "p50", label: "latency p50", unit: "ms" },
  { group: "One connection", key: "p99", label: "latency p99", unit: "ms" },
  { group: "One connection", key: "perSec1", label: "throughput", unit: "req/s" },
  { group: "One connection", key: "close", label: "a new connection per request", unit: "ms" },
  { group: "16 connections", key: "perSec16", label: "throughput", unit: "req/s" },
  { group: "Start", key: "accept", label: "exec to first accept", unit: "ms" },
  { group: "Start", key: "firstByte", label: "exec to first metadata byte, router unknown", unit: "ms" },
  { group: "Start", key: "dhcp", label: "DHCP packets, start and 100 requests", unit: "" },
  { group: "Start", key: "recovery", label: "next success after the router moved", unit: "ms" },
  { group: "Memory", key: "privateIdle", label: "private, idle", unit: "MiB" },
  { group: "Memory", key: "private1000", label: "private, after 1,000 requests", unit: "MiB" },
  { group: "Memory", key: "privateLoad", label: "private, after load", unit: "MiB" },
  { group: "Memory", key: "privateRest", label: "private, at rest after load", unit: "MiB" },
  { group: "Memory", key: "residentIdle", label: "resident, idle", unit: "MiB" },
  { group: "Memory", key: "resident1000", label: "resident, after 1,000 requests", unit: "MiB" },
  { group: "Memory", key: "residentLoad", label: "resident, after load", unit: "MiB" },
  { group: "Memory", key: "residentRest", label: "resident, at rest after load", unit: "MiB" },
  { group: "Memory", key: "peak1", label: "peak over idle, one 50 MB body", unit: "MiB" },
  { group: "Memory", key: "peak8", label: "peak over idle, eight 50 MB bodies", unit: "MiB" },
  { group: "Idle minute", key: "cpu", label: "CPU", unit: "s" },
  { group: "Idle minute", key: "wakeups", label: "wake-ups", unit: "" },
  { group: "Size", key: "executable", label: "executable", unit: "MB" },
  { group: "Size", key: "archive", label: "archive (.tar.gz)", unit: "MB" },
] as const satisfies readonly Measure[];

/** What identifies a measure. */
export type MeasureKey = typeof MEASURES[number]["key"];

/** All values, one list for each contender and measure. */
export interface Samples {
  add(contender: string, values: Partial<Record<MeasureKey, number>>): void;
  /** In the order they were measured; empty if none was. */
  of(contender: string, key: MeasureKey): readonly number[];
}

/** Creates an empty collection. */
export function createSamples(): Samples {
  const lists = new Map<string, number[]>();
  return {
    add(contender, values) {
      for (const [key, value] of Object.entries(values)) {
        const id = `${contender} ${key}`;
        lists.set(id, [...lists.get(id) ?? [], value]);
      }
    },
    of: (contender, key) => lists.get(`${contender} ${key}`) ?? [],
  };
}

/** Returns the middle value, or the mean of the two in the middle; `undefined` of nothing. */
export function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const below = sorted[(sorted.length - 1) >> 1];
  const above = sorted[sorted.length >> 1];
  return below === undefined || above === undefined ? undefined : (below + above) / 2;
}

/** Returns how far values lie apart: half the way from the least to the greatest, as a share of the median. */
export function noise(values: readonly number[]): number | undefined {
  const middle = median(values);
  if (values.length < 2 || middle === undefined || middle === 0) return undefined;
  const share = (Math.max(...values) - Math.min(...values)) / 2 / middle;
  return Number.isFinite(share) ? share : undefined;
}
