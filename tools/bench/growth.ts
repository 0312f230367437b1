/**
 * What a request costs as work grows: more connections, more stored answers, more large bodies at once. A table in Markdown, and one
 * picture of it (SVG).
 *
 * @module
 */

import { memoryOf } from "../../tests/support/net/usage.ts";
import type { Scene } from "../../tests/support/scene.ts";
import { start } from "./lab.ts";
import type { Contender, Running } from "./lab.ts";
import { load, peakOfBodies } from "./measure.ts";
import { formatMarkdown, formatNumber } from "./table.ts";

/** What comes of how much work, a curve for each contender; NaN where it was not measured. */
export interface Growth {
  readonly title: string;
  readonly unit: string;
  readonly steps: readonly number[];
  readonly curves: Readonly<Record<string, readonly number[]>>;
}

/** The most that may be asked for: by default the program keeps a few hundred answers. */
const CACHE_SIZE = "--cache-size=16m";

/** Measures all that have a process of their own. */
export async function measureGrowth(
  scene: Scene,
  contenders: readonly Contender[],
): Promise<Growth[]> {
  const own = contenders.filter(({ role }) => role !== "router").map((contender) => {
    const { role, argv } = contender;
    return { ...contender, argv: role === "program" ? [...argv, CACHE_SIZE] : argv };
  });
  const running = await Array.fromAsync(own, (contender) => start(scene, contender));
  const grow = async (
    { title, unit, steps }: Omit<Growth, "curves">,
    measure: (at: Running, step: number) => Promise<number>,
  ): Promise<Growth> => {
    const curves: Record<string, number[]> = Object.fromEntries(running.map(({ name }) => [name, []]));
    for (const step of steps) {
      for (const at of running) {
        console.error(`bench: ${step} ${title}: ${at.name}`);
        curves[at.name]!.push(await measure(at, step));
      }
    }
    return { title, unit, steps, curves };
  };
  const cpu = { unit: "processor time per request, µs" };
  const growths = [
    await grow(
      { title: "connections", ...cpu, steps: [1, 16, 64, 256] },
      async (at, connections) => (await load(scene, at, { connections })).cpuMicros,
    ),
    await grow({ title: "stored answers", ...cpu, steps: [10, 1_000, 20_000] }, async (at, queries) => {
      await load(scene, at, { connections: 16, queries }); // the first time round they are fetched
      return (await load(scene, at, { connections: 16, queries })).cpuMicros;
    }),
  ];
  const held = new Map<Running, number>();
  for (const at of running) held.set(at, (await memoryOf(at.process?.pid)).residentMib);
  growths.push(
    await grow(
      { title: "bodies of 50 MB at once", unit: "peak over what it held before, MiB", steps: [1, 8, 32] },
      async (at, count) => at.role !== "bare" ? Math.max(0, await peakOfBodies(scene, at, count) - held.get(at)!) : NaN,
    ),
  );
  for (const { process } of running) await process!.stop();
  return growths;
}

/** Writes the tables. */
export function formatGrowth(growths: readonly Growth[]): string {
  return growths.map(({ title, unit, steps, curves }) => {
    const measured = Object.entries(curves).filter(([, values]) => !values.every(Number.isNaN));
    const rows = steps.map((step, i) => [
      step.toLocaleString("en"),
      ...measured.map(([, values]) => formatNumber(values[i]!)),
    ]);
    return formatMarkdown([`${title}: ${unit}`, ...measured.map(([name]) => name)], rows);
  }).join("\n\n");
}

const COLORS = ["#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b"];
const [WIDTH, HEIGHT, MARGIN, GAP] = [260, 180, 50, 30] as const;

/** Draws the growths side by side, both axes logarithmic. */
export function drawGrowth(growths: readonly Growth[]): string {
  const names = [...new Set(growths.flatMap(({ curves }) => Object.keys(curves)))];
  const colorOf = (name: string) => COLORS[names.indexOf(name) % COLORS.length]!;
  const [width, height] = [growths.length * (WIDTH + MARGIN + GAP), HEIGHT + 2 * MARGIN + 20];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    ...growths.flatMap((growth, i) => [
      `<g transform="translate(${MARGIN + i * (WIDTH + MARGIN + GAP)},${MARGIN / 2 + 10})">`,
      ...drawPanel(growth, colorOf),
      "</g>",
    ]),
    ...names.map((name, i) =>
      `<text x="${MARGIN + i * 130}" y="${height - 8}" fill="${colorOf(name)}">— ${name}</text>`
    ),
    "</svg>\n",
  ].join("\n");
}

function drawPanel({ title, unit, steps, curves }: Growth, colorOf: (name: string) => string): string[] {
  const isDrawn = (value: number) => value > 0 && value < Infinity;
  const logarithms = Object.values(curves).flat().filter(isDrawn).map(Math.log);
  const [low, high] = [Math.min(...logarithms), Math.max(...logarithms)];
  const x = (i: number) => Math.round(i * WIDTH / (steps.length - 1));
  const y = (logarithm: number) => Math.round(HEIGHT - (logarithm - low) / (high - low || 1) * HEIGHT);
  return [
    `<text y="-14" font-weight="bold">${title}: ${unit}</text>`,
    ...[low, (low + high) / 2, high].flatMap((tick) => [
      `<text x="-6" y="${y(tick) + 4}" text-anchor="end">${formatNumber(Math.exp(tick))}</text>`,
      `<line x2="${WIDTH}" y1="${y(tick)}" y2="${y(tick)}" stroke="#ddd"/>`,
    ]),
    ...steps.map((step, i) =>
      `<text x="${x(i)}" y="${HEIGHT + 16}" text-anchor="middle">${step.toLocaleString("en")}</text>`
    ),
    ...Object.entries(curves).map(([name, values]) => {
      const points = values.flatMap((value, i) => isDrawn(value) ? [`${x(i)},${y(Math.log(value))}`] : []);
      return `<polyline fill="none" stroke="${colorOf(name)}" stroke-width="2" points="${points.join(" ")}"/>`;
    }),
  ];
}
