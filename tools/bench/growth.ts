/**
 * What a request costs as work grows: more connections, more kept answers, more large bodies at once. A table in Markdown, and one
 * picture of it (SVG).
 *
 * @module
 */

import type { Contender } from "./contenders.ts";
import type { Lab } from "./lab.ts";
import { memoryOf } from "./measure.ts";
import { loadWithWork, peakOfBodies, startAll } from "./rounds.ts";
import { formatNumber } from "./table.ts";

/** A curve's points: how much work, and what came of it; `undefined` where it was not measured. */
export interface Growth {
  readonly title: string;
  readonly unit: string;
  readonly steps: readonly number[];
  readonly curves: Readonly<Record<string, readonly (number | undefined)[]>>;
}

const CONNECTIONS = [1, 16, 64, 256];
const KEPT = [10, 1_000, 20_000];
const BODIES = [1, 8, 32];

/** Measures all that have a process of their own. */
export async function measureGrowth(
  { lab, contenders, seconds, say }: {
    readonly lab: Lab;
    readonly contenders: readonly Contender[];
    readonly seconds: number;
    readonly say: (what: string) => void;
  },
): Promise<Growth[]> {
  const processes = await startAll(lab, contenders);
  const measured = [...processes];
  const { folder } = lab;
  const measure = async (
    steps: readonly number[],
    of: (step: number, at: typeof measured[number]) => Promise<number>,
  ) => {
    const curves: Record<string, number[]> = {};
    for (const step of steps) {
      for (const at of measured) (curves[at[0].name] ??= []).push(await of(step, at));
    }
    return { steps, curves };
  };
  const cpu =
    (step: number, what: string, options: { connections: number; queries?: number }) =>
    async ([contender, process]: typeof measured[number]) => {
      say(`${step} ${what}: ${contender.name}`);
      const { cpuMicros } = await loadWithWork({ lab, contender, process, say }, { seconds, folder, ...options });
      return cpuMicros!;
    };
  const growths: Growth[] = [];
  growths.push({
    title: "connections",
    unit: "processor time per request, µs",
    ...await measure(CONNECTIONS, (step, at) => cpu(step, "connections", { connections: step })(at)),
  });
  growths.push({
    title: "kept answers",
    unit: "processor time per request, µs",
    ...await measure(KEPT, async (step, at) => {
      const once = cpu(step, "kept answers", { connections: 16, queries: step });
      await once(at); // the first time round they are fetched
      return await once(at);
    }),
  });
  const idle = new Map(
    await Promise.all(measured.map(async ([{ name }, { pid }]) => [name, await memoryOf(pid)] as const)),
  );
  growths.push({
    title: "bodies of 50 MB at once",
    unit: "peak over what it held before, MiB",
    ...await measure(BODIES, async (step, [contender, process]) => {
      if (!contender.forwards) return NaN;
      say(`${step} bodies: ${contender.name}`);
      const peakMib = await peakOfBodies({ lab, contender, process, count: step, say });
      return Math.max(0, peakMib - idle.get(contender.name)!.residentMib);
    }),
  });
  for (const process of processes.values()) await process.stop();
  return growths;
}

/** Writes the tables, in Markdown. */
export function formatGrowth(growths: readonly Growth[]): string {
  return growths.map(({ title, unit, steps, curves }) => {
    const names = Object.keys(curves).filter((name) => curves[name]!.some((value) => !Number.isNaN(value)));
    const rows = steps.map((
      step,
      i,
    ) => [step.toLocaleString("en"), ...names.map((name) => formatNumber(curves[name]![i]!))]);
    return [[`${title}: ${unit}`, ...names], ["---:", ...names.map(() => "---:")], ...rows]
      .map((cells) => `| ${cells.join(" | ")} |`).join("\n");
  }).join("\n\n");
}

const COLORS = ["#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b"];
const [WIDTH, HEIGHT, MARGIN, GAP] = [260, 180, 50, 30];

/** Draws the growths side by side, both axes logarithmic. */
export function drawGrowth(growths: readonly Growth[]): string {
  const names = [...new Set(growths.flatMap(({ curves }) => Object.keys(curves)))];
  const width = growths.length * (WIDTH + MARGIN + GAP);
  const height = HEIGHT + 2 * MARGIN + 20;
  const legend = names.map((name, i) =>
    `<text x="${MARGIN + i * 130}" y="${height - 8}" fill="${COLORS[i % COLORS.length]}">— ${name}</text>`
  );
  const panels = growths.map((growth, i) =>
    `<g transform="translate(${MARGIN + i * (WIDTH + MARGIN + GAP)},${MARGIN / 2 + 10})">${
      drawPanel(growth, names)
    }</g>`
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    ...panels,
    ...legend,
    "</svg>\n",
  ].join("\n");
}

function drawPanel({ title, unit, steps, curves }: Growth, names: readonly string[]): string {
  const values = Object.values(curves).flat().filter((value) => value !== undefined && value > 0 && value < Infinity);
  const [low, high] = [Math.min(...values as number[]), Math.max(...values as number[])].map(Math.log) as [
    number,
    number,
  ];
  const x = (i: number) => Math.round(i * WIDTH / (steps.length - 1));
  const y = (value: number) => Math.round(HEIGHT - (Math.log(value) - low) / (high - low || 1) * HEIGHT);
  const lines = names.map((name, color) => {
    const points = (curves[name] ?? []).flatMap((value, i) =>
      value! > 0 && value! < Infinity ? [[x(i), y(value!)]] : []
    );
    const stroke = COLORS[color % COLORS.length];
    return `<polyline fill="none" stroke="${stroke}" stroke-width="2" points="${points.join(" ")}"/>`;
  });
  const ticks = [low, (low + high) / 2, high].map(Math.exp).map((value) =>
    `<text x="-6" y="${y(value) + 4}" text-anchor="end">${formatNumber(value)}</text><line x2="${WIDTH}" y1="${
      y(value)
    }" y2="${y(value)}" stroke="#ddd"/>`
  );
  return [
    `<text y="-14" font-weight="bold">${title}: ${unit}</text>`,
    ...ticks,
    ...steps.map((step, i) =>
      `<text x="${x(i)}" y="${HEIGHT + 16}" text-anchor="middle">${step.toLocaleString("en")}</text>`
    ),
    ...lines,
  ].join("\n");
}
