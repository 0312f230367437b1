/**
 * A scene in which frames are lost or late on the way to the router.
 *
 * ```
 *   guest eth0 10.1.1.50 ---- lan ---- wire ---- far ---- 10.1.1.1 eth0 router
 * ```
 *
 * The router is the guest's default gateway, as in CloudStack's isolated networks.
 *
 * @module
 */

import { filePath } from "../../../tools/file_path.ts";
import { createScene } from "../scene.ts";
import type { Scene } from "../scene.ts";
import { startRouter } from "../servers/router.ts";

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

/** Sets the scene with a wire between the guest and the router, and without the program. */
export async function createFaultyScene({ lossPercent = 0, delayMs = 0 }: Faults): Promise<Scene> {
  await using stack = new AsyncDisposableStack();
  const scene = stack.use(await createScene({ router: "none", args: "none" }));
  const { network, lan: near, guest } = scene;
  const far = await network.createSegment();
  const wire = await network.createHost("wire");
  await near.attach(wire, { iface: "near" });
  await far.attach(wire, { iface: "far" });
  const script = filePath("wire.py", import.meta.url);
  await wire.start(["python3", script, "near", "far", `${lossPercent}`, `${delayMs}`]).waitForLine(/^carrying$/);
  const { address } = await startRouter(network, far);
  await guest.ip(`route add default via ${address}`);
  stack.move();
  return scene;
}
