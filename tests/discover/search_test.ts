import { assert, assertEquals } from "@std/assert";
import { parseCidr } from "../../lib/ipv4/ipv4.ts";
import type { DiscoveryConfig } from "../../lib/config/config.ts";
import type { SearchReport } from "../../lib/discover/report.ts";
import type { Router } from "../../lib/discover/router.ts";
import { startSearch } from "../../lib/discover/search.ts";
import { LEASE_SOURCES } from "../../lib/discover/sources/lease_sources.ts";
import { createValidate } from "../../lib/discover/validate.ts";
import { test } from "../support/test.ts";
import { discoveryConfig } from "../support/fakes/config.ts";
import { createLan, interfaceAt, linkAt } from "../support/fakes/lan.ts";
import type { Guest, GuestOptions, Lan } from "../support/fakes/lan.ts";
import { createVirtualClock } from "../support/fakes/virtual_clock.ts";
import type { VirtualClock } from "../support/fakes/virtual_clock.ts";

interface Scene {
  readonly clock: VirtualClock;
  readonly lan: Lan;
  readonly guest: Guest;
  readonly troubles: string[];
}

function createScene(options: Partial<GuestOptions> = {}): Scene {
  const clock = createVirtualClock();
  const lan = createLan(clock);
  return { clock, lan, guest: lan.createGuest(options), troubles: [] };
}

/** Searches until it is over, for twice the time it may take. */
async function search(
  { clock, lan, guest, troubles }: Scene,
  config: Partial<DiscoveryConfig> = {},
  options: { readonly known?: Router; readonly isThorough?: boolean } = {},
): Promise<SearchReport> {
  const full = discoveryConfig(config);
  const { done } = startSearch(full, {
    ...options,
    timeoutMs: full.timeoutMs,
    retryMs: 1_000,
    signal: new AbortController().signal,
    onTrouble: (source, error) => void troubles.push(`${source}: ${(error as Error).message}`),
    onSubstitute: (using) => void troubles.push(`substitute: ${using}`),
  }, { host: guest.host, clock, validate: createValidate(lan.client) });
  let report: SearchReport | undefined;
  done.then((it) => report = it);
  await clock.run(full.timeoutMs * 2);
  assert(report !== undefined, "the search is over in time");
  assertEquals(guest.sockets.size, 0, "no socket is left open");
  return report;
}

function verdicts({ candidates }: SearchReport): Record<string, string> {
  return Object.fromEntries(candidates.map(({ source, address, verdict }) => [`${source} ${address}`, verdict]));
}

test("startSearch finds the router by live DHCP before any other source is asked", async () => {
  const scene = createScene({ routes: [{ gateway: "10.1.1.254", dev: "eth0" }] });
  scene.lan.add({ address: "10.1.1.1" });
  const report = await search(scene);
  assertEquals(report.router?.address, "10.1.1.1");
  assertEquals(report.router?.source, "dhcp");
  assertEquals(report.router?.iface, "eth0");
  assertEquals(report.sources.map(({ source }) => source), ["dhcp"]);
  assertEquals(scene.lan.seen, { inform: 1, discover: 1, request: 1 });
  assert(report.elapsedMs < 80, `${report.elapsedMs} ms`);
});

const LONELY: readonly (readonly [source: string, guest: Partial<GuestOptions>, config?: Partial<DiscoveryConfig>])[] =
  [
    ["server", {}, { server: "10.1.1.1" }],
    ["networkd", { files: { "/run/systemd/netif/leases/2": "SERVER_ADDRESS=10.1.1.1\n" } }],
    ["dhclient", {
      files: {
        "/var/lib/dhcp/dhclient.leases": 'lease { interface "eth0"; option dhcp-server-identifier 10.1.1.1; }',
      },
    }],
    ["network_manager", {
      files: { "/run/NetworkManager/devices/2": "[dhcp4]\ndhcp4.dhcp_server_identifier=10.1.1.1\n" },
    }],
    ["dns", { dataServer: "10.1.1.1" }],
    ["gateway", { routes: [{ gateway: "10.1.1.1", dev: "eth0" }] }],
  ];
for (const [source, guest, config] of LONELY) {
  test(`startSearch finds the router through ${source} alone when DHCP is silent`, async () => {
    const scene = createScene(guest);
    scene.lan.add({ address: "10.1.1.1", dhcp: false });
    const report = await search(scene, config);
    assertEquals([report.router?.address, report.router?.source], ["10.1.1.1", source]);
    assert(report.elapsedMs < 400, `${report.elapsedMs} ms`);
  });
}

test("startSearch trusts no DHCP server that serves no metadata, however fast it answers", async () => {
  const scene = createScene();
  scene.lan.add({ address: "10.1.1.66", delayMs: 0, web: "refuses" });
  scene.lan.add({ address: "10.1.1.67", delayMs: 0, web: { status: 404, body: "no" } });
  scene.lan.add({ address: "10.1.1.68", delayMs: 0, web: { status: 200, body: "" } });
  scene.lan.add({ address: "10.1.1.69", delayMs: 0, web: { status: 200, body: "<html>welcome" } });
  scene.lan.add({ address: "10.1.1.1", delayMs: 20 });
  const report = await search(scene);
  assertEquals(verdicts(report), {
    "dhcp 10.1.1.66": "invalid",
    "dhcp 10.1.1.67": "invalid",
    "dhcp 10.1.1.68": "invalid",
    "dhcp 10.1.1.69": "invalid",
    "dhcp 10.1.1.1": "router",
  });
  assertEquals(report.candidates.map(({ cause }) => cause?.kind), [
    "refused",
    "unknown_guest",
    "empty",
    "not_metadata",
    undefined,
  ]);
});

test("startSearch never contacts a server outside of --allow-server, whichever source names it", async () => {
  const scene = createScene({ dataServer: "10.9.9.9", routes: [{ gateway: "10.9.9.9", dev: "eth0" }] });
  scene.lan.add({ address: "10.9.9.9" });
  const report = await search(scene, { allowServer: [parseCidr("10.1.1.0/24")!] });
  assertEquals(report.router, undefined);
  assertEquals(new Set(Object.values(verdicts(report))), new Set(["refused"]));
  assertEquals(scene.lan.seen.request, 0);
});

test("startSearch refuses addresses that no router can have, the machine's own included", async () => {
  for (const address of ["127.0.0.1", "0.0.0.0", "169.254.169.254", "224.0.0.1", "255.255.255.255", "10.1.1.50"]) {
    const scene = createScene({ dataServer: address });
    const report = await search(scene, { sources: ["dns"] });
    assertEquals(verdicts(report), { [`dns ${address}`]: "refused" });
    assertEquals(scene.lan.seen.request, 0);
  }
});

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

test("startSearch finds a router whose web server starts after its DHCP server", async () => {
  const scene = createScene();
  const router = scene.lan.add({ address: "10.1.1.1", web: "refuses" });
  scene.clock.schedule(4_000, () => router.web = { status: 200, body: "i-2-50-VM" });
  const report = await search(scene);
  assert(report.router !== undefined);
  assert(report.elapsedMs < 5_500, `${report.elapsedMs} ms`);
});

test("startSearch finds a router that hung and comes to life", async () => {
  const scene = createScene();
  const router = scene.lan.add({ address: "10.1.1.1", web: "hangs" });
  scene.clock.schedule(4_000, () => router.web = { status: 200, body: "i-2-50-VM" });
  const report = await search(scene);
  assert(report.router !== undefined);
  assert(report.elapsedMs < 6_000, `${report.elapsedMs} ms`);
});

test("startSearch is patient with a router that takes seconds to answer", async () => {
  const scene = createScene();
  scene.lan.add({ address: "10.1.1.1", delayMs: 4_000 });
  const report = await search(scene);
  assert(report.router !== undefined);
  assert(report.elapsedMs < 9_000, `${report.elapsedMs} ms`);
});

test("startSearch waits for an interface that has no address yet", async () => {
  const scene = createScene({ interfaces: [] });
  scene.lan.add({ address: "10.1.1.1" });
  scene.clock.schedule(3_000, () => scene.guest.interfaces = [interfaceAt("10.1.1.50")]);
  const report = await search(scene);
  assert(report.router !== undefined);
  assert(report.elapsedMs < 4_500, `${report.elapsedMs} ms`);
  assertEquals(scene.troubles[0], "dhcp: eth0 has no IPv4 address");
});

test("startSearch waits for a network that cannot be sent to yet", async () => {
  const scene = createScene({ sendError: new Error("Network is unreachable") });
  scene.lan.add({ address: "10.1.1.1" });
  scene.clock.schedule(3_000, () => scene.guest.sendError = undefined);
  const report = await search(scene);
  assert(report.router !== undefined);
  assert(report.elapsedMs < 4_500, `${report.elapsedMs} ms`);
});

test("startSearch finds a DHCP server that comes up late within a second or two", async () => {
  for (const lateMs of [500, 1_000, 2_000, 3_300, 5_000, 7_000]) {
    const scene = createScene();
    scene.clock.schedule(lateMs, () => scene.lan.add({ address: "10.1.1.1" }));
    const report = await search(scene);
    assert(report.router !== undefined);
    assert(report.elapsedMs < lateMs + 2_000, `${report.elapsedMs} ms`);
  }
});

test("startSearch finds a lease that is written late", async () => {
  const scene = createScene();
  scene.lan.add({ address: "10.1.1.1", dhcp: false });
  scene.clock.schedule(5_000, () => scene.guest.files["/run/systemd/netif/leases/2"] = "SERVER_ADDRESS=10.1.1.1\n");
  const report = await search(scene);
  assertEquals(report.router?.source, "networkd");
  assert(report.elapsedMs < 6_500, `${report.elapsedMs} ms`);
});

test("startSearch goes on with DHCPINFORM alone when port 68 cannot be had, and says so", async () => {
  const denied = Object.assign(new Error("Permission denied"), { name: "PermissionDenied" });
  const scene = createScene({ port68: denied });
  scene.lan.add({ address: "10.1.1.1" });
  const report = await search(scene);
  assertEquals(report.router?.address, "10.1.1.1");
  assertEquals(scene.lan.seen, { inform: 1, discover: 0, request: 1 });
  assertEquals(scene.troubles, ["dhcp: cannot listen on port 68 (needs CAP_NET_BIND_SERVICE)"]);
});

test("startSearch validates a router that was good a moment ago before anything else", async () => {
  const scene = createScene();
  scene.lan.add({ address: "10.1.1.1", dhcp: false });
  const known: Router = {
    address: "10.1.1.1",
    source: "gateway",
    iface: "eth0",
    identity: "i-2-50-VM",
    since: 0,
    elapsedMs: 0,
  };
  const report = await search(scene, {}, { known });
  assertEquals([report.router?.source, report.router?.iface], ["gateway", "eth0"]);
  assert(report.router !== known, "it is a new router");
  assert(report.elapsedMs < 20, `${report.elapsedMs} ms`);
});

test("startSearch validates a known router again as soon as a source names it", async () => {
  const scene = createScene();
  const router = scene.lan.add({ address: "10.1.1.1", dhcp: false, web: "hangs" });
  const known: Router = {
    address: "10.1.1.1",
    source: "dhcp",
    iface: "eth0",
    identity: "i-2-50-VM",
    since: 0,
    elapsedMs: 0,
  };
  scene.clock.schedule(350, () => Object.assign(router, { dhcp: true, web: { status: 200, body: "i-2-50-VM" } }));
  const report = await search(scene, {}, { known });
  assert(report.router !== undefined);
  assert(report.elapsedMs < 600, `${report.elapsedMs} ms`);
});

test("startSearch asks a router that was good a moment ago by its address too", async () => {
  const scene = createScene();
  scene.lan.add({ address: "10.1.1.1", web: "refuses", serverId: "10.1.1.2" });
  scene.lan.add({ address: "10.1.1.2", dhcp: false });
  const known: Router = {
    address: "10.1.1.1",
    source: "dhcp",
    iface: "eth0",
    identity: "i-2-50-VM",
    since: 0,
    elapsedMs: 0,
  };
  const report = await search(scene, {}, { known });
  assertEquals(report.router?.address, "10.1.1.2");
  assertEquals(scene.lan.seen.inform, 2);
});

test("startSearch says why there is no router, one cause for each source", async () => {
  const scene = createScene({ routes: [{ gateway: "10.1.1.254", dev: "eth0" }] });
  scene.lan.add({ address: "10.1.1.254", dhcp: false, web: "refuses" });
  const report = await search(scene);
  assertEquals(report.router, undefined);
  assertEquals(report.elapsedMs, 10_000);
  assertEquals(report.sources.map(({ source, outcome, cause }) => `${source} ${outcome}: ${cause?.message}`), [
    "dhcp failed: no DHCP server answered on eth0 (10.1.1.50, 02:00:4c:9f:00:0a)",
    ...Object.keys(LEASE_SOURCES).map((source) => `${source} silent: has nothing to say`),
    "dns silent: has nothing to say",
    "gateway rejected: 10.1.1.254 serves no metadata: The router refused the connection",
  ]);
});

test("startSearch searches on every Ethernet interface under auto, and only on the one named otherwise", async () => {
  const guest = {
    interfaces: [interfaceAt("10.1.1.50"), interfaceAt("10.2.2.50", { name: "eth1", mac: "02:00:4c:9f:00:0b" })],
    links: [linkAt(2, "eth0"), linkAt(3, "eth1")],
    routes: [{ gateway: "10.2.2.1", dev: "eth1" }],
  };
  for (const [iname, sent] of [["auto", 2], ["eth0", 1], ["eth1", 1]] as const) {
    const scene = createScene(structuredClone(guest));
    scene.lan.add({ address: "10.1.1.1" });
    await search(scene, { iname, isInameChosen: true });
    assertEquals(scene.lan.seen.discover, sent, iname);
  }
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
