import { assert, assertEquals, assertRejects } from "@std/assert";
import type { DiscoveryConfig } from "../../lib/config/config.ts";
import { DiscoveryError } from "../../lib/discover/errors.ts";
import { createResolver } from "../../lib/discover/resolver.ts";
import type { Resolver, Router } from "../../lib/discover/router.ts";
import { UpstreamError } from "../../lib/http1/error.ts";
import { createLog } from "../../lib/telemetry/log.ts";
import { createRegistry } from "../../lib/telemetry/metrics.ts";
import type { Registry } from "../../lib/telemetry/metrics.ts";
import { test } from "../support/test.ts";
import { discoveryConfig } from "../support/fakes/config.ts";
import { createLan, interfaceAt } from "../support/fakes/lan.ts";
import type { Guest, GuestOptions, Lan } from "../support/fakes/lan.ts";
import { createVirtualClock } from "../support/fakes/virtual_clock.ts";
import type { VirtualClock } from "../support/fakes/virtual_clock.ts";

const NEVER = new AbortController().signal;

interface Scene {
  readonly clock: VirtualClock;
  readonly lan: Lan;
  readonly guest: Guest;
  readonly resolver: Resolver;
  readonly metrics: Registry;
  readonly log: string[];
  /** What was written to the memory. */
  readonly written: readonly string[];
}

/** Plays a scene with a resolver that is not started yet, and closes it. */
async function play(
  act: (scene: Scene) => Promise<void>,
  { config = {}, guest: guestOptions = {}, memory }: {
    readonly config?: Partial<DiscoveryConfig>;
    readonly guest?: Partial<GuestOptions>;
    /** What is remembered of an earlier run. */
    readonly memory?: string;
  } = {},
): Promise<void> {
  const clock = createVirtualClock();
  const lan = createLan(clock);
  const guest = lan.createGuest(guestOptions);
  const metrics = createRegistry();
  const lines: string[] = [];
  const written: string[] = [];
  const log = createLog((line) => lines.push(line.slice(25).trimEnd()), {
    level: "debug",
    format: "text",
    now: () => 0,
  });
  const resolver = createResolver(discoveryConfig(config), {
    log,
    metrics,
    client: lan.client,
    clock,
    host: guest.host,
    memory: { read: () => memory, write: (text) => void written.push(text) },
  });
  try {
    await act({ clock, lan, guest, resolver, metrics, log: lines, written });
  } finally {
    const closed = resolver.close();
    await clock.run(0);
    await closed;
  }
  assertEquals(guest.sockets.size, 0, "no socket is left open");
}

/** Starts the resolver and lets it find the router. */
async function settle({ resolver, clock }: Scene): Promise<Router> {
  resolver.start();
  await clock.run(1_000);
  return resolver.status().router!;
}

/** How long a caller waits for a router from now on, by the clock. */
async function timeRouter({ resolver, clock }: Scene, patienceMs = 60_000): Promise<{ ms: number; router: Router }> {
  const begin = clock.now();
  let result: { ms: number; router: Router } | undefined;
  Promise.resolve(resolver.router(NEVER)).then((router) => result = { ms: clock.now() - begin, router });
  for (let waited = 0; result === undefined && waited < patienceMs; waited += 10) await clock.run(10);
  assert(result !== undefined, "a router was found");
  return result;
}

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

test("createResolver.router rejects when its signal aborts, with one cause for each source", () =>
  play(async ({ resolver, clock }) => {
    resolver.start();
    const deadline = new AbortController();
    const refused = assertRejects(() => Promise.resolve(resolver.router(deadline.signal)), DiscoveryError);
    clock.schedule(15_000, () => deadline.abort("enough"));
    await clock.run(20_000);
    const error = await refused;
    assertEquals(error.kind, "no_router");
    assertEquals(error.cause, "enough");
    assertEquals(error.causes.map(({ source, kind }) => `${source} ${kind}`).slice(0, 2), [
      "dhcp no_answer",
      "networkd silent",
    ]);
    await assertRejects(() => Promise.resolve(resolver.router(AbortSignal.abort())), DiscoveryError);
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
      "warn  the router is suspect",
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
    const { lan, resolver, clock } = scene;
    const old = lan.add({ address: "10.1.1.1" });
    await settle(scene);
    old.serverId = "10.1.1.2";
    lan.add({ address: "10.1.1.2", dhcp: false });
    await clock.run(3 * 60_000);
    assertEquals(resolver.status().router?.address, "10.1.1.2");
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

test("createResolver tells its listeners what changed", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    const heard: string[] = [];
    resolver.onChange(({ state, router, lastFailure }) =>
      heard.push([state, router?.address ?? "-", lastFailure === undefined ? "-" : "failed"].join(" "))
    );
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
      'reason="10.1.1.66 serves no metadata: The router refused the connection"',
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

const OWN = { status: 200, body: "i-2-50-VM" };
const FOREIGN = { status: 200, body: "i-6-66-VM" };
const SILENT_YET = new UpstreamError("response_timeout", "The router does not begin its answer");

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

test("createResolver.report searches for a router that keeps a request waiting and is not there", () =>
  play(async (scene) => {
    const { lan, resolver } = scene;
    lan.add({ address: "10.1.1.1" });
    const router = await settle(scene);
    lan.routers.length = 0;
    lan.add({ address: "10.1.1.2" });
    resolver.report(router, SILENT_YET, { isPending: true });
    const { ms, router: found } = await timeRouter(scene);
    assertEquals(found.address, "10.1.1.2");
    assert(ms < 1_000, `${ms} ms`);
  }));

test("createResolver.observe ends a suspicion that rests on silence, and no other", () =>
  play(async (scene) => {
    const { lan, resolver, clock } = scene;
    const router = lan.add({ address: "10.1.1.1" });
    const found = await settle(scene);
    Object.assign(router, { web: "hangs", dhcp: false });
    resolver.report(found, SILENT_YET);
    await clock.run(1_000);
    assertEquals(resolver.status().state, "suspect");
    resolver.observe(found, { target: "/latest/user-data", status: 200 });
    assertEquals(resolver.status().state, "ready");
    resolver.report(found, new UpstreamError("refused", "The router refused the connection"));
    resolver.observe(found, { target: "/latest/user-data", status: 200 });
    assertEquals(resolver.status().state, "suspect");
  }));

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

test("createResolver never trusts a router whose address has become the machine's own", () =>
  play(async (scene) => {
    const { lan, guest, resolver, clock } = scene;
    lan.add({ address: "10.1.1.1" });
    await settle(scene);
    guest.interfaces = [...guest.interfaces, interfaceAt("10.1.1.1", { name: "lo", netmask: "255.255.255.255" })];
    await clock.run(3 * 60_000);
    assertEquals(resolver.status().state, "suspect");
  }));

test("createResolver counts what it does", () =>
  play(async (scene) => {
    scene.lan.add({ address: "10.1.1.1" });
    await settle(scene);
    const text = scene.metrics.render();
    assert(text.includes('mdproxy4cs_discovery_attempts_total{source="dhcp",outcome="found"} 1'), text);
    assert(text.includes('mdproxy4cs_discovery_seconds_count{outcome="found"} 1'), text);
  }));
