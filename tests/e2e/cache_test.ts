import { assert, assertEquals, assertMatch } from "@std/assert";
import { PROXY } from "../support/net/program.ts";
import { networkTest } from "../support/net/network_test.ts";
import { createScene, NO_SERVERS, ROUTER } from "../support/scene.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import { GUEST } from "../support/servers/router.ts";
import { startScriptedRouter } from "../support/servers/scripted_router.ts";

//   guest eth0 10.1.1.50 ---- lan ---- 10.1.1.1 eth0 router (dnsmasq, nginx)

const VM_ID = "/latest/meta-data/vm-id";

networkTest("a burst of equal requests costs the router one", ROUTER, async () => {
  await using scene = await createScene({ args: ["--cache-ttl", "1m"] });
  const { guest } = scene;
  const urls = Array.from({ length: 60 }, () => PROXY + VM_ID);
  const { code, stdout } = await guest.run(["curl", "-sf", "--parallel", "--parallel-max", "30", ...urls]);
  assertEquals([code, stdout], [0, `vm-${GUEST.address}`.repeat(60)]);
  assertEquals((await scene.asked(VM_ID)).length, 1);
});

networkTest("--cache-ttl 0 asks the router every time", ROUTER, async () => {
  await using scene = await createScene({ args: ["--cache-ttl", "0"] });
  for (let i = 0; i < 5; i++) assertEquals((await scene.get(VM_ID)).status, 200);
  assertEquals((await scene.asked(VM_ID)).length, 5);
});

networkTest("a reload has the router asked again for what is kept", ROUTER, async () => {
  await using scene = await createScene({ args: ["--cache-ttl", "1m"] });
  const { program } = scene;
  const asked = async () => (await scene.asked(VM_ID)).length;
  for (let i = 0; i < 2; i++) assertEquals((await scene.get(VM_ID)).status, 200);
  assertEquals(await asked(), 1);
  program.kill("SIGHUP");
  await program.waitForLine(/\breloaded\b/);
  for (let i = 0; i < 100 && await asked() < 2; i++) assertEquals((await scene.get(VM_ID)).status, 200);
  assertEquals(await asked(), 2);
});

networkTest(
  "an answer that was asked for before a reload is not kept beyond it, and waits under its age",
  NO_SERVERS,
  async () => {
    await using scene = await createScene({ router: "none", args: "none" });
    const host = await scene.addHost("router", "10.1.1.1");
    const guests = [{ ...GUEST, metadata: sampleMetadata(GUEST.address) }];
    const router = await startScriptedRouter(host, { address: "10.1.1.1", guests });
    const program = await scene.startProgram(["--cache-ttl", "1m"]);
    const isAsked = (from: number) => router.waitForLine(/GET \/latest\/late" goes wrong/, { from });

    const before = scene.get("/latest/late");
    await isAsked(0);
    program.kill("SIGHUP");
    await program.waitForLine(/\breloaded\b/);
    assertEquals((await before).body, "1");
    const from = router.lines.length;
    const after = await scene.get("/latest/late");
    await isAsked(from);

    const kept = await scene.get("/latest/late", ["--include"]);
    assertEquals(kept.body.split("\r\n\r\n")[1], after.body);
    assertMatch(kept.body, /^age: [2-9]\r$/m);
  },
);

networkTest("the last good answer stands in, with its age, while no router can be reached", ROUTER, async () => {
  await using scene = await createScene({ args: ["--cache-ttl", "0", "--request-timeout", "3s"] });
  const { router, program } = scene;
  assertEquals((await scene.get(VM_ID)).status, 200);

  await router.stop();
  const kept = await scene.get(VM_ID, ["--include"]);
  assertEquals(kept.status, 200);
  assertMatch(kept.body, /^age: \d+\r$/im);
  assert(kept.body.endsWith(`\r\n\r\nvm-${GUEST.address}`), kept.body);
  const standsIn = /no router can be reached, serving the last good answers/;
  await program.waitForLine(standsIn);
  assertEquals(program.lines.filter((line) => standsIn.test(line)).length, 1);
  const never = await scene.get("/latest/meta-data/instance-id");
  assertEquals([never.status, never.body], [502, ""], "an answer that was never given came from somewhere");
});

networkTest("a stored answer never hides the error of a living router", ROUTER, async () => {
  await using scene = await createScene({
    router: {
      metadata: { [GUEST.address]: { ...sampleMetadata(GUEST.address), gone: "here" } },
    },
    args: ["--cache-ttl", "0"],
  });
  const { network } = scene;
  assertEquals((await scene.get("/latest/gone")).body, "here");
  await Deno.remove(`${network.folder}/router-web/metadata/${GUEST.address}/gone`);
  const { status, body } = await scene.get("/latest/gone");
  assertEquals([status, body], [404, ""]);
});
