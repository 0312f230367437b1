import { assert, assertEquals } from "@std/assert";
import { parseCidr } from "../../lib/ipv4/ipv4.ts";
import { test } from "../support/test.ts";
import { FOREIGN, NEVER, play, settle, SILENT_YET, timeRouter } from "./resolver_scene.ts";

test("createResolver.report searches for a router that keeps a request waiting and does not say that it is there", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    lan.add({ address: "10.1.1.1" });
    const router = await settle(scene);
    lan.routers.length = 0;
    resolver.report(router, SILENT_YET, { isPending: true });
    await clock.run(599);
    assertEquals(resolver.status().state, "ready");
    await clock.run(1);
    assertEquals(resolver.status().state, "suspect");
    lan.add({ address: "10.1.1.2" });
    assertEquals((await timeRouter(scene)).router.address, "10.1.1.2");
  }));

test("createResolver.report suspects no router that this machine had nothing left to ask whether it is there", () =>
  play(async (scene) => {
    const { lan, guest, resolver, clock, log } = scene;
    lan.add({ address: "10.1.1.1" });
    const router = await settle(scene);
    const before = log.length;
    guest.sendError = Object.assign(new Error("No buffer space available (os error 105)"), { code: "ENOBUFS" });
    resolver.report(router, SILENT_YET, { isPending: true });
    await clock.run(60_000);
    assert(resolver.router(NEVER) === router, "nothing was heard of it, for nothing was asked");
    assertEquals([resolver.status().state, log.slice(before)], ["ready", []]);
    guest.sendError = undefined;
    lan.routers.length = 0;
    resolver.report(router, SILENT_YET, { isPending: true });
    await clock.run(600);
    assertEquals(resolver.status().state, "suspect");
  }));

test("createResolver.report does not wait for a router's word when another proves to be its successor", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    lan.add({ address: "10.1.1.1" });
    const router = await settle(scene);
    await clock.run(1_000);
    lan.routers.length = 0;
    lan.add({ address: "10.1.1.2" });
    resolver.report(router, SILENT_YET, { isPending: true });
    await clock.run(100);
    assertEquals([resolver.status().state, resolver.status().router?.address], ["ready", "10.1.1.2"]);
  }));

test("createResolver.report gives the router its time where another proves to have another identity", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    const own = lan.add({ address: "10.1.1.1" });
    const router = await settle(scene);
    own.delayMs = 500;
    lan.add({ address: "10.1.1.2", web: FOREIGN });
    const before = lan.seen.request;
    resolver.report(router, SILENT_YET, { isPending: true });
    await clock.run(499);
    assertEquals([resolver.status().router, lan.seen.request - before], [router, 1]);
    await clock.run(1);
    assert(resolver.router(NEVER) === router, "it said that it is there");
  }));

test("createResolver.report asks nobody for a proof once the router said that it is there", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    lan.add({ address: "10.1.1.1" });
    const router = await settle(scene);
    lan.add({ address: "10.1.1.2", delayMs: 3 });
    const before = lan.seen.request;
    resolver.report(router, SILENT_YET, { isPending: true });
    await clock.run(599);
    assertEquals([resolver.router(NEVER), lan.seen.request - before], [router, 0]);
  }));

test("createResolver.report leaves a router in force that is known to be slow, also while others are looked for", () =>
  play(async (scene) => {
    const { lan, resolver, clock, log } = scene;
    const own = lan.add({ address: "10.1.1.1" });
    const router = await settle(scene);
    own.delayMs = 500;
    lan.add({ address: "10.1.1.2", web: FOREIGN });
    resolver.report(router, SILENT_YET, { isPending: true });
    await clock.run(600);
    const before = lan.seen.request;
    await clock.run(100);
    assert(lan.seen.request > before, "the other may be its successor: a search is under way");
    resolver.report(router, SILENT_YET, { isPending: true });
    assertEquals([resolver.router(NEVER), log.filter((line) => line.includes("suspect"))], [router, []]);
  }));

test("createResolver.report asks a router whether it is there although the one before it was slow", () =>
  play(async (scene) => {
    const { lan, resolver, clock, log } = scene;
    lan.add({ address: "10.1.1.1" });
    const slow = await settle(scene);
    resolver.report(slow, SILENT_YET, { isPending: true });
    await clock.run(600);
    lan.routers.length = 0;
    const own = lan.add({ address: "10.1.1.2" });
    resolver.refresh();
    await clock.run(1_000);
    const router = resolver.status().router!;
    assertEquals(router.address, "10.1.1.2");
    resolver.report(router, SILENT_YET, { isPending: true });
    await clock.run(61_000);
    assertEquals(log.filter((line) => line.includes("slow")), [
      "info  the router is slow to answer address=10.1.1.1",
      "info  the router is slow to answer address=10.1.1.2",
    ]);
    own.dhcp = false;
    resolver.report(router, SILENT_YET, { isPending: true });
    await clock.run(600);
    assertEquals(resolver.status().state, "suspect");
  }));

/** Who answers in the place of a router that has fallen silent, and how many of them are asked for their proof. */
const OTHERS: readonly (readonly [what: string, servers: readonly string[], asked: number])[] = [
  ["one that names itself more than once", ["10.1.1.2", "10.1.1.2", "10.1.1.2"], 1],
  ["none that is refused", ["10.1.1.50", "10.2.2.2"], 0],
  ["four of many", Array.from({ length: 20 }, (_, index) => `10.1.1.${100 + index}`), 4],
];
for (const [what, servers, asked] of OTHERS) {
  test(`createResolver.report asks for its proof while a router is silent ${what}`, () =>
    play(async (scene) => {
      const { lan, resolver, clock } = scene;
      const old = lan.add({ address: "10.1.1.1" });
      const router = await settle(scene);
      old.dhcp = false;
      for (const [index, serverId] of servers.entries()) {
        lan.add({ address: `10.1.1.${200 + index}`, serverId, web: "hangs" });
      }
      const before = lan.seen.request;
      resolver.report(router, SILENT_YET, { isPending: true });
      await clock.run(500);
      assertEquals([resolver.status().state, lan.seen.request - before], ["ready", asked]);
    }, { config: { confirmIntervalMs: 0, allowServer: [parseCidr("10.1.1.0/24")!] } }));
}
