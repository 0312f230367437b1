import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Host } from "../support/net/network.ts";
import { networkTest } from "../support/net/network_test.ts";
import type { Process } from "../support/net/process.ts";
import { programLine } from "../support/net/program.ts";
import { createScene, ROUTER, SERVERS } from "../support/scene.ts";
import type { Scene } from "../support/scene.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import type { Metadata } from "../support/servers/metadata.ts";
import { GUEST } from "../support/servers/router.ts";
import { startScriptedRouter } from "../support/servers/scripted_router.ts";

//   guest 10.1.1.50 ---- lan ---- 10.1.1.1 router (dnsmasq, nginx): knows the guest as i-2-50-VM
//                         |
//                         ------- 10.1.1.66 rogue (DHCP, metadata): knows it as i-6-66-VM

/** For the DHCP server that names whom it is told to. */
const VM_ID = "/latest/meta-data/vm-id";
const OWN = "i-2-50-VM";
const FOREIGN = "i-6-66-VM";
/** Every answer is the router's of this moment. */
const UNCACHED = ["--cache-ttl", "0", "--stale-if-error", "0"];

/** What the guest gets from the one who knows it by this id. */
function metadataOf(id: string): Metadata {
  return { ...sampleMetadata(GUEST.address), "instance-id": id, "vm-id": `vm-of-${id}` };
}

async function startRogue(scene: Scene, { address = "10.1.1.66", delayMs = 0 } = {}): Promise<Process> {
  const host = await scene.addHost("rogue", address);
  return await startScriptedRouter(host, { address, delayMs, guests: [{ ...GUEST, metadata: metadataOf(FOREIGN) }] });
}

const OPTIONS = { metadata: { [GUEST.address]: metadataOf(OWN) } };

networkTest(
  "a rogue with metadata of its own does not take over when the router fails for a moment",
  ROUTER,
  async () => {
    await using scene = await createScene({
      router: OPTIONS,
      args: [...UNCACHED, "--request-timeout", "2s", "--discovery-timeout", "2s"],
    });
    const { router, program } = scene;
    assertEquals((await scene.get(VM_ID)).body, `vm-of-${OWN}`);

    const rogue = await startRogue(scene);
    await router.stop();
    const failed = await scene.get(VM_ID);
    assertEquals([failed.status, failed.body], [502, ""], "not a byte of the rogue's");
    await rogue.waitForLine(/instance-id" 200/);
    const line = await program.waitForLine(/refusing a router of another identity/);
    assertMatch(line, /address=10\.1\.1\.66\b.*identity=i-6-66-VM\b.*i-2-50-VM.*SIGHUP.*restart/);
    assertEquals((await scene.get(VM_ID)).body, "");
    const { stdout } = await scene.guest.run(programLine(["discover", "--discovery-timeout", "2s"]));
    assertMatch(stdout, /found by dhcp on eth0, but the service refuses it: .*i-6-66-VM.*i-2-50-VM.*reload/);

    await router.start();
    assertEquals((await scene.getUntilGood(VM_ID)).body, `vm-of-${OWN}`);
  },
);

networkTest(
  "a reload keeps a router that is there, and takes another identity only when it is not",
  ROUTER,
  async () => {
    await using scene = await createScene({
      router: OPTIONS,
      args: [...UNCACHED, "--request-timeout", "2s", "--discovery-timeout", "2s"],
    });
    const { router, program } = scene;
    assertEquals((await scene.get(VM_ID)).body, `vm-of-${OWN}`);
    const rogue = await startRogue(scene);

    for (let reloads = 0; reloads < 3; reloads++) {
      const from = program.lines.length;
      const heardFrom = rogue.lines.length;
      program.kill("SIGHUP");
      await program.waitForLine(/\breloaded\b/, { from });
      await rogue.waitForLine(/heard DHCPINFORM/, { from: heardFrom });
      assertEquals((await scene.get(VM_ID)).body, `vm-of-${OWN}`);
    }

    await router.stop();
    assertEquals((await scene.get(VM_ID)).body, "");
    await program.waitForLine(/refusing a router of another identity/);
    program.kill("SIGHUP");
    const line = await program.waitForLine(/the router serves another identity than before/);
    assertMatch(line, /identity=i-6-66-VM\b.*before=i-2-50-VM\b/);
    assertEquals((await scene.getUntilGood(VM_ID)).body, `vm-of-${FOREIGN}`);
  },
);

networkTest(
  "a restart looks for the old router first, and takes one of another identity with a warning",
  ROUTER,
  async () => {
    await using scene = await createScene({ router: OPTIONS, args: [...UNCACHED, "--discovery-timeout", "2s"] });
    const { router } = scene;
    assertEquals((await scene.get(VM_ID)).body, `vm-of-${OWN}`);
    await startRogue(scene, { address: "10.1.1.2" });
    await scene.program.stop();

    await scene.startProgram([...UNCACHED, "--discovery-timeout", "2s"]);
    assertEquals((await scene.get(VM_ID)).body, `vm-of-${OWN}`);
    await scene.program.stop();

    await router.stop();
    const program = await scene.startProgram([...UNCACHED, "--discovery-timeout", "2s"]);
    assertEquals((await scene.getUntilGood(VM_ID)).body, `vm-of-${FOREIGN}`);
    await program.waitForLine(/another identity than before.*identity=i-6-66-VM\b.*before=i-2-50-VM\b/);
  },
);

networkTest("--identity any follows whoever serves metadata", ROUTER, async () => {
  await using scene = await createScene({ router: OPTIONS, args: [...UNCACHED, "--identity", "any"] });
  const { router } = scene;
  assertEquals((await scene.get(VM_ID)).body, `vm-of-${OWN}`);
  await startRogue(scene);
  await router.stop();
  assertEquals((await scene.getUntilGood(VM_ID)).body, `vm-of-${FOREIGN}`);
});

networkTest(
  "of two routers with two identities the gateway wins at every start, and both are named",
  ROUTER,
  async () => {
    await using scene = await createScene({ router: OPTIONS, args: "none" });
    // Before the router's in every other order: its address, and the speed of its answers.
    await startRogue(scene, { address: "10.1.1.0" });
    await scene.guest.ip("route add default via 10.1.1.1");
    for (let start = 0; start < 6; start++) {
      await scene.guest.must(["rm", "-f", "/run/mdproxy4cs/router.json"]);
      const program = await scene.startProgram(UNCACHED);
      assertEquals((await scene.get(VM_ID)).body, `vm-of-${OWN}`, program.lines.join("\n"));
      const line = await program.waitForLine(/another router serves another identity/);
      assertMatch(
        line,
        /address=10\.1\.1\.0\b.*identity=i-6-66-VM\b.*router=10\.1\.1\.1\b.*routerIdentity=i-2-50-VM\b/,
      );
      await program.stop();
    }
  },
);

networkTest(
  "the gateway's answer is served while a second, slower router is still being heard, and both are named",
  ROUTER,
  async () => {
    await using scene = await createScene({ router: OPTIONS, args: "none" });
    await startRogue(scene, { address: "10.1.1.0", delayMs: 20 });
    await scene.guest.ip("route add default via 10.1.1.1");
    const program = await scene.startProgram(UNCACHED);
    assertEquals((await scene.get(VM_ID)).body, `vm-of-${OWN}`);
    await program.waitForLine(/another router serves another identity.*address=10\.1\.1\.0\b.*router=10\.1\.1\.1\b/);
    const said = program.lines.map((line) => /found the router|another router serves another identity/.exec(line)?.[0]);
    assertEquals(said.filter((what) => what !== undefined), [
      "found the router",
      "another router serves another identity",
    ]);
  },
);

const NO_IDS = ["OK", '{"error":"login"}', "Please log in", "<html>hello</html>", "", "x".repeat(300) + "1"];

networkTest(
  "a machine that answers everything with 200 is no router, and the reason says what it sent",
  ROUTER,
  async (context) => {
    for (const text of NO_IDS) {
      await context.step(JSON.stringify(text.slice(0, 20)), async () => {
        const metadata = { [GUEST.address]: { ...metadataOf(OWN), "instance-id": text } };
        await using scene = await createScene({
          router: { metadata },
          args: ["--discovery-timeout", "1s", ...UNCACHED],
        });
        const line = await scene.program.waitForLine(/no router found/);
        assertMatch(line, /10\.1\.1\.1 serves no metadata: \/latest\/meta-data\/instance-id is /);
      });
    }
  },
);

networkTest("a guest's own server on an address of lo is never the router, whoever names it", SERVERS, async () => {
  await using scene = await createScene({ router: "none", args: "none" });
  const { guest, network } = scene;
  await guest.ip("address add 10.1.1.200/32 dev lo");
  const own = await startWeb(network, guest);
  await startRogueDhcp(scene, ["10.1.1.200"]);
  const program = await scene.startProgram(["--discovery-timeout", "1s", "--request-timeout", "2s"]);
  assertEquals((await scene.get(VM_ID)).status, 503);
  await program.waitForLine(/10\.1\.1\.200 is this machine's own address/);
  assertEquals((await scene.get("http://10.1.1.200/latest/vm-id")).status, 200);
  await own.waitForLine(/"GET/);
  assertEquals(own.lines.filter((line) => line.includes('"GET')), ['10.1.1.200 "GET /latest/vm-id HTTP/1.1" 200']);
});

networkTest(
  "a rogue that names and offers a thousand addresses crowds out nobody, and does not fill the log",
  SERVERS,
  async () => {
    await using scene = await createScene({ router: "none", args: "none" });
    // Nobody is at these: each connection to one of them hangs.
    const names = Array.from({ length: 1_000 }, (_, index) => `10.1.${2 + (index >> 8)}.${index & 255}`);
    const rogue = await startRogueDhcp(scene, names);
    await scene.startRouter(OPTIONS);
    for (const args of [[], ["--allow-server", "10.1.1.0/24"]]) {
      await scene.guest.must(["rm", "-f", "/run/mdproxy4cs/router.json"]);
      const from = rogue.lines.length;
      const program = await scene.startProgram([...UNCACHED, "--request-timeout", "4s", ...args]);
      const { status, body } = await scene.get(VM_ID);
      assertEquals([status, body], [200, `vm-of-${OWN}`], program.lines.join("\n"));
      await rogue.waitForLine(/said DHCP/, { from });
      const troubles = program.lines.filter((line) => line.includes(" offers "));
      assert(troubles.length <= 8, `${troubles.length} lines of offers`);
      await program.stop();
    }
  },
);

async function startWeb(network: Scene["network"], host: Host): Promise<Process> {
  const { startWebServer } = await import("../support/servers/metadata.ts");
  return await startWebServer(network, host, {
    server: "nginx",
    guests: { [GUEST.address]: metadataOf(OWN), "10.1.1.200": metadataOf(OWN) },
  });
}

/** A DHCP server that answers every question with each of the identifiers, and offers each of them as an address. */
async function startRogueDhcp(scene: Scene, names: readonly string[]): Promise<Process> {
  const host = await scene.addHost("rogue", "10.1.1.66");
  return await startScriptedRouter(host, { address: "10.1.1.66", guests: [GUEST], names, modes: [] });
}
