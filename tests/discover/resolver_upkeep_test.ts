import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { UpstreamError } from "../../lib/http1/error.ts";
import { test } from "../support/test.ts";
import { interfaceAt, linkAt } from "../support/fakes/lan.ts";
import { FOREIGN, NEVER, OWN, play, settle, settleSilent, SILENT_YET, timeRouter } from "./resolver_scene.ts";
import type { Scene } from "./resolver_scene.ts";

test("createResolver confirms a router by DHCP, and every third time by what made it one, in the background", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    lan.add({ address: "10.1.1.1" });
    const router = await settle(scene);
    const before = { ...lan.seen };
    const confirmedAt = resolver.status().confirmedAt!;
    await clock.run(20 * 60_000);
    assert(resolver.router(NEVER) === router);
    const [informs, proofs] = [lan.seen.inform - before.inform, lan.seen.request - before.request];
    assert(informs + proofs >= 8 && informs + proofs <= 13, `${informs} and ${proofs} in twenty minutes`);
    assertEquals(proofs, Math.floor((informs + proofs) / 3));
    assertEquals(lan.seen.discover, before.discover);
    assert(resolver.status().confirmedAt! > confirmedAt);
  }));

test("createResolver confirms a router without a DHCP server by HTTP", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    const router = lan.add({ address: "10.1.1.1" });
    await settle(scene);
    router.dhcp = false;
    await clock.run(20 * 60_000);
    assertEquals(resolver.status().state, "ready");
    assert(lan.seen.request > 8);
  }));

test("createResolver notices by itself that the router moved", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    lan.add({ address: "10.1.1.1" });
    await settle(scene);
    lan.routers.length = 0;
    lan.add({ address: "10.1.1.2" });
    await clock.run(3 * 60_000);
    assertEquals(resolver.status().router?.address, "10.1.1.2");
    assertEquals(resolver.status().state, "ready");
  }));

test("createResolver follows when the router's DHCP server begins to name another address", () =>
  play(async (scene) => {
    const { lan, resolver, clock, log } = scene;
    const old = lan.add({ address: "10.1.1.1" });
    await settle(scene);
    old.serverId = "10.1.1.2";
    lan.add({ address: "10.1.1.2", dhcp: false });
    await clock.run(3 * 60_000);
    assertEquals(resolver.status().router?.address, "10.1.1.2");
    assertEquals(log[1], "info  the router names another server address=10.1.1.1 server=10.1.1.2");
  }));

test("createResolver never confirms where the interval is 0", () =>
  play(async (scene) => {
    scene.lan.add({ address: "10.1.1.1" });
    await settle(scene);
    await scene.clock.run(24 * 3_600_000);
    assertEquals(scene.lan.seen, { inform: 1, discover: 1, request: 1 });
  }, { config: { confirmIntervalMs: 0 } }));

test("createResolver.refresh keeps the router in force until another is validated", () =>
  play(async (scene) => {
    const { lan, resolver, clock, log } = scene;
    lan.add({ address: "10.1.1.1" });
    const router = await settle(scene);
    lan.routers.length = 0;
    resolver.refresh();
    await clock.run(5_000);
    assert(resolver.router(NEVER) === router);
    await clock.run(10_000);
    assert(resolver.router(NEVER) === router, "a refresh that found nothing changes nothing");
    assert(log.at(-1)!.startsWith("warn  keeping the previous router"), log.at(-1));
    const sent = lan.seen.discover;
    await clock.run(60_000);
    assertEquals(lan.seen.discover, sent, "and is not repeated");
    lan.add({ address: "10.1.1.2" });
    resolver.refresh();
    await clock.run(1_000);
    assertEquals(resolver.status().router?.address, "10.1.1.2");
  }));

test("createResolver.refresh suspects the router in force where that says no, and nobody else is found", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    const router = lan.add({ address: "10.1.1.1" });
    await settle(scene);
    for (const web of ["refuses", { status: 404, body: "" }, { status: 200, body: "<html>" }] as const) {
      router.web = web;
      resolver.refresh();
      await clock.run(15_000);
      assertEquals(resolver.status().state, "suspect", JSON.stringify(web));
      router.web = OWN;
      await clock.run(60_000);
      assertEquals(resolver.status().state, "ready");
    }
  }, { config: { confirmIntervalMs: 0 } }));

test("createResolver.refresh during a search has another one follow, for what has changed since", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    const drive = lan.add({ address: "config-drive", dhcp: false });
    await settle(scene);
    resolver.refresh();
    // It is being asked for its proof, and will have given it.
    await clock.run(1);
    drive.web = "refuses";
    resolver.refresh();
    await clock.run(30_000);
    assertEquals(resolver.status().state, "suspect");
  }, { config: { sources: ["dhcp", "config_drive"], confirmIntervalMs: 0 }, guest: { drive: DRIVE } }));

test("createResolver.report during a refresh puts the known router to the test too", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    const router = lan.add({ address: "10.1.1.1" });
    const first = await settle(scene);
    router.dhcp = false;
    resolver.refresh();
    await clock.run(100);
    resolver.report(first, new Error("reset"));
    const { ms, router: again } = await timeRouter(scene);
    assertEquals(again.address, "10.1.1.1");
    assert(ms < 100, `${ms} ms`);
  }));

test("createResolver suspects a router whose metadata ended, by every third confirmation, though its DHCP lives", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    const router = lan.add({ address: "10.1.1.1" });
    await settle(scene);
    for (const web of ["refuses", { status: 404, body: "" }, { status: 200, body: "<html>" }, FOREIGN] as const) {
      router.web = web;
      await clock.run(8 * 60_000);
      assertEquals(resolver.status().state, "suspect", JSON.stringify(web));
      router.web = OWN;
      await clock.run(60_000);
      assertEquals(resolver.status().state, "ready");
    }
  }));

test("createResolver does not suspect a router that this machine had nothing left to ask with", () =>
  play(async (scene) => {
    const { lan, resolver, clock, log } = scene;
    lan.add({ address: "10.1.1.1" });
    const found = await settle(scene);
    const before = log.length;
    resolver.report(
      found,
      new UpstreamError("exhausted", "This machine has no descriptor, memory or port left to connect with"),
    );
    assertStrictEquals(resolver.router(NEVER), found);
    await clock.run(1_000);
    assertEquals([resolver.status().state, log.slice(before)], ["ready", []]);
  }));

test("createResolver asks for a proof that is due now and then while this machine has nothing left to ask with", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    const router = lan.add({ address: "10.1.1.1" });
    const found = await settle(scene);
    router.web = new UpstreamError("exhausted", "This machine has no descriptor, memory or port left to connect with");
    const before = lan.seen.request;
    resolver.observe(found, { target: "/latest/user-data", status: 500 });
    for (let tenth = 0; tenth < 100; tenth++) await clock.run(100);
    const tries = lan.seen.request - before;
    assert(tries > 5 && tries <= 21, `${tries} in ten seconds`);
    assertStrictEquals(resolver.router(NEVER), found);
    router.web = FOREIGN;
    await clock.run(1_000);
    assertEquals(resolver.status().state, "suspect", "the doubt is not forgotten");
  }));

test("createResolver.observe has the proof asked for at once, and ever more rarely while it is given", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    const router = lan.add({ address: "10.1.1.1" });
    const found = await settle(scene);
    const before = lan.seen.request;
    for (let second = 0; second < 60; second++) {
      resolver.observe(found, { target: "/latest/user-data", status: 500 });
      await clock.run(1_000);
    }
    const proofs = lan.seen.request - before;
    assert(proofs >= 4 && proofs <= 7, `${proofs} in a minute`);
    router.web = "refuses";
    await clock.run(120_000);
    resolver.observe(resolver.status().router!, { target: "/latest/user-data", status: 302 });
    await clock.run(10);
    assertEquals(resolver.status().state, "suspect");
  }));

test("createResolver.observe has the proof of a router that was found since asked for at once, whatever was said of the one before", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    const router = lan.add({ address: "10.1.1.1" });
    const before = await settle(scene);
    for (let second = 0; second < 60; second++) {
      resolver.observe(before, { target: "/latest/user-data", status: 500 });
      await clock.run(1_000);
    }
    router.address = "10.1.1.2";
    resolver.report(before, new UpstreamError("refused", "The router refused the connection"));
    await clock.run(1_000);
    router.web = "refuses";
    resolver.observe(resolver.status().router!, { target: "/latest/user-data", status: 302 });
    await clock.run(10);
    assertEquals([resolver.status().router?.address, resolver.status().state], ["10.1.1.2", "suspect"]);
  }));

test("createResolver.report asks a router that keeps a request waiting whether it is there, once a minute", () =>
  play(async (scene) => {
    const { lan, resolver, clock, log } = scene;
    lan.add({ address: "10.1.1.1" });
    const router = await settle(scene);
    await clock.run(31_000);
    const before = { ...lan.seen };
    for (let second = 0; second < 55; second++) {
      resolver.report(router, SILENT_YET, { isPending: true });
      await clock.run(1_000);
      assert(resolver.router(NEVER) === router, "it stays in force");
    }
    const questions = lan.seen.inform + lan.seen.discover - before.inform - before.discover;
    assertEquals([questions, lan.seen.request - before.request], [2, 1]);
    assertEquals(log.slice(1), ["info  the router is slow to answer address=10.1.1.1"]);
  }));

const INTERRUPTIONS: readonly (readonly [what: string, interrupt: (scene: Scene) => void])[] = [
  ["a reload", ({ resolver }) => resolver.refresh()],
  ["an answer with 502", ({ resolver }) => resolver.observe(resolver.status().router!, { target: "/", status: 502 })],
];
for (const [what, interrupt] of INTERRUPTIONS) {
  test(`createResolver gives a router that is asked whether it is there its time to say so, over ${what}`, () =>
    play(async (scene) => {
      const { lan, resolver, clock, log } = scene;
      lan.add({ address: "10.1.1.1", delayMs: 200 });
      const router = await settle(scene);
      resolver.report(router, SILENT_YET, { isPending: true });
      await clock.run(100);
      const before = lan.seen.request;
      interrupt(scene);
      await clock.run(2_000);
      assertEquals(log.slice(1), ["info  the router is slow to answer address=10.1.1.1"], "it was never suspect");
      assert(lan.seen.request > before, "and what was asked for is done afterwards");
    }));
}

test("createResolver.refresh searches although a router that was suspect answers before the search has begun", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    const found = await settleSilent(scene);
    await clock.run(1_000);
    resolver.refresh();
    resolver.observe(found, { target: "/latest/user-data", status: 200 });
    assertEquals(resolver.status().state, "ready");
    lan.routers.length = 0;
    lan.add({ address: "10.1.1.2" });
    await clock.run(2_000);
    assertEquals(resolver.status().router?.address, "10.1.1.2");
  }));

test("createResolver.refresh is made up for where the router's answer ends the search for it", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    const own = lan.add({ address: "10.1.1.1" });
    const router = await settle(scene);
    own.delayMs = 5_000;
    resolver.refresh();
    await clock.run(100);
    resolver.report(router, SILENT_YET, { isPending: true });
    await clock.run(100);
    assertEquals(resolver.status().state, "suspect");
    resolver.observe(router, { target: "/latest/vm-id", status: 200 });
    assertEquals(resolver.status().state, "ready");
    const before = lan.seen.discover;
    await clock.run(5_000);
    assert(lan.seen.discover > before, "the reload is done afterwards");
  }));

test("createResolver.observe ends a suspicion that rests on silence, and no other", () =>
  play(async (scene) => {
    const { resolver, clock } = scene;
    const found = await settleSilent(scene);
    await clock.run(1_000);
    assertEquals(resolver.status().state, "suspect");
    resolver.observe(found, { target: "/latest/user-data", status: 200 });
    assertEquals(resolver.status().state, "ready");
    resolver.report(found, new UpstreamError("refused", "The server refused the connection"));
    resolver.observe(found, { target: "/latest/user-data", status: 200 });
    assertEquals(resolver.status().state, "suspect");
  }));

test("createResolver never trusts a router whose address has become the machine's own", () =>
  play(async (scene) => {
    const { lan, guest, resolver, clock } = scene;
    lan.add({ address: "10.1.1.1" });
    await settle(scene);
    guest.interfaces = [...guest.interfaces, interfaceAt("10.1.1.1", { name: "lo", netmask: "255.255.255.255" })];
    await clock.run(3 * 60_000);
    assertEquals(resolver.status().state, "suspect");
  }));

test("createResolver.observe asks for nothing after a good answer, and for a weak doubt only when the proof is old", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    lan.add({ address: "10.1.1.1" });
    const router = await settle(scene);
    const before = { ...lan.seen };
    const observe = async (status: number) => {
      resolver.observe(router, { target: "/latest/user-data", status });
      await clock.run(1_000);
      return lan.seen.request - before.request;
    };
    assertEquals([await observe(200), await observe(404)], [0, 0]);
    await clock.run(30_000);
    assertEquals([await observe(200), await observe(404), await observe(404)], [0, 1, 1]);
    assertEquals(lan.seen, { ...before, request: before.request + 1 }, "the proof, and nothing else");
  }));

test("createResolver.observe asks a router that is slow to prove itself once, however many doubts there are", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    const router = lan.add({ address: "10.1.1.1" });
    const found = await settle(scene);
    router.delayMs = 3_000;
    const before = lan.seen.request;
    for (let doubts = 0; doubts < 20; doubts++) {
      resolver.observe(found, { target: "/latest/user-data", status: 500 });
      await clock.run(doubts === 0 ? 0 : 100);
    }
    assertEquals(lan.seen.request - before, 1);
    await clock.run(5_000);
    assertEquals(resolver.status().state, "ready");
  }));

test("createResolver.observe has a router that answers with an error stay suspect, and brings no search forward", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    const found = await settleSilent(scene);
    await clock.run(120_000);
    const before = { ...lan.seen };
    for (let late = 0; late < 100; late++) {
      resolver.observe(found, { target: "/latest/user-data", status: 503 });
      await clock.run(10);
    }
    assertEquals(resolver.status().state, "suspect");
    assert(lan.seen.inform + lan.seen.discover - before.inform - before.discover <= 4);
    resolver.observe(found, { target: "/latest/nothing", status: 404 });
    assertEquals(resolver.status().state, "ready", "it lives, whatever it has not got");
  }));

test("createResolver.observe ends the search for a router that answers after all", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    const found = await settleSilent(scene);
    await clock.run(1_000);
    resolver.observe(found, { target: "/latest/user-data", status: 200 });
    const before = { ...lan.seen };
    await clock.run(30_000);
    assertEquals(lan.seen, before);
    assert(resolver.router(NEVER) === found);
  }));

test("createResolver.report asks a slow router again when it answered a minute ago", async () => {
  for (const [pauseMs, questions] of [[59_999, 0], [60_000, 2]] as const) {
    await play(async (scene) => {
      const { lan, resolver, clock } = scene;
      lan.add({ address: "10.1.1.1", delayMs: 2 });
      const router = await settle(scene);
      resolver.report(router, SILENT_YET, { isPending: true });
      await clock.run(2 + pauseMs);
      const before = lan.seen.inform;
      resolver.report(router, SILENT_YET, { isPending: true });
      await clock.run(1_000);
      assertEquals(lan.seen.inform - before, questions, "the router, and everybody");
    }, { config: { confirmIntervalMs: 0 } });
  }
});

test("createResolver says once that a router is slow, until it was suspect", () =>
  play(async (scene) => {
    const { lan, resolver, clock, log } = scene;
    lan.add({ address: "10.1.1.1" });
    await settle(scene);
    const report = async () => {
      resolver.report(resolver.status().router!, SILENT_YET, { isPending: true });
      await clock.run(61_000);
      return log.filter((line) => line.includes("slow to answer")).length;
    };
    assertEquals([await report(), await report()], [1, 1]);
    resolver.report(resolver.status().router!, new Error("reset"));
    await clock.run(1_000);
    assertEquals(await report(), 2);
  }));

test("createResolver.report ignores a router that is no longer in force, whatever it keeps waiting", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    lan.add({ address: "10.1.1.1" });
    const old = await settle(scene);
    resolver.report(old, new Error("reset"));
    await clock.run(1_000);
    const before = { ...lan.seen };
    resolver.report(old, SILENT_YET, { isPending: true });
    resolver.report(old, new Error("reset"));
    await clock.run(1_000);
    assertEquals([resolver.status().state, lan.seen], ["ready", before]);
  }));

test("createResolver looks for a successor where a slow router is not the only one that answers", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    const old = lan.add({ address: "10.1.1.9" });
    const router = await settle(scene);
    old.web = "hangs";
    lan.add({ address: "10.1.1.1", delayMs: 10 });
    resolver.report(router, SILENT_YET, { isPending: true });
    await clock.run(1_000);
    assertEquals(resolver.status().router?.address, "10.1.1.1");
  }));

test("createResolver follows by its confirmations another identity of the same router under any", () =>
  play(async (scene) => {
    const { lan, resolver, clock, log } = scene;
    const router = lan.add({ address: "10.1.1.1" });
    await settle(scene);
    router.web = FOREIGN;
    await clock.run(8 * 60_000);
    assertEquals([resolver.status().state, resolver.status().router?.identity], ["ready", "i-6-66-VM"]);
    assertEquals(log.filter((line) => line.includes("suspect")), []);
  }, { config: { identity: "any" } }));

const DRIVE = { isPresent: () => true, problem: () => undefined };

test("createResolver looks for a router at each confirmation of a drive that serves in its place", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    lan.add({ address: "config-drive", dhcp: false });
    await settle(scene);
    await clock.run(1_000);
    assertEquals(resolver.status().router?.address, "config-drive");
    lan.add({ address: "10.1.1.1" });
    await clock.run(3 * 60_000);
    assertEquals(resolver.status().router?.address, "10.1.1.1");
  }, { config: { sources: ["dhcp", "config_drive"] }, guest: { drive: DRIVE } }));

test("createResolver confirms a drive that goes before a router by its proof, and asks no DHCP server", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    lan.add({ address: "config-drive", dhcp: false });
    const drive = await settle(scene);
    const before = { ...lan.seen };
    await clock.run(10 * 60_000);
    assert(resolver.router(NEVER) === drive);
    assertEquals(lan.seen, { ...before, request: lan.seen.request });
    assert(lan.seen.request - before.request >= 4);
  }, { config: { sources: ["config_drive", "dhcp"] }, guest: { drive: DRIVE } }));

test("createResolver asks no DHCP server where dhcp is none of its sources", () =>
  play(async (scene) => {
    const { lan, clock } = scene;
    lan.add({ address: "10.1.1.1" });
    const router = await settle(scene);
    await clock.run(10 * 60_000);
    scene.resolver.report(router, SILENT_YET, { isPending: true });
    await clock.run(1_000);
    assertEquals([lan.seen.inform, lan.seen.discover], [0, 0]);
  }, { config: { sources: ["server"], server: "10.1.1.1" } }));

test("createResolver confirms a router on the interface it was found on, and on all where nobody knows which", async () => {
  const guest = {
    interfaces: [interfaceAt("10.1.1.50"), interfaceAt("10.2.2.50", { name: "eth1", mac: "02:00:4c:9f:00:0b" })],
    links: [linkAt(2, "eth0"), linkAt(3, "eth1")],
  };
  for (const [config, questions] of [[{}, 1], [{ server: "10.1.1.1" }, 2]] as const) {
    await play(async (scene) => {
      const { lan, clock } = scene;
      lan.add({ address: "10.1.1.1" });
      await settle(scene);
      const before = { ...lan.seen };
      await clock.run(150_000);
      assertEquals([lan.seen.inform - before.inform, lan.seen.request], [questions, before.request]);
    }, { config: { iname: "auto", sources: ["server", "dhcp"], ...config }, guest });
  }
});
