/**
 * A wire between two segments on which frames are lost or late.
 *
 * ```
 *   guest eth0 ---- near ---- wire ---- far ---- eth0 router
 * ```
 *
 * @module
 */

import { filePath } from "../../../tools/file_path.ts";
import type { Network, Segment } from "./network.ts";

/** What is wrong with a wire, in each direction. */
export interface Faults {
  /** How many frames of a hundred are lost (default: none). */
  readonly lossPercent?: number;
  /** How much later each arrives (default: at once). */
  readonly delayMs?: number;
}

/** What the faulty wires are tried with: every table of them has these rows. */
export const FAULTY_WIRES: readonly Faults[] = [
  ...[10, 30, 60].map((lossPercent) => ({ lossPercent })),
  ...[100, 200, 800].map((delayMs) => ({ delayMs })),
];

/** Names the faults in a table or a test. */
export function describeFaults({ lossPercent = 0, delayMs = 0 }: Faults): string {
  return lossPercent > 0 ? `${lossPercent} % lost` : `${delayMs} ms late`;
}

/** Lays a wire between two segments. It ends with the network. */
export async function layWire(
  network: Network,
  { near, far, faults: { lossPercent = 0, delayMs = 0 } }: {
    readonly near: Segment;
    readonly far: Segment;
    readonly faults: Faults;
  },
): Promise<void> {
  const host = await network.createHost("wire");
  await near.attach(host, { iface: "near" });
  await far.attach(host, { iface: "far" });
  const script = filePath("wire.py", import.meta.url);
  const process = host.start(["python3", script, "near", "far", `${lossPercent}`, `${delayMs}`]);
  await process.waitForLine(/^carrying$/);
}
