/**
 * Reads numbers out of metrics in the Prometheus exposition format, so that the status document counts nothing anew. Pure.
 *
 * @module
 */

/**
 * Reads the samples of one series with at most one label.
 *
 * @returns each value by that label's value; by `""` where there is no label
 */
export function readTotals(metrics: string, name: string): Record<string, number> {
  const totals: Record<string, number> = {};
  for (const line of metrics.split("\n")) {
    if (!line.startsWith(name)) continue;
    const [, label = "", value] = /^(?:\{\w+="([^"]*)"\})? (\S+)$/.exec(line.slice(name.length)) ?? [];
    if (value !== undefined) totals[label] = Number(value);
  }
  return totals;
}
