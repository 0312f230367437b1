/**
 * Draws where the program stands: between the guest's programs, which know one address, and whoever has the metadata.
 *
 * @module
 */

import { OPTIONS } from "../../lib/config/options.ts";
import { escape, MONOSPACE } from "./svg.ts";

const LISTEN = OPTIONS.find(({ flag }) => flag === "http-listen")!.default;

interface Box {
  /** In pixels. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly lines: readonly string[];
}

const BOX_HEIGHT = 58;

const GUESTS: readonly Box[] = [
  { x: 40, y: 62, width: 200, lines: ["bosh-agent", "settings, SSH keys"] },
  { x: 40, y: 142, width: 200, lines: ["curl, Amazon's SDKs", "user-data, instance data"] },
];
const PROGRAM: Box = { x: 385, y: 102, width: 210, lines: ["mdproxy4cs", "finds, checks, keeps, passes"] };
const SOURCES: readonly Box[] = [
  { x: 750, y: 62, width: 210, lines: ["virtual router", "found by DHCP; port 80"] },
  { x: 750, y: 142, width: 210, lines: ["config drive", "where there is no router"] },
];

/** Draws it. */
export function drawPlace(): string {
  const middle = PROGRAM.y + BOX_HEIGHT / 2;
  const arrows = [
    ...GUESTS.map((guest) => drawArrow([guest.x + guest.width, guest.y + BOX_HEIGHT / 2], [PROGRAM.x, middle])),
    ...SOURCES.map((source) => drawArrow([PROGRAM.x + PROGRAM.width, middle], [source.x, source.y + BOX_HEIGHT / 2])),
  ];
  return `\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 250" width="1000" height="250" role="img">
  <title>The guest's programs ask ${LISTEN}, where mdproxy4cs passes on what the virtual router or a config drive has</title>
  <style>
    text { font: 13px sans-serif; fill: #24303f; text-anchor: middle }
    .name { font-weight: bold; font-size: 15px }
    .place { text-anchor: start; fill: #5b6776 }
    .address { font-family: ${MONOSPACE}; font-size: 12px }
    .box { fill: #fff; stroke: #5b6776 }
    .own { fill: #e3f1ff; stroke: #1f6feb; stroke-width: 2 }
    .arrow { stroke: #5b6776; fill: none; marker-end: url(#head) }
  </style>
  <marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">
    <path d="M0 0 L8 4 L0 8 z" fill="#5b6776" />
  </marker>
  <rect width="100%" height="100%" rx="8" fill="#fff" />
  <rect x="16" y="16" width="600" height="218" rx="8" fill="#f5f7fa" stroke="#c3ccd6" stroke-dasharray="5 4" />
  <text class="place" x="30" y="40">the VM</text>
  <text class="place" x="750" y="40">CloudStack</text>
${arrows.join("")}${GUESTS.map((box) => drawBox(box, "box")).join("")}${drawBox(PROGRAM, "own")}${
    SOURCES.map((box) => drawBox(box, "box")).join("")
  }  <text class="address" x="${PROGRAM.x + PROGRAM.width / 2}" y="${PROGRAM.y - 12}">${escape(LISTEN)}</text>
  <text class="place" style="text-anchor: middle" x="${PROGRAM.x + PROGRAM.width / 2}" y="${
    PROGRAM.y + BOX_HEIGHT + 22
  }">an address that never changes</text>
</svg>
`;
}

function drawArrow([x1, y1]: readonly [number, number], [x2, y2]: readonly [number, number]): string {
  const middle = (x1 + x2) / 2;
  return `  <path class="arrow" d="M${x1} ${y1} C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}" />\n`;
}

function drawBox({ x, y, width, lines: [name = "", what = ""] }: Box, style: string): string {
  const middle = x + width / 2;
  return `\
  <rect class="${style}" x="${x}" y="${y}" width="${width}" height="${BOX_HEIGHT}" rx="6" />
  <text class="name" x="${middle}" y="${y + 25}">${escape(name)}</text>
  <text x="${middle}" y="${y + 44}">${escape(what)}</text>
`;
}
