/**
 * The results as a table for a terminal, a table in Markdown, or JSON.
 *
 * @module
 */

import { YARDSTICK } from "./contenders.ts";
import type { MeasureKey, Samples } from "./samples.ts";
import { MEASURES, median, noise } from "./samples.ts";

/** What a report is made of. */
export interface Results {
  /** The columns. */
  readonly contenders: readonly string[];
  readonly samples: Samples;
  /** Where and when it was measured, a line each. */
  readonly circumstances: readonly string[];
}

/** Writes a table for a person at a terminal. */
export function formatText({ contenders, samples, circumstances }: Results): string {
  const rows = [["", ...contenders, "noise"], ...tableRows(contenders, samples).map(({ cells }) => cells)];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row.map((cell, column) => column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)).join("  ")
  );
  const groups = tableRows(contenders, samples).map(({ group }) => group);
  const grouped = lines.slice(1).flatMap((line, i) => groups[i] === groups[i - 1] ? [line] : ["", groups[i]!, line]);
  return [...circumstances, "", lines[0]!, ...grouped, "", ...footnotes(contenders, samples), ""].join("\n");
}

/** Writes the same for a README. */
export function formatMarkdown({ contenders, samples, circumstances }: Results): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    ...circumstances.map((text) => `${text}  `),
    "",
    line(["", ...contenders, "noise"]),
    line(["---", ...contenders.map(() => "---:"), "---:"]),
    ...tableRows(contenders, samples).map(({ group, cells: [label, ...cells] }) =>
      line([`${group}: ${label!.trim()}`, ...cells])
    ),
    "",
    ...footnotes(contenders, samples),
    "",
  ].join("\n");
}

/** Writes every sample, for a program. */
export function formatJson({ contenders, samples, circumstances }: Results): string {
  const results = contenders.map((contender) => {
    const measures = MEASURES.map(({ key, unit }) => {
      const values = samples.of(contender, key);
      const summary = { unit, median: median(values) ?? null, noise: noise(values) ?? null, values };
      return [key, { ...summary, ratio: ratio(contender, key, samples) ?? null }] as const;
    });
    return [contender, Object.fromEntries(measures.filter(([, { values }]) => values.length > 0))] as const;
  });
  return JSON.stringify({ circumstances, yardstick: YARDSTICK, results: Object.fromEntries(results) }, undefined, 2);
}

function tableRows(contenders: readonly string[], samples: Samples): { group: string; cells: string[] }[] {
  return MEASURES.map(({ group, key, label, unit }) => ({
    group,
    cells: [
      `  ${label}${unit === "" ? "" : `, ${unit}`}`,
      ...contenders.map((contender) => formatCell(contender, key, samples)),
      formatNoise(rowNoise(contenders, key, samples)),
    ],
  }));
}

/** The median, and in how many times the yardstick's it is. */
function formatCell(contender: string, key: MeasureKey, samples: Samples): string {
  const value = median(samples.of(contender, key));
  if (value === undefined) return "-";
  const times = ratio(contender, key, samples);
  return contender === YARDSTICK || times === undefined || !Number.isFinite(times)
    ? formatNumber(value)
    : `${formatNumber(value)} x${times.toFixed(times >= 10 ? 0 : 2)}`;
}

/** Three digits, and never fewer than stand before the point. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return "never";
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3;
  return value.toLocaleString("en", { minimumFractionDigits: value === 0 ? 0 : digits, maximumFractionDigits: digits });
}

function ratio(contender: string, key: MeasureKey, samples: Samples): number | undefined {
  const value = median(samples.of(contender, key));
  const yardstick = median(samples.of(YARDSTICK, key));
  return value === undefined || yardstick === undefined || yardstick === 0 ? undefined : value / yardstick;
}

function rowNoise(contenders: readonly string[], key: MeasureKey, samples: Samples): number | undefined {
  return median(
    contenders.map((contender) => noise(samples.of(contender, key))).filter((share) => share !== undefined),
  );
}

function formatNoise(share: number | undefined): string {
  return share === undefined ? "-" : `±${Math.round(share * 100)} %`;
}

function footnotes(contenders: readonly string[], samples: Samples): string[] {
  const shares = MEASURES.map(({ key }) => rowNoise(contenders, key, samples)).filter((share) => share !== undefined);
  return [
    `Medians of interleaved rounds; x is how many times ${YARDSTICK}'s. ` +
    `Noise is half the spread between rounds of one measurement: ${formatNoise(median(shares))} in the middle row, ` +
    `${formatNoise(Math.max(0, ...shares))} in the worst.`,
  ];
}
