import { assert, assertEquals, assertMatch } from "@std/assert";
import { createNetwork } from "../support/net/network.ts";
import { createGuest, get, PROXY, startProgram } from "../support/net/program.ts";
import { networkTest } from "../support/net/network_test.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import { GUEST, startRouter } from "../support/servers/router.ts";

//   guest eth0 10.1.1.50 ---- lan ---- 10.1.1.1 eth0 router (dnsmasq, nginx)

const SERVERS = { programs: ["dnsmasq", "nginx"] } as const;
const VM_ID = "/latest/meta-data/vm-id";

networkTest("a burst of equal requests costs the router one", SERVERS, async () => {
  await using network = await createNetwork();
  const lan = await network.createSegment();
  const guest = await createGuest(network, lan);
  const router = await startRouter(network, lan);
  await startProgram(guest, ["--cache-ttl", "1m"]);
  const urls = Array.from({ length: 60 }, () => PROXY + VM_ID);
  const { code, stdout } = await guest.run(["curl", "-sf", "--parallel", "--parallel-max", "30", ...urls]);
  assertEquals([code, stdout], [0, `vm-${GUEST.address}`.repeat(60)]);
  assertEquals(router.web.lines.filter((line) => line.includes(VM_ID)).length, 1);
});

networkTest("--cache-ttl 0 asks the router every time", SERVERS, async () => {
  await using network = await createNetwork();
  const lan = await network.createSegment();
  const guest = await createGuest(network, lan);
  const router = await startRouter(network, lan);
  await startProgram(guest, ["--cache-ttl", "0"]);
  for (let i = 0; i < 5; i++) assertEquals((await get(guest, VM_ID)).status, 200);
  assertEquals(router.web.lines.filter((line) => line.includes(VM_ID)).length, 5);
});

networkTest("the last good answer stands in, with its age, while no router can be reached", SERVERS, async () => {
  await using network = await createNetwork();
  const lan = await network.createSegment();
  const guest = await createGuest(network, lan);
  const router = await startRouter(network, lan);
  const program = await startProgram(guest, ["--cache-ttl", "0", "--request-timeout", "3s"]);
  assertEquals((await get(guest, VM_ID)).status, 200);

  await router.stop();
  const kept = await get(guest, VM_ID, ["--include"]);
  assertEquals(kept.status, 200);
  assertMatch(kept.body, /^age: \d+\r$/im);
  assert(kept.body.endsWith(`\r\n\r\nvm-${GUEST.address}`), kept.body);
  assertMatch(program.lines.join("\n"), /stale|last good|old/i, "no line in the log says that an old answer stands in");
  const never = await get(guest, "/latest/meta-data/instance-id");
  assertEquals([never.status >= 502, never.body], [true, ""], "an answer that was never given came from somewhere");
});

networkTest("a kept answer never hides the error of a living router", SERVERS, async () => {
  await using network = await createNetwork();
  const lan = await network.createSegment();
  const guest = await createGuest(network, lan);
  await startRouter(network, lan, {
    metadata: { [GUEST.address]: { ...sampleMetadata(GUEST.address), gone: "here" } },
  });
  await startProgram(guest, ["--cache-ttl", "0"]);
  assertEquals((await get(guest, "/latest/gone")).body, "here");
  await Deno.remove(`${network.folder}/router-web/metadata/${GUEST.address}/gone`);
  const { status, body } = await get(guest, "/latest/gone");
  assertEquals([status, body], [404, ""]);
});
