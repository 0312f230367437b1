/**
 * Draws what `./dev demo` prints, as a terminal shows it.
 *
 * What it printed is kept in `demo.txt`, without the times: they differ from run to run.
 *
 * @module
 */

import { filePath } from "../file_path.ts";
import { escape, MONOSPACE } from "./svg.ts";

/** Where the transcript is kept. */
export const TRANSCRIPT = filePath("demo.txt", import.meta.url);

const COMMAND = "./dev demo";

/** In pixels; a character is as wide as the text is drawn, whatever the font says. */
const FONT_SIZE = 13;
const CHARACTER = 7.8;
const LINE = 18;
const MARGIN = 20;
const BAR = 34;

/** How a line looks: the first pattern that fits. */
const STYLES: readonly (readonly [line: RegExp, style: string])[] = [
  [/^\$ /, "b"],
  [/^\S/, "b"],
  [/^ {4,6}(The VM is not told|the router: )/, "f"],
];

/** Takes what differs from run to run out of what the demo printed: times, and the empty lines around it. */
export function withoutTimes(printed: string): string {
  return `${printed.replace(/ · [\d.]+ s$/gm, "").replace(/\b\d+ ms\b/g, "… ms").trim()}\n`;
}

/** Draws a transcript. */
export function drawDemo(transcript: string): string {
  const lines = [`$ ${COMMAND}`, "", ...transcript.trimEnd().split("\n")];
  const width = Math.ceil(Math.max(...lines.map((line) => line.length)) * CHARACTER) + 2 * MARGIN;
  const height = BAR + lines.length * LINE + MARGIN;
  const buttons = ["#ff5f57", "#febc2e", "#28c840"].map((color, i) =>
    `  <circle cx="${MARGIN + i * 20}" cy="${BAR / 2}" r="6" fill="${color}" />\n`
  );
  return `\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
  <title>What ${COMMAND} prints</title>
  <style>
    text { font: ${FONT_SIZE}px ${MONOSPACE}; fill: #d6deeb }
    .b { font-weight: bold; fill: #fff }
    .f { fill: #8a97a8 }
    .g { fill: #4fd07d }
  </style>
  <rect width="100%" height="100%" rx="8" fill="#1b2130" />
${buttons.join("")}${lines.map(drawLine).join("")}</svg>
`;
}

function drawLine(line: string, i: number): string {
  if (line === "") return "";
  const text = line.trimStart();
  const style = STYLES.find(([pattern]) => pattern.test(line))?.[1];
  // Ordinary spaces would be drawn as one.
  const shown = escape(text).replaceAll(" ", "\u00a0").replace(/^✓/, '<tspan class="g">✓</tspan>');
  const x = MARGIN + (line.length - text.length) * CHARACTER;
  const width = (text.length * CHARACTER).toFixed(1);
  return `  <text x="${x.toFixed(1)}" y="${BAR + (i + 0.75) * LINE}" textLength="${width}"${
    style === undefined ? "" : ` class="${style}"`
  }>${shown}</text>\n`;
}
