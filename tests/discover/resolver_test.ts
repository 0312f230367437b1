import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { DiscoveryError } from "../../lib/discover/errors.ts";
import { test } from "../support/test.ts";
import type { Router } from "../../lib/discover/router.ts";
import { NEVER, play, settle, SILENT_YET, timeRouter } from "./resolver_scene.ts";
import type { Scene } from "./resolver_scene.ts";

test("createResolver finds the router when started, and gives it at once from then on", () =>
  play(async (scene) => {
    const { lan, resolver, log } = scene;
    lan.add({ address: "10.1.1.1" });
    assertEquals(resolver.status().state, "searching");
    const router = await settle(scene);
    assertEquals(router.address, "10.1.1.1");
    assertEquals(resolver.status().state, "ready");
    assert(resolver.router(NEVER) === router, "no promise, the same object");
    assertEquals(lan.seen, { inform: 1, discover: 1, request: 1 });
    assertEquals(log.length, 1);
    assert(log[0]!.startsWith("info  found the router address=10.1.1.1 source=dhcp iface=eth0"), log[0]);
  }));

test("createResolver searches once however many callers wait", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    lan.add({ address: "10.1.1.1" });
    resolver.start();
    const waiting = Promise.all(Array.from({ length: 100 }, () => resolver.router(NEVER)));
    await clock.run(1_000);
    assertEquals(new Set(await waiting).size, 1);
    assertEquals(lan.seen, { inform: 1, discover: 1, request: 1 });
  }));

test("createResolver.router waits across searches, and finds a router within two seconds of its coming", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    resolver.start();
    for (const absentMs of [100, 5_000, 9_900, 10_400, 47_000, 300_000]) {
      const before = resolver.status().router;
      const begin = clock.now();
      clock.schedule(absentMs, () => lan.add({ address: "10.1.1.1" }));
      const { router } = await timeRouter(scene, absentMs + 3_000);
      const lateMs = clock.now() - begin - absentMs;
      assert(lateMs < 2_600, `found ${lateMs} ms after it came`);
      assert(router !== before);
      lan.routers.length = 0;
      resolver.report(router, new Error("refused"));
      await clock.run(60_000);
    }
  }));

test("createResolver.router rejects when its signal aborts, with what the sources said", () =>
  play(async ({ resolver, clock }) => {
    resolver.start();
    const deadline = new AbortController();
    const refused = assertRejects(() => Promise.resolve(resolver.router(deadline.signal)), DiscoveryError);
    clock.schedule(15_000, () => deadline.abort("enough"));
    await clock.run(20_000);
    const { cause, message } = await refused;
    assertEquals(cause, "enough");
    assertMatch(message, /^dhcp: no DHCP server answered on eth0 /);
    await assertRejects(() => Promise.resolve(resolver.router(AbortSignal.abort())), DiscoveryError);
  }));

test("createResolver.router rejects without what the sources said in an outage before", () =>
  play(async (scene) => {
    const { lan, guest, resolver, clock } = scene;
    resolver.start();
    await clock.run(20_000);
    assertMatch(resolver.status().lastFailure!.message, /; networkd: a sick disk$/);
    guest.files = {};
    lan.add({ address: "10.1.1.1" });
    const { router } = await timeRouter(scene);
    await clock.run(5_000);
    lan.routers.length = 0;
    resolver.report(router, new Error("refused"));
    const patience = new AbortController();
    const refused = assertRejects(() => Promise.resolve(resolver.router(patience.signal)), DiscoveryError);
    await clock.run(10);
    patience.abort();
    assertEquals((await refused).message, "dhcp: 10.1.1.1 does not answer");
  }, {
    config: { sources: ["dhcp", "networkd"] },
    guest: { files: { "/run/systemd/netif/leases/": new Error("a sick disk") } },
  }));

test("createResolver.close sends those away who wait", () =>
  play(async ({ resolver, clock }) => {
    resolver.start();
    const waiting = assertRejects(() => Promise.resolve(resolver.router(NEVER)), DiscoveryError);
    await clock.run(100);
    const closed = resolver.close();
    await clock.run(0);
    await Promise.all([waiting, closed]);
  }));

test("createResolver.report makes the router suspect, and serves it again once it proves itself", () =>
  play(async (scene) => {
    const { lan, resolver, log } = scene;
    lan.add({ address: "10.1.1.1" });
    const router = await settle(scene);
    resolver.report(router, new Error("connection reset"));
    assertEquals(resolver.status().state, "suspect");
    assert(resolver.status().router === router);
    const { ms, router: again } = await timeRouter(scene);
    assert(ms < 600, `${ms} ms`);
    assertEquals(again.address, "10.1.1.1");
    assert(again !== router, "a new object for a new validation");
    assertEquals(log.slice(1).map((line) => line.split(" address=")[0]), [
      "warn  the router is suspect reason=unexpected",
      "info  the router is back",
    ]);
  }));

test("createResolver.report ignores a router that is no longer in force", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    lan.add({ address: "10.1.1.1" });
    const router = await settle(scene);
    resolver.report(router, new Error("reset"));
    await clock.run(1_000);
    resolver.report(router, new Error("reset, said later"));
    assertEquals(resolver.status().state, "ready");
  }));

for (const old of ["gone", "refuses", "hangs"] as const) {
  test(`createResolver follows a router to its new address within a second when the old one ${old}`, () =>
    play(async (scene) => {
      const { lan, resolver, log } = scene;
      const first = lan.add({ address: "10.1.1.1" });
      const router = await settle(scene);
      if (old === "gone") lan.routers.length = 0;
      else Object.assign(first, { web: old, dhcp: false });
      lan.add({ address: "10.1.1.2" });
      resolver.report(router, new Error(old));
      const { ms, router: moved } = await timeRouter(scene);
      assertEquals(moved.address, "10.1.1.2");
      assert(ms < 700, `${ms} ms`);
      assert(log.some((line) => line.startsWith("warn  the router moved address=10.1.1.2")), log.join("\n"));
    }));
}

test("createResolver knows the router again before anyone asks, after an outage nobody noticed", () =>
  play(async (scene) => {
    const { lan, resolver, clock, log } = scene;
    const router = lan.add({ address: "10.1.1.1" });
    resolver.report(await settle(scene), new Error("refused"));
    Object.assign(router, { web: "refuses", dhcp: false });
    await clock.run(600_000);
    assertEquals(resolver.status().state, "suspect");
    assertEquals(log.filter((line) => line.startsWith("warn  no router found")).length, 1, "said once");
    Object.assign(router, { web: { status: 200, body: "i-2-50-VM" }, dhcp: true });
    await clock.run(40_000);
    assertEquals(resolver.status().state, "ready");
  }));

test("createResolver searches ever more rarely while nobody waits", () =>
  play(async ({ lan, resolver, clock }) => {
    resolver.start();
    await clock.run(600_000);
    const before = lan.seen.discover;
    await clock.run(600_000);
    const packets = lan.seen.discover - before;
    assert(packets >= 25 && packets <= 50, `${packets} in ten minutes`);
  }));

test("createResolver finds by itself, while nobody waits, a router that takes longer than a short search", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    const router = lan.add({ address: "10.1.1.1" });
    const found = await settle(scene);
    const { web } = router;
    Object.assign(router, { web: "refuses", dhcp: false });
    resolver.report(found, new Error("refused"));
    await clock.run(60_000);
    assertEquals(resolver.status().state, "suspect");
    Object.assign(router, { web, delayMs: 4_000 });
    await clock.run(60_000);
    assertEquals(resolver.status().state, "ready");
  }));

test("createResolver spends no search on each request when a router fails them all", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    lan.add({ address: "10.1.1.1" });
    await settle(scene);
    const before = lan.seen.request;
    const begin = clock.now();
    let requests = 0;
    for (; clock.now() < begin + 10_000; requests++) {
      resolver.report((await timeRouter(scene)).router, new Error("503"));
    }
    const searches = lan.seen.request - before;
    assert(searches <= 21, `${searches} validations for ${requests} requests in ten seconds`);
  }));

test("createResolver tells its listeners of each change", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    const heard: string[] = [];
    resolver.onChange(() => {
      const { state, router, lastFailure } = resolver.status();
      heard.push([state, router?.address ?? "-", lastFailure === undefined ? "-" : "failed"].join(" "));
    });
    resolver.start();
    await clock.run(12_000);
    lan.add({ address: "10.1.1.1" });
    await clock.run(8_000);
    resolver.report(resolver.status().router!, new Error("reset"));
    await clock.run(1_000);
    assertEquals(heard, [
      "searching - failed",
      "ready 10.1.1.1 failed",
      "suspect 10.1.1.1 failed",
      "ready 10.1.1.1 failed",
    ]);
  }));

test("createResolver logs a server it ignores by its address, and each trouble once", () =>
  play(async (scene) => {
    const { lan, resolver, clock, log } = scene;
    lan.add({ address: "10.1.1.66", delayMs: 0, web: "refuses" });
    lan.add({ address: "10.1.1.1", delayMs: 10 });
    await settle(scene);
    for (let again = 0; again < 3; again++) {
      resolver.refresh();
      await clock.run(2_000);
    }
    assertEquals(log.filter((line) => line.includes("address=10.1.1.66")), [
      "info  ignoring a candidate address=10.1.1.66 source=dhcp " +
      'reason="10.1.1.66 serves no metadata: The server refused the connection"',
    ]);
    assertEquals(log.filter((line) => line.includes("port 68")).length, 1);
  }, { guest: { port68: Object.assign(new Error("Address already in use"), { name: "AddrInUse" }) } }));

test("createResolver says once that another interface stands in", () =>
  play(async (scene) => {
    const { lan, resolver, clock, log } = scene;
    lan.add({ address: "10.1.1.1" });
    await settle(scene);
    resolver.refresh();
    await clock.run(2_000);
    assertEquals(log.filter((line) => line.startsWith("warn")), [
      `warn  using another interface iname=ens3 using=eth0 reason="ens3 does not exist: searching on eth0, which has the default route"`,
    ]);
  }, { config: { iname: "ens3" }, guest: { routes: [{ gateway: "10.1.1.1", dev: "eth0" }] } }));

test("createResolver recovers by itself when the network starts late", () =>
  play(async (scene) => {
    const { lan, guest, resolver, clock } = scene;
    const { interfaces } = guest;
    guest.interfaces = [];
    lan.add({ address: "10.1.1.1" });
    resolver.start();
    await clock.run(30_000);
    assertEquals(resolver.status().state, "searching");
    assert(resolver.status().lastFailure?.message.includes("eth0 has no IPv4 address"));
    guest.interfaces = interfaces;
    const { ms } = await timeRouter(scene);
    assert(ms < 2_000, `${ms} ms`);
  }));

test("createResolver ends a long search soon after the last one who waited has left", () =>
  play(async ({ lan, resolver, clock }) => {
    resolver.start();
    await clock.run(30_000);
    const patience = new AbortController();
    const waiting = assertRejects(() => Promise.resolve(resolver.router(patience.signal)), DiscoveryError);
    await clock.run(1_000);
    patience.abort();
    await waiting;
    const before = lan.seen.inform + lan.seen.discover;
    await clock.run(10_000);
    const packets = lan.seen.inform + lan.seen.discover - before;
    assert(packets <= 7, `${packets} in ten seconds`);
  }));

test("createResolver counts what it does", () =>
  play(async (scene) => {
    scene.lan.add({ address: "10.1.1.1" });
    await settle(scene);
    const text = scene.metrics.render();
    assert(text.includes('mdproxy4cs_discovery_attempts_total{source="dhcp",outcome="found"} 1'), text);
    assert(text.includes('mdproxy4cs_discovery_seconds_count{outcome="found"} 1'), text);
  }));

/** When each search failed, from now on, by the clock. */
function listenForFailures({ resolver, clock }: Scene): number[] {
  const begin = clock.now();
  const failures: number[] = [];
  resolver.onChange(() => void failures.push(clock.now() - begin));
  return failures;
}

test("createResolver rests for about eight seconds at most in the first two minutes of an outage", () =>
  play(async (scene) => {
    const failures = listenForFailures(scene);
    scene.resolver.start();
    await scene.clock.run(120_000);
    const pauses = failures.slice(1).map((at, index) => at - failures[index]!);
    assert(Math.max(...pauses) <= 8_000 * 1.25 + 2_500, `${Math.max(...pauses)} ms`);
    assertEquals(failures[0], 10_000, "the first one takes its time");
  }));

test("createResolver asks more often while an outage is fresh", () =>
  play(async ({ lan, resolver, clock }) => {
    lan.add({ address: "10.1.1.1" });
    resolver.start();
    await clock.run(60_000);
    lan.routers.length = 0;
    const count = async () => {
      const before = lan.seen.inform + lan.seen.discover;
      await clock.run(10_000);
      return lan.seen.inform + lan.seen.discover - before;
    };
    resolver.report(resolver.status().router!, new Error("refused"));
    const fresh = await count();
    await clock.run(50_000);
    const patience = new AbortController();
    const waiting = assertRejects(() => Promise.resolve(resolver.router(patience.signal)));
    const late = await count();
    patience.abort();
    await waiting;
    assert(fresh >= 15 && late <= 12, `${fresh} packets in ten seconds, and later ${late}`);
  }));

for (const [leavesAfterMs, endsAfterMs] of [[1_000, 3_500], [4_000, 6_500], [undefined, 10_000]] as const) {
  test(`createResolver ends a search after ${endsAfterMs} ms whose last caller left after ${leavesAfterMs ?? "more"}`, () =>
    play(async (scene) => {
      const { resolver, clock } = scene;
      resolver.start();
      await clock.run(60_000);
      const failures = listenForFailures(scene);
      const patience = [new AbortController(), new AbortController()];
      const waiting = patience.map(({ signal }) => assertRejects(() => Promise.resolve(resolver.router(signal))));
      clock.schedule(500, () => patience[0]!.abort());
      clock.schedule(leavesAfterMs ?? 11_000, () => patience[1]!.abort());
      await clock.run(12_000);
      await Promise.all(waiting);
      assertEquals(failures[0], endsAfterMs);
    }));
}

test("createResolver gives the first search all its time, whoever leaves", () =>
  play(async (scene) => {
    const { resolver, clock } = scene;
    const failures = listenForFailures(scene);
    resolver.start();
    const patience = new AbortController();
    const waiting = assertRejects(() => Promise.resolve(resolver.router(patience.signal)));
    clock.schedule(100, () => patience.abort());
    await clock.run(10_000);
    await waiting;
    assertEquals(failures, [10_000]);
  }));

test("createResolver.prospect is whoever keeps a search waiting, while no router is trusted", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    const router = lan.add({ address: "10.1.1.1" });
    const first = await settle(scene);
    assertEquals(resolver.prospect(), undefined);
    router.delayMs = 3_000;
    resolver.report(first, new Error("reset"));
    assertEquals(resolver.prospect(), undefined);
    await clock.run(2_000);
    assertEquals(resolver.prospect(), { address: "10.1.1.1" });
    await clock.run(4_000);
    assertEquals([resolver.status().state, resolver.prospect()], ["ready", undefined]);
    resolver.refresh();
    await clock.run(2_000);
    assertEquals(resolver.prospect(), undefined, "a refresh has a router that is trusted");
    await clock.run(8_000);
  }));

test("createResolver asks a prospect for its proof again when it answers something else", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    const router = lan.add({ address: "10.1.1.1", web: "hangs" });
    resolver.start();
    await clock.run(2_000);
    const before = lan.seen.request;
    router.web = { status: 200, body: "i-1" };
    const prospect = { address: "10.1.1.1" } as Router;
    resolver.observe(prospect, { target: "/latest/user-data", status: 200 });
    await clock.run(100);
    assertEquals([lan.seen.request - before, resolver.status().state], [1, "ready"]);
  }));

test("createResolver tells for how long there was no router", () =>
  play(async (scene) => {
    const { lan, resolver, clock, log } = scene;
    const router = lan.add({ address: "10.1.1.1" });
    resolver.report(await settle(scene), new Error("refused"));
    await clock.run(20);
    assertEquals(/outageMs=(\d+)/.exec(log.at(-1)!)?.[1], "2");
    Object.assign(router, { web: "hangs", dhcp: false });
    resolver.report(resolver.status().router!, SILENT_YET);
    await clock.run(5_000);
    resolver.observe(resolver.status().router!, { target: "/latest/vm-id", status: 200 });
    assertEquals(log.at(-1), "info  the router is back address=10.1.1.1 outageMs=5000");
  }));

test("createResolver.close says nothing of a router that is being asked whether it is there", () =>
  play(async (scene) => {
    const { lan, resolver, clock, log } = scene;
    lan.add({ address: "10.1.1.1" });
    const router = await settle(scene);
    lan.routers.length = 0;
    resolver.report(router, SILENT_YET, { isPending: true });
    await clock.run(100);
    const closed = resolver.close();
    await clock.run(0);
    await closed;
    assertEquals(log.length, 1);
  }));
