import { assertEquals } from "@std/assert";
import type { Host } from "../support/net/network.ts";
import { networkTest } from "../support/net/network_test.ts";
import { createScene, ROUTER, SERVERS } from "../support/scene.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import type { Metadata } from "../support/servers/metadata.ts";
import { GUEST } from "../support/servers/router.ts";
import { startScriptedRouter } from "../support/servers/scripted_router.ts";

//   guest 10.1.1.50 ---- lan ---- 10.1.1.1 router, until it fails
//                         |
//                         ------- 10.1.1.2 its successor, from then on

/** What becomes of the old address. */
const FATES: readonly {
  readonly fate: string;
  readonly strike: (old: Host) => Promise<unknown>;
}[] = [
  { fate: "nobody is there", strike: (old) => old.ip("link set eth0 down") },
  { fate: "a host refuses port 80", strike: () => Promise.resolve() },
  {
    fate: "a host accepts and never answers",
    strike: (old) => startScriptedRouter(old, { address: "10.1.1.1", guests: [], modes: ["hang", "silence"] }),
  },
];

const VM_ID = "/latest/meta-data/vm-id";

function toldBy(router: string): Readonly<Record<string, Metadata>> {
  return { [GUEST.address]: { ...sampleMetadata(GUEST.address), "vm-id": `told-by-${router}` } };
}

networkTest(
  "a router that moves is found again, whatever became of its old address",
  SERVERS,
  async (context) => {
    const table: string[] = [];
    for (const { fate, strike } of FATES) {
      await context.step(`when at the old address ${fate}`, async () => {
        await using scene = await createScene({ router: { metadata: toldBy("the-old") }, args: "none" });
        const { router: old } = scene;
        // Nothing kept: each success below is the successor's.
        const program = await scene.startProgram(["--cache-ttl", "0", "--stale-if-error", "0"]);
        assertEquals((await scene.get(VM_ID)).body, "told-by-the-old");

        await old.stop();
        await strike(old.host);
        const whileNobodyIs = scene.get(VM_ID);
        await scene.startRouter({ name: "successor", address: "10.1.1.2", metadata: toldBy("the-new") });
        const startedAt = performance.now();
        const waiting = whileNobodyIs.then((answer) => ({ ...answer, totalMs: performance.now() - startedAt }));
        const next = await scene.getUntilGood(VM_ID);

        assertEquals([next.body, next.failures.length], ["told-by-the-new", 0], program.lines.join("\n"));
        const { status, body, totalMs } = await waiting;
        assertEquals([status, body], [200, "told-by-the-new"], "the request that noticed was not replayed");
        table.push(
          `  ${fate.padEnd(34)} ${String(next.totalMs).padStart(6)} ms   ${String(Math.round(totalMs)).padStart(6)} ms`,
        );
      });
    }
    console.log(
      ["  at the old address:                next request   the one that waited", ...table, ""].join("\n"),
    );
  },
);

networkTest(
  "a router that is away answers no request and hangs none, and is served again when it is back elsewhere",
  ROUTER,
  async () => {
    await using scene = await createScene({
      args: ["--cache-ttl", "0", "--stale-if-error", "0", "--request-timeout", "2s"],
    });
    const { router } = scene;
    assertEquals((await scene.get(VM_ID)).status, 200);

    await router.stop();
    const answers = await Promise.all(Array.from({ length: 20 }, () => scene.get(VM_ID)));
    for (const { status, body } of answers) assertEquals([status, body], [502, ""]);
    await router.start("10.1.1.3");
    const next = await scene.getUntilGood(VM_ID);
    console.log(`served again ${next.totalMs} ms after the router was back, ${next.failures.length} requests failed`);
  },
);

networkTest(
  "a router that moves while nobody asks is found before the next request",
  ROUTER,
  async () => {
    await using scene = await createScene({
      args: ["--cache-ttl", "0", "--stale-if-error", "0", "--request-timeout", "1s"],
    });
    const { router, program } = scene;
    assertEquals((await scene.get(VM_ID)).status, 200);

    await router.stop();
    assertEquals((await scene.get(VM_ID)).body, "");
    await program.waitForLine(/\bthe router is suspect\b/);
    await router.start("10.1.1.4");
    await program.waitForLine(/\bthe router moved\b.*\baddress=10\.1\.1\.4\b/);
    assertEquals((await scene.get(VM_ID)).status, 200);
  },
);
