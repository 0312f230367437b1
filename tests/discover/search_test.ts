import { assert, assertEquals } from "@std/assert";
import { parseCidr } from "../../lib/ipv4/ipv4.ts";
import type { DiscoveryConfig } from "../../lib/config/config.ts";
import { LEASE_SOURCES } from "../../lib/discover/sources/lease_sources.ts";
import { test } from "../support/test.ts";
import { interfaceAt, linkAt } from "../support/fakes/lan.ts";
import type { GuestOptions } from "../support/fakes/lan.ts";
import { createScene, search, verdicts } from "./search_scene.ts";

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
    assert(report.router!.elapsedMs < 400, `${report.router!.elapsedMs} ms`);
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

test("startSearch reads the interfaces for each time that it asks, and not for each server that is named", async () => {
  const servers = Array.from({ length: 250 }, (_, host) => `10.1.1.${host + 1}`);
  const leases = servers.map((server) => `lease { interface "gone"; option dhcp-server-identifier ${server}; }`);
  const scene = createScene({ files: { "/var/lib/dhcp/dhclient.leases": leases.join("\n") } });
  for (const serverId of servers) scene.lan.add({ address: "10.1.1.66", serverId, web: "refuses" });
  const { host } = scene.guest;
  let reads = 0;
  const interfaces = () => {
    reads += 1;
    return host.interfaces();
  };
  const report = await search({ ...scene, guest: { ...scene.guest, host: { ...host, interfaces } } });
  const { inform, discover } = scene.lan.seen;
  assert(reads < 100, `${reads} times, for ${inform + discover} questions`);
  assertEquals(report.router, undefined);
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
    "gateway rejected: 10.1.1.254 serves no metadata: The server refused the connection",
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

test("startSearch asks a known router by its address, and for a drive whoever else is on the link", async () => {
  for (
    const [source, address, asked, looks] of [
      ["dhcp", "10.1.1.1", ["10.1.1.1"], false],
      ["config_drive", "config-drive", [], true],
    ] as const
  ) {
    const scene = createScene({ drive: { isPresent: () => true, problem: () => undefined } });
    const { guest, lan, commands } = scene;
    const { host } = guest;
    if (source === "config_drive") lan.add({ address, dhcp: false });
    const servers: string[] = [];
    const exchange: typeof host.exchange = (options) => {
      servers.push(...options.servers ?? []);
      return host.exchange(options);
    };
    const known = { address, source, iface: undefined };
    await search(
      { ...scene, guest: { ...guest, host: { ...host, exchange } } },
      { sources: ["dhcp", "config_drive"] },
      {
        known,
      },
    );
    assertEquals([servers[0], commands.some((command) => command.includes("neighbour"))], [asked[0], looks], address);
  }
});
