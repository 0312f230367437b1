import { assert, assertEquals, assertMatch } from "@std/assert";
import { formatRemembered } from "../../lib/discover/remembered.ts";
import { test } from "../support/test.ts";
import { FOREIGN, OWN, play, settle, timeRouter } from "./resolver_scene.ts";

test("createResolver refuses a router of another identity until a reload accepts it, and names both", () =>
  play(async (scene) => {
    const { lan, resolver, clock, log } = scene;
    lan.add({ address: "10.1.1.1" });
    const router = await settle(scene);
    lan.routers.length = 0;
    lan.add({ address: "10.1.1.66", web: FOREIGN });
    resolver.report(router, new Error("refused"));
    await clock.run(120_000);
    assertEquals(resolver.status().state, "suspect");
    const refusals = log.filter((line) => line.startsWith("warn  refusing a router of another identity"));
    assertEquals(refusals.length, 1, "said once");
    assert(/i-6-66-VM.*i-2-50-VM.*SIGHUP/.test(refusals[0]!), refusals[0]);
    assert(resolver.status().lastFailure!.message.includes("serves the metadata of i-6-66-VM"));
    resolver.refresh();
    await clock.run(15_000);
    assertEquals(resolver.status().router?.identity, "i-6-66-VM");
    assert(log.some((line) => /^warn {2}the router serves another identity.*before=i-2-50-VM/.test(line)));
  }));

test("createResolver.refresh keeps to the identity of a router that is there, however fast another is", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    lan.add({ address: "10.1.1.1", delayMs: 90 });
    await settle(scene);
    lan.add({ address: "10.1.1.66", web: FOREIGN, delayMs: 1 });
    for (let reload = 0; reload < 5; reload++) {
      resolver.refresh();
      await clock.run(2_000);
      assertEquals([resolver.status().router?.identity, resolver.status().state], ["i-2-50-VM", "ready"]);
    }
  }));

test("createResolver follows another identity at once under any", () =>
  play(async (scene) => {
    const { lan, resolver } = scene;
    const router = lan.add({ address: "10.1.1.1" });
    const first = await settle(scene);
    router.web = FOREIGN;
    resolver.report(first, new Error("reset"));
    assertEquals((await timeRouter(scene)).router.identity, "i-6-66-VM");
  }, { config: { identity: "any" } }));

test("createResolver takes the same one of two identities at every start, and warns of both", async () => {
  for (const [fast, slow] of [["10.1.1.1", "10.1.1.2"], ["10.1.1.2", "10.1.1.1"]] as const) {
    await play(async (scene) => {
      const { lan, log } = scene;
      lan.add({ address: fast, delayMs: 1, web: fast === "10.1.1.1" ? OWN : FOREIGN });
      lan.add({ address: slow, delayMs: 30, web: slow === "10.1.1.1" ? OWN : FOREIGN });
      assertEquals((await settle(scene)).address, "10.1.1.2", "the gateway");
      assert(log.some((line) => /^warn {2}another router.*i-2-50-VM.*i-6-66-VM/.test(line)), log.join("\n"));
    }, { guest: { routes: [{ gateway: "10.1.1.2", dev: "eth0" }] } });
  }
});

test("createResolver asks a remembered router first, which serves though no DHCP server answers", () =>
  play(async (scene) => {
    const { lan, resolver, clock, log } = scene;
    lan.add({ address: "10.1.1.1", dhcp: false });
    resolver.start();
    await clock.run(10);
    assertEquals(resolver.status().router?.address, "10.1.1.1");
    assertEquals(log.length, 1);
  }, {
    memory:
      '{"version":1,"iname":"eth0","address":"10.1.1.1","source":"dhcp","interface":"eth0","identity":"i-2-50-VM"}\n',
  }));

test("createResolver ignores with a line what it remembers of other settings", async () => {
  for (const [iname, source] of [["eth1", "dhcp"], ["eth0", "dns"], ["eth0", "nonsense"]] as const) {
    await play(async ({ resolver, clock, log, lan }) => {
      lan.add({ address: "10.1.1.1", dhcp: false });
      resolver.start();
      await clock.run(1_000);
      assertEquals(resolver.status().state, "searching");
      assert(log[0]!.startsWith("warn  ignoring what was known before the restart"), log[0]);
    }, {
      config: { sources: ["dhcp"] },
      memory: JSON.stringify({
        ...{ version: 1, iname, address: "10.1.1.1", source, interface: "eth0", identity: "i-2-50-VM" },
      }),
    });
  }
});

test("createResolver takes no word for the operator's that was so before the restart alone", async () => {
  for (const server of ["10.1.1.9", undefined]) {
    await play(async ({ resolver, clock, log, lan }) => {
      lan.add({ address: "10.1.1.1", dhcp: false });
      lan.add({ address: "10.1.1.9" });
      resolver.start();
      await clock.run(1_000);
      assertEquals(resolver.status().router?.address, "10.1.1.9");
      assertMatch(log[0]!, /before the restart reason="--server was 10\.1\.1\.1"/);
    }, {
      config: { server },
      guest: { routes: [{ gateway: "10.1.1.1", dev: "eth0" }] },
      memory: formatRemembered({
        ...{ iname: "eth0", address: "10.1.1.1", source: "server", iface: "eth0", identity: "i-2-50-VM" },
      }),
    });
  }
});

test("createResolver writes down the router in force once, and again when it moves", () =>
  play(async (scene) => {
    const { lan, resolver, clock, written } = scene;
    lan.add({ address: "10.1.1.1" });
    resolver.report(await settle(scene), new Error("reset"));
    await clock.run(2_000);
    assertEquals(written.length, 1);
    lan.routers.length = 0;
    lan.add({ address: "10.1.1.2" });
    resolver.report(resolver.status().router!, new Error("reset"));
    await clock.run(2_000);
    assertEquals(written.map((text) => JSON.parse(text).address), ["10.1.1.1", "10.1.1.2"]);
  }));

test("createResolver rests as ever while it looks in vain for the router it remembers", async () => {
  const packets: number[] = [];
  for (
    const memory of [
      undefined,
      formatRemembered({
        iname: "eth0",
        address: "10.1.1.1",
        source: "dhcp",
        iface: "eth0",
        identity: "i-2-50-VM",
      }),
    ]
  ) {
    await play(async ({ lan, resolver, clock }) => {
      resolver.start();
      await clock.run(600_000);
      packets.push(lan.seen.discover);
    }, { ...memory && { memory } });
  }
  assert(packets[1]! < 1.5 * packets[0]!, `${packets}`);
});

test("createResolver takes another identity after a restart, when all of a search did not find the one it remembers", () =>
  play(async ({ lan, resolver, clock }) => {
    lan.add({ address: "10.1.1.66", web: FOREIGN });
    resolver.start();
    await clock.run(9_900);
    assertEquals(resolver.status().router, undefined);
    await clock.run(200);
    assertEquals(resolver.status().router?.identity, "i-6-66-VM");
  }, {
    memory: formatRemembered({
      iname: "eth0",
      address: "10.1.1.1",
      source: "dhcp",
      iface: "eth0",
      identity: "i-2-50-VM",
    }),
  }));

const GATEWAY = { guest: { routes: [{ gateway: "10.1.1.1", dev: "eth0" }] } };

test("createResolver gives a router that nobody can outrank at once, and names a slower one of another identity", () =>
  play(async (scene) => {
    scene.lan.add({ address: "10.1.1.1", web: OWN });
    scene.lan.add({ address: "10.1.1.0", web: FOREIGN, delayMs: 40 });
    scene.resolver.start();
    assertEquals((await timeRouter(scene)).ms, 4, "one DHCP exchange and one proof");
    assertEquals(scene.log.filter((line) => line.includes("another identity")), []);
    await scene.clock.run(1_000);
    assertEquals(scene.log.map((line) => /^\w+ +(.+?) \w+=/.exec(line)?.[1]), [
      "found the router",
      "another router serves another identity",
    ]);
    assertEquals([scene.resolver.status().state, scene.written.length], ["ready", 1]);
  }, GATEWAY));

test("createResolver does not take back what became suspect while the others were still being heard", () =>
  play(async (scene) => {
    const router = scene.lan.add({ address: "10.1.1.1", web: OWN });
    scene.resolver.start();
    const { router: found } = await timeRouter(scene);
    router.web = "refuses";
    scene.resolver.report(found, new Error("refused"));
    await scene.clock.run(100);
    assertEquals(scene.resolver.status().state, "suspect");
    router.web = OWN;
    assertEquals((await timeRouter(scene)).router.address, "10.1.1.1");
    assertEquals(scene.resolver.status().state, "ready");
  }, GATEWAY));
