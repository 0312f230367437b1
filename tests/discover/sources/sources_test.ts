import { assertEquals, assertRejects } from "@std/assert";
import { SourceError } from "../../../lib/discover/errors.ts";
import { createNetwork } from "../../../lib/discover/network.ts";
import { SOURCES } from "../../../lib/discover/sources.ts";
import { SOURCE_NAMES } from "../../../lib/config/options.ts";
import type { SourceName } from "../../../lib/config/options.ts";
import { readHex } from "../../dhcp/read_hex.ts";
import { test } from "../../support/test.ts";
import { createLan, interfaceAt, linkAt } from "../../support/fakes/lan.ts";
import type { GuestOptions } from "../../support/fakes/lan.ts";
import { createVirtualClock } from "../../support/fakes/virtual_clock.ts";

/** Asks one source once, and ends the search a second later. Returns what it proposed and noted. */
async function ask(
  source: SourceName,
  guestOptions: Partial<GuestOptions> = {},
  { iname = "eth0", routers = [] }: { readonly iname?: string; readonly routers?: readonly string[] } = {},
): Promise<string[]> {
  const clock = createVirtualClock();
  const lan = createLan(clock);
  for (const address of routers) lan.add({ address });
  const { machine } = lan.createGuest(guestOptions);
  const over = new AbortController();
  const said: string[] = [];
  const asked = SOURCES[source]({
    machine,
    network: createNetwork({ iname, machine, signal: over.signal }),
    server: "10.1.1.9",
    known: undefined,
    retryMs: 1_000,
    signal: over.signal,
    propose: (address, iface) => void said.push(iface === undefined ? address : `${address} ${iface}`),
    note: ({ message }) => void said.push(message),
  });
  asked.catch(() => {});
  await clock.run(1_000);
  over.abort();
  await clock.run(0);
  await asked;
  return said;
}

const TWO_NICS = {
  interfaces: [interfaceAt("10.1.1.50"), interfaceAt("10.2.2.50", { name: "eth1", mac: "02:00:4c:9f:00:0b" })],
  links: [linkAt(2, "eth0"), linkAt(3, "eth1")],
};
const LEASE = (server: string, iface = "eth0") =>
  `lease { interface "${iface}"; option dhcp-server-identifier ${server}; }\n`;

test("SOURCES has every source that can be configured", () => {
  assertEquals(Object.keys(SOURCES), [...SOURCE_NAMES]);
});

test("SOURCES are silent on a machine that has nothing for them", async () => {
  for (const source of SOURCE_NAMES) {
    if (source !== "server" && source !== "dhcp") assertEquals(await ask(source), [], source);
  }
});

test("server proposes the address that the program was told", async () => {
  assertEquals(await ask("server"), ["10.1.1.9"]);
});

test("dhcp proposes every server that answers, with the interface", async () => {
  const proposed = await ask("dhcp", {}, { routers: ["10.1.1.1", "10.1.1.66"] });
  assertEquals(new Set(proposed), new Set(["10.1.1.1 eth0", "10.1.1.66 eth0"]));
});

test("dhcp says who did not answer to whom", async () => {
  const error = await assertRejects(() => ask("dhcp"), SourceError);
  assertEquals([error.kind, error.message], [
    "no_answer",
    "no DHCP server answered on eth0 (10.1.1.50, 02:00:4c:9f:00:0a)",
  ]);
});

const PORT_68 = [
  ["AddrInUse", "cannot listen on port 68 (another program holds it and does not share it)"],
  ["PermissionDenied", "cannot listen on port 68 (needs CAP_NET_BIND_SERVICE)"],
] as const;
for (const [name, message] of PORT_68) {
  test(`dhcp notes that port 68 cannot be had on ${name}, and blames it for hearing nothing`, async () => {
    const port68 = Object.assign(new Error("os error"), { name });
    assertEquals(await ask("dhcp", { port68 }, { routers: ["10.1.1.1"] }).then((said) => said.slice(0, 2)), [
      message,
      "10.1.1.1 eth0",
    ]);
    const error = await assertRejects(() => ask("dhcp", { port68 }), SourceError);
    assertEquals([error.kind, (error.cause as Error).message], ["client_port_unavailable", message]);
  });
}

test("dhcp says when it cannot send", async () => {
  const error = await assertRejects(() => ask("dhcp", { sendError: new Error("Network is down") }), SourceError);
  assertEquals([error.kind, (error.cause as Error).message], ["network", "Network is down"]);
});

test("networkd and network_manager read the file of the interface's own index", async () => {
  const files = {
    "/run/systemd/netif/leases/2": "SERVER_ADDRESS=10.1.1.1\n",
    "/run/systemd/netif/leases/3": "SERVER_ADDRESS=10.2.2.1\n",
    "/run/NetworkManager/devices/2": "[dhcp4]\ndhcp4.dhcp_server_identifier=10.1.1.1\n",
    "/run/NetworkManager/devices/3": "[dhcp4]\ndhcp4.dhcp_server_identifier=10.2.2.1\n",
  };
  for (const source of ["networkd", "network_manager"] as const) {
    assertEquals(await ask(source, { ...TWO_NICS, files }), ["10.1.1.1 eth0"]);
    assertEquals(await ask(source, { ...TWO_NICS, files }, { iname: "eth1" }), ["10.2.2.1 eth1"]);
    assertEquals(await ask(source, { ...TWO_NICS, files }, { iname: "auto" }), ["10.1.1.1 eth0", "10.2.2.1 eth1"]);
  }
});

test("dhclient takes the last lease of the newest file that has one for the interface", async () => {
  const files = {
    "/var/lib/dhcp/dhclient.leases": LEASE("10.1.1.1"),
    "/var/lib/dhcp/dhclient.eth0.leases": LEASE("10.1.1.2") + LEASE("10.1.1.3"),
    "/var/lib/NetworkManager/dhclient-5f6a1c6e-eth1.lease": LEASE("10.2.2.1", "eth1"),
    "/var/lib/dhcp/dhcpd.leases": LEASE("10.1.1.4"),
  };
  assertEquals(await ask("dhclient", { ...TWO_NICS, files }), ["10.1.1.3 eth0"]);
  assertEquals(await ask("dhclient", { ...TWO_NICS, files }, { iname: "auto" }), ["10.1.1.3 eth0", "10.2.2.1 eth1"]);
});

test("dhclient reads what it may, and says what it may not only if there is nothing else", async () => {
  const denied = new Error("Permission denied (os error 13)");
  const files = { "/var/lib/NetworkManager/": denied };
  await assertRejects(() => ask("dhclient", { files }), Error, "Permission denied");
  const more = { ...files, "/var/lib/dhcp/dhclient.leases": LEASE("10.1.1.1") };
  assertEquals(await ask("dhclient", { files: more }), ["10.1.1.1 eth0"]);
});

test("dhcpcd takes the interface's own lease, by name", async () => {
  const lease = readHex("leases/dhcpcd_9.4.1.hex");
  assertEquals(await ask("dhcpcd", { files: { "/var/lib/dhcpcd/eth0.lease": lease } }), ["10.1.1.1 eth0"]);
  assertEquals(await ask("dhcpcd", { files: { "/var/lib/dhcpcd/eth0-ssid.lease": lease } }), ["10.1.1.1 eth0"]);
  assertEquals(await ask("dhcpcd", { files: { "/var/lib/dhcpcd/eth01.lease": lease } }), []);
  assertEquals(await ask("dhcpcd", { files: { "/var/lib/dhcpcd/eth0.lease": "garbage" } }), []);
});

test("dns proposes whoever answers to data-server, and says when it does not accept", async () => {
  assertEquals(await ask("dns", { dataServer: "10.1.1.1" }), ["10.1.1.1"]);
  const dataServer = new Error("Connection refused (os error 111)");
  const error = await assertRejects(() => ask("dns", { dataServer }), SourceError, "cannot connect to data-server");
  assertEquals([error.kind, error.cause], ["network", dataServer]);
});

test("gateway proposes the default routes' gateways over the interfaces, the preferred first", async () => {
  const routes = [
    { gateway: "10.1.1.254", dev: "eth0", metric: 200 },
    { gateway: "10.1.1.1", dev: "eth0", metric: 100 },
    { gateway: "10.2.2.1", dev: "eth1" },
    { dev: "tun0" },
  ];
  assertEquals(await ask("gateway", { ...TWO_NICS, routes }), ["10.1.1.1 eth0", "10.1.1.254 eth0"]);
});

test("sources fail with what keeps them from looking", async () => {
  const routes = [{ gateway: "10.1.1.1", dev: "eth0" }];
  const error = await assertRejects(() => ask("gateway", { routes, interfaces: [] }), SourceError);
  assertEquals([error.kind, error.message], ["no_address", "eth0 has no IPv4 address"]);
});
