import { assertEquals } from "@std/assert";
import { createNetwork } from "../support/net/network.ts";
import type { Host } from "../support/net/network.ts";
import { createGuest, get, getUntilGood, startProgram } from "../support/net/program.ts";
import { networkTest } from "../support/net/network_test.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import type { Metadata } from "../support/servers/metadata.ts";
import { GUEST, startRouter } from "../support/servers/router.ts";
import { startVirtualRouter } from "../support/servers/virtual_router.ts";

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
    strike: (old) => startVirtualRouter(old, { address: "10.1.1.1", guests: [], modes: ["hang", "silence"] }),
  },
];

const VM_ID = "/latest/meta-data/vm-id";

function toldBy(router: string): Readonly<Record<string, Metadata>> {
  return { [GUEST.address]: { ...sampleMetadata(GUEST.address), "vm-id": `told-by-${router}` } };
}

networkTest(
  "a router that moves is found again, whatever became of its old address",
  { programs: ["dnsmasq", "nginx"] },
  async (context) => {
    const table: string[] = [];
    for (const { fate, strike } of FATES) {
      await context.step(`when at the old address ${fate}`, async () => {
        await using network = await createNetwork();
        const lan = await network.createSegment();
        const guest = await createGuest(network, lan);
        const old = await startRouter(network, lan, { metadata: toldBy("the-old") });
        // Nothing kept: each success below is the successor's.
        const program = await startProgram(guest, ["--cache-ttl", "0", "--stale-if-error", "0"]);
        assertEquals((await get(guest, VM_ID)).body, "told-by-the-old");

        await old.stop();
        await strike(old.host);
        const whileNobodyIs = get(guest, VM_ID);
        await startRouter(network, lan, { name: "successor", address: "10.1.1.2", metadata: toldBy("the-new") });
        const startedAt = performance.now();
        const waiting = whileNobodyIs.then((answer) => ({ ...answer, totalMs: performance.now() - startedAt }));
        const next = await getUntilGood(guest, VM_ID);

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
  { programs: ["dnsmasq", "nginx"] },
  async () => {
    await using network = await createNetwork();
    const lan = await network.createSegment();
    const guest = await createGuest(network, lan);
    const router = await startRouter(network, lan);
    await startProgram(guest, ["--cache-ttl", "0", "--stale-if-error", "0", "--request-timeout", "2s"]);
    assertEquals((await get(guest, VM_ID)).status, 200);

    await router.stop();
    const answers = await Promise.all(Array.from({ length: 20 }, () => get(guest, VM_ID)));
    for (const { status, body } of answers) {
      assertEquals([status >= 502 && status <= 504, body], [true, ""], `answered with ${status}`);
    }
    await router.start("10.1.1.3");
    const next = await getUntilGood(guest, VM_ID);
    console.log(`served again ${next.totalMs} ms after the router was back, ${next.failures.length} requests failed`);
  },
);

networkTest(
  "a router that moves while nobody asks is found before the next request",
  { programs: ["dnsmasq", "nginx"] },
  async () => {
    await using network = await createNetwork();
    const lan = await network.createSegment();
    const guest = await createGuest(network, lan);
    const router = await startRouter(network, lan);
    const program = await startProgram(guest, ["--cache-ttl", "0", "--stale-if-error", "0", "--request-timeout", "1s"]);
    assertEquals((await get(guest, VM_ID)).status, 200);

    await router.stop();
    assertEquals((await get(guest, VM_ID)).body, "");
    await program.waitForLine(/\bthe router is suspect\b/);
    await router.start("10.1.1.4");
    await program.waitForLine(/\bthe router moved\b.*\baddress=10\.1\.1\.4\b/);
    assertEquals((await get(guest, VM_ID)).status, 200);
  },
);
