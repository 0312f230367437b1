import { assertEquals } from "@std/assert";
import { networkTest } from "../support/net/network_test.ts";
import { createFaultyScene, describeFaults, FAULTY_WIRES } from "../support/net/wire.ts";
import type { Scene } from "../support/scene.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import { GUEST } from "../support/servers/router.ts";

const NEEDS = { programs: ["dnsmasq", "nginx", "python3"] } as const;
/** Where three of five frames are lost, one connection in six comes about at the first try. */
const PATIENCE_MS = 300_000;
const HOPELESS_PERCENT = 60;

/** Asks as an agent does: for nobody the program would search ever more rarely. */
async function askUntil(scene: Scene, found: Promise<unknown>): Promise<void> {
  let isOver = false;
  const noted = found.finally(() => isOver = true);
  await Promise.all([
    noted,
    (async () => {
      while (!isOver) await scene.get("/latest/meta-data/instance-id");
    })(),
  ]);
}

// Each waits, and hardly works.
networkTest("the router is found and serves where frames are lost or late on the way", NEEDS, async () => {
  await Promise.all(FAULTY_WIRES.map(async (faults) => {
    await using scene = await createFaultyScene(faults);
    const program = await scene.startProgram();
    const found = program.waitForLine(/found the router address=10\.1\.1\.1 /, { timeoutMs: PATIENCE_MS });
    await askUntil(scene, found);
    if (faults.lossPercent === HOPELESS_PERCENT) return;
    const { body } = await scene.getUntilGood("/latest/user-data");
    assertEquals(body, sampleMetadata(GUEST.address)["user-data"], describeFaults(faults));
  }));
});
