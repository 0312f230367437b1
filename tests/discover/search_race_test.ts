import { assert, assertEquals } from "@std/assert";
import type { Router } from "../../lib/discover/router.ts";
import { LEASE_SOURCES } from "../../lib/discover/sources/lease_sources.ts";
import { test } from "../support/test.ts";
import { interfaceAt, linkAt } from "../support/fakes/lan.ts";
import { createCountedSignal } from "../support/fakes/counted_signal.ts";
import { ROUTER } from "../support/fakes/router.ts";
import { createScene, search, verdicts } from "./search_scene.ts";

test("startSearch prefers an on-link router to an off-link one that is validated a moment earlier", async () => {
  const scene = createScene({ dataServer: "192.0.2.1", routes: [{ gateway: "10.1.1.1", dev: "eth0" }] });
  scene.lan.add({ address: "192.0.2.1", dhcp: false, delayMs: 5 });
  scene.lan.add({ address: "10.1.1.1", dhcp: false, delayMs: 50 });
  const report = await search(scene);
  assertEquals(verdicts(report), { "dns 192.0.2.1": "outranked", "gateway 10.1.1.1": "router" });
});

test("startSearch does not wait for a better router that hangs", async () => {
  const scene = createScene({ dataServer: "192.0.2.1", routes: [{ gateway: "10.1.1.1", dev: "eth0" }] });
  scene.lan.add({ address: "192.0.2.1", dhcp: false });
  scene.lan.add({ address: "10.1.1.1", dhcp: false, web: "hangs" });
  const report = await search(scene);
  assertEquals(report.router?.address, "192.0.2.1");
  assert(report.elapsedMs < 500, `${report.elapsedMs} ms`);
});

test("startSearch validates an address once however many sources name it", async () => {
  const scene = createScene({ dataServer: "10.1.1.1", routes: [{ gateway: "10.1.1.1", dev: "eth0" }] });
  scene.lan.add({ address: "10.1.1.1", dhcp: false, delayMs: 40 });
  const report = await search(scene);
  assertEquals(scene.lan.seen.request, 1);
  assertEquals(verdicts(report), { "dns 10.1.1.1": "router", "gateway 10.1.1.1": "router" });
  assertEquals(report.router?.source, "dns");
});

test("startSearch validates a router that was good a moment ago before anything else", async () => {
  const scene = createScene();
  scene.lan.add({ address: "10.1.1.1", dhcp: false });
  const known: Router = { ...ROUTER, source: "gateway" };
  const report = await search(scene, {}, { known });
  assertEquals([report.router?.source, report.router?.iface], ["gateway", "eth0"]);
  assert(report.router !== known, "it is a new router");
  assert(report.elapsedMs < 20, `${report.elapsedMs} ms`);
});

test("startSearch names no interface of a known router that has had another since", async () => {
  const scene = createScene();
  scene.lan.add({ address: "10.1.1.1", dhcp: false });
  const report = await search(scene, {}, { known: { ...ROUTER, iface: "eth0.5" } });
  assertEquals([report.router?.address, report.router?.iface], ["10.1.1.1", undefined]);
});

test("startSearch validates a known router again as soon as a source names it", async () => {
  const scene = createScene();
  const router = scene.lan.add({ address: "10.1.1.1", dhcp: false, web: "hangs" });
  scene.clock.schedule(350, () => Object.assign(router, { dhcp: true, web: { status: 200, body: "i-2-50-VM" } }));
  const report = await search(scene, {}, { known: ROUTER });
  assert(report.router !== undefined);
  assert(report.elapsedMs < 600, `${report.elapsedMs} ms`);
});

test("startSearch asks a router that was good a moment ago by its address too", async () => {
  const scene = createScene();
  scene.lan.add({ address: "10.1.1.1", web: "refuses", serverId: "10.1.1.2" });
  scene.lan.add({ address: "10.1.1.2", dhcp: false });
  const report = await search(scene, {}, { known: ROUTER });
  assertEquals(report.router?.address, "10.1.1.2");
  assertEquals(scene.lan.seen.inform, 2);
});

const TWO_ROUTERS = {
  interfaces: [interfaceAt("10.1.1.50"), interfaceAt("10.2.2.50", { name: "eth1", mac: "02:00:4c:9f:00:0b" })],
  links: [linkAt(2, "eth0"), linkAt(3, "eth1")],
  files: {
    "/run/systemd/netif/leases/2": "SERVER_ADDRESS=10.1.1.1\n",
    "/run/systemd/netif/leases/3": "SERVER_ADDRESS=10.2.2.1\n",
  },
};

test("startSearch prefers the router of the best interface, even if another's answers first", async () => {
  for (const [dev, expected] of [["eth0", "10.1.1.1"], ["eth1", "10.2.2.1"]] as const) {
    const scene = createScene({ ...TWO_ROUTERS, routes: [{ gateway: "192.0.2.1", dev }] });
    scene.lan.add({ address: "10.1.1.1", dhcp: false, delayMs: dev === "eth0" ? 60 : 1 });
    scene.lan.add({ address: "10.2.2.1", dhcp: false, delayMs: dev === "eth1" ? 60 : 1 });
    const report = await search(scene, { iname: "auto", sources: ["networkd"] });
    assertEquals(report.router?.address, expected);
  }
});

test("startSearch gives the best interface's router a moment to be named at all", async () => {
  const scene = createScene({ ...TWO_ROUTERS, routes: [{ gateway: "192.0.2.1", dev: "eth0" }] });
  delete scene.guest.files["/run/systemd/netif/leases/2"];
  scene.lan.add({ address: "10.1.1.7", serverId: "10.1.1.1", web: "refuses", delayMs: 400 });
  scene.lan.add({ address: "10.1.1.1", dhcp: false });
  scene.lan.add({ address: "10.2.2.1", dhcp: false });
  const report = await search(scene, { iname: "auto", sources: ["networkd", "dhcp"] });
  assertEquals(report.router?.address, "10.1.1.1");
});

test("startSearch takes the other interface's router when the best one has none", async () => {
  const scene = createScene({ ...TWO_ROUTERS, routes: [{ gateway: "192.0.2.1", dev: "eth0" }] });
  scene.lan.add({ address: "10.2.2.1", dhcp: false });
  const report = await search(scene, { iname: "auto", sources: ["networkd"] });
  assertEquals(report.router?.address, "10.2.2.1");
  assert(report.elapsedMs < 400, `${report.elapsedMs} ms`);
});

test("startSearch asks every source at once and hears them out when it is to be thorough", async () => {
  const scene = createScene({ dataServer: "10.1.1.2", routes: [{ gateway: "10.1.1.254", dev: "eth0" }] });
  scene.lan.add({ address: "10.1.1.1" });
  scene.lan.add({ address: "10.1.1.2", dhcp: false });
  scene.lan.add({ address: "10.1.1.254", dhcp: false, web: "refuses" });
  const report = await search(scene, {}, { isThorough: true });
  assertEquals(verdicts(report), {
    "dhcp 10.1.1.1": "router",
    "dns 10.1.1.2": "outranked",
    "gateway 10.1.1.254": "invalid",
  });
  assertEquals(report.sources.map(({ outcome }) => outcome), [
    "found",
    ...Object.keys(LEASE_SOURCES).map(() => "silent"),
    "found",
    "rejected",
  ]);
});

test("startSearch considers no more candidates than a network can have", async () => {
  const scene = createScene();
  for (let host = 100; host < 200; host++) scene.lan.add({ address: `10.1.1.${host}`, web: "refuses" });
  const report = await search(scene, { sources: ["dhcp"] });
  assertEquals(report.candidates.length, 16);
});

test("startSearch gives a router a second to come before a drive serves, unless the drive is named first", async () => {
  for (const [sources, ms] of [[["dhcp", "config_drive"], 1_002], [["config_drive", "dhcp"], 75]] as const) {
    const scene = createScene({ drive: { isPresent: () => true, problem: () => undefined } });
    scene.lan.add({ address: "config-drive", dhcp: false });
    const report = await search(scene, { sources });
    assertEquals([report.router?.source, report.elapsedMs], ["config_drive", ms]);
  }
});

test("startSearch keeps a start open for 75 ms where another may be better, and asks for gateways once", async () => {
  for (const others of [0, 2]) {
    const scene = createScene();
    const certain: string[] = [];
    scene.lan.add({ address: "10.1.1.1", delayMs: 20 });
    for (let host = 0; host < others; host++) scene.lan.add({ address: `10.1.1.7${host}`, delayMs: 20 });
    const report = await search(scene, {}, { onCertain: ({ address }) => certain.push(address) });
    assertEquals([report.router?.address, report.elapsedMs], ["10.1.1.1", 95]);
    assertEquals([scene.commands.length, certain], [1, []]);
  }
});

test("startSearch tells of one that nobody can outrank as soon as it is proven, and hears the others out", async () => {
  for (
    const [certain, ms, config] of [
      ["10.1.1.9", 40, {}],
      ["192.0.2.1", 1, { server: "192.0.2.1" }],
    ] as const
  ) {
    const scene = createScene({ routes: [{ gateway: "10.1.1.9", dev: "eth0" }] });
    scene.lan.add({ address: "192.0.2.1", dhcp: false, delayMs: 1 });
    scene.lan.add({ address: "10.1.1.9", delayMs: 20 });
    scene.lan.add({ address: "10.1.1.1", delayMs: 60 });
    const told: Router[] = [];
    const report = await search(scene, config, { onCertain: (router) => told.push(router) });
    assertEquals(told.map(({ address, elapsedMs }) => [address, elapsedMs]), [[certain, ms]]);
    assert(report.router === told[0], "it is the one that was told of");
    assertEquals(verdicts(report)["dhcp 10.1.1.1"], "outranked");
  }
});

test("startSearch is certain of nobody while the gateways cannot be learned", async () => {
  const scene = createScene({ routes: [{ gateway: "10.1.1.1", dev: "eth0" }] });
  Object.assign(scene.guest.host, { runIp: () => Promise.reject(new Error("there is no ip")) });
  scene.lan.add({ address: "10.1.1.1", delayMs: 20 });
  const report = await search(scene, {}, { onCertain: () => assert(false, "nobody is certain") });
  assertEquals([report.router?.address, report.elapsedMs], ["10.1.1.1", 95]);
});

test("startSearch asks the other sources as soon as those have answered that go first, or after 300 ms", async () => {
  for (const [sources, ms] of [[["config_drive", "dns"], 75], [["dhcp", "dns"], 375]] as const) {
    const scene = createScene({ dataServer: "10.1.1.1" });
    scene.lan.add({ address: "10.1.1.1", dhcp: false });
    assertEquals((await search(scene, { sources })).elapsedMs, ms);
  }
});

test("startSearch holds a start open for 175 ms while a better one has not answered", async () => {
  const scene = createScene({ dataServer: "192.0.2.1", routes: [{ gateway: "10.1.1.1", dev: "eth0" }] });
  scene.lan.add({ address: "192.0.2.1", dhcp: false });
  scene.lan.add({ address: "10.1.1.1", dhcp: false, web: "hangs" });
  const report = await search(scene, { sources: ["dns", "gateway"] });
  assertEquals([report.router?.address, report.elapsedMs], ["192.0.2.1", 175]);
});

test("startSearch takes the known router back at once, but looks around for 300 ms if nobody doubts it", async () => {
  for (const [isRefresh, ms] of [[false, 2], [true, 302]] as const) {
    const scene = createScene();
    scene.lan.add({ address: "10.1.1.1", dhcp: false });
    const report = await search(scene, {}, { known: ROUTER, isRefresh });
    assertEquals([report.router?.address, report.elapsedMs], ["10.1.1.1", ms]);
  }
});

test("startSearch gives one that is better than the first to answer 100 ms where a router was known", async () => {
  for (const [delayMs, expected] of [[90, "10.1.1.1"], [150, "10.1.1.9"]] as const) {
    const files = { "/run/systemd/netif/leases/2": "SERVER_ADDRESS=10.1.1.1\n" };
    const scene = createScene({ dataServer: "10.1.1.9", files });
    scene.lan.add({ address: "10.1.1.9", dhcp: false });
    scene.lan.add({ address: "10.1.1.1", dhcp: false, delayMs });
    const known = { ...ROUTER, address: "10.1.1.254" };
    const report = await search(scene, { sources: ["networkd", "dns"] }, { known });
    assertEquals(report.router?.address, expected);
  }
});

test("startSearch leaves nothing on the signal that ends it, and ends with it", async () => {
  for (const abortAfterMs of [undefined, 0, 3_000]) {
    const scene = createScene();
    const patience = createCountedSignal();
    if (abortAfterMs === undefined) scene.lan.add({ address: "10.1.1.1" });
    else scene.clock.schedule(abortAfterMs, patience.abort);
    const report = await search(scene, {}, { signal: patience.signal });
    assertEquals([report.router === undefined, patience.listeners], [abortAfterMs !== undefined, 0]);
    if (abortAfterMs !== undefined) assertEquals(report.elapsedMs, abortAfterMs);
  }
});

test("startSearch takes one of another identity only where it may, and after all the time there is", async () => {
  for (
    const [mayChange, endAfterMs, expected] of [[true, Infinity, "i-2-50-VM"], [true, 9_000, undefined], [
      false,
      Infinity,
      undefined,
    ]] as const
  ) {
    const scene = createScene();
    scene.lan.add({ address: "10.1.1.1" });
    const over = new AbortController();
    scene.clock.schedule(endAfterMs, () => over.abort());
    const options = { identity: { id: "i-1", mayChange }, signal: over.signal };
    const report = await search(scene, {}, {
      ...options,
      onStart: (begun) => scene.clock.schedule(8_000, () => assertEquals(begun.report().router, undefined)),
    });
    assertEquals(report.router?.identity, expected);
  }
});
