import { assertEquals } from "@std/assert";
import { formatOverview, takeOverview } from "../../../lib/discover/command/overview.ts";
import type { Overview, ServiceBelief } from "../../../lib/discover/command/overview.ts";
import { discoveryConfig } from "../../support/fakes/config.ts";
import { createLan, interfaceAt, linkAt } from "../../support/fakes/lan.ts";
import type { GuestOptions } from "../../support/fakes/lan.ts";
import { createVirtualClock } from "../../support/fakes/virtual_clock.ts";
import { test } from "../../support/test.ts";

const LISTEN = { hostname: "169.254.169.254", port: 39724 };
const NOBODY = "No service answers";

function take(guest: Partial<GuestOptions>, more: Partial<Parameters<typeof takeOverview>[1]> = {}, iname = "eth0") {
  const { host } = createLan(createVirtualClock()).createGuest(guest);
  const { signal } = new AbortController();
  return takeOverview(discoveryConfig({ iname, isInameChosen: true }), {
    ...{ host, signal, listen: LISTEN, askService: () => Promise.reject(new Error(NOBODY)) },
    ...more,
  });
}

test("takeOverview looks at interfaces, gateways, the listen address and the route that is elsewhere", async () => {
  const overview = await take({
    interfaces: [
      interfaceAt("10.1.1.50"),
      interfaceAt("10.2.2.50", { name: "eth1" }),
      interfaceAt("169.254.169.254", { name: "lo" }),
    ],
    links: [linkAt(2, "eth0", { flags: [] }), linkAt(3, "eth1")],
    routes: [{ gateway: "10.2.2.1", dev: "eth1" }, { gateway: "10.1.1.1", dev: "eth0", metric: 100 }],
  });
  assertEquals(overview, {
    interfaces: [{ name: "eth0", address: "10.1.1.50", mac: "02:00:4c:9f:00:0a", isUp: false }],
    gateways: [{ gateway: "10.1.1.1", iface: "eth0" }],
    elsewhere: { gateway: "10.2.2.1", iface: "eth1" },
    listen: { address: "169.254.169.254:39724", isPresent: true },
    service: NOBODY,
  });
});

test("takeOverview leaves out what cannot be found out", async () => {
  const overview = await take({ interfaces: [] }, {
    askService: () => Promise.reject(new Error("May not ask the service: ask as root")),
  });
  assertEquals(overview, {
    interfaces: [],
    gateways: [],
    elsewhere: undefined,
    listen: { address: "169.254.169.254:39724", isPresent: false },
    service: "May not ask the service: ask as root",
  });
});

test("takeOverview writes the listen address as status does, and knows that all of loopback is there", async () => {
  for (
    const [hostname, listen] of [
      ["127.0.0.5", { address: "127.0.0.5:80", isPresent: true }],
      ["::1", { address: "[::1]:80", isPresent: false }],
    ] as const
  ) assertEquals((await take({}, { listen: { hostname, port: 80 } })).listen, listen);
});

test("takeOverview believes a service that can be asked where it listens, rather than this configuration", async () => {
  const { listen } = await take({}, { listen: LISTEN, askService: () => Promise.resolve(BELIEF) });
  assertEquals(listen, { address: "127.0.0.1:8000", isPresent: true });
});

test("takeOverview finds a listen address missing that another interface has", async () => {
  const { listen } = await take({ interfaces: [interfaceAt("169.254.169.254")] }, { listen: LISTEN });
  assertEquals(listen, { address: "169.254.169.254:39724", isPresent: false });
});

test("takeOverview takes an interface of which ip tells nothing for one that is up", async () => {
  const { interfaces } = await take({ links: [] });
  assertEquals(interfaces.map(({ isUp }) => isUp), [true]);
});

test("takeOverview finds no route elsewhere where the default route is over the interface", async () => {
  const overview = await take({ routes: [{ gateway: "10.1.1.1", dev: "eth0" }] });
  assertEquals(overview.elsewhere, undefined);
});

const ROUTER = { kind: "router", address: "10.1.1.1", source: "dhcp", identity: "i-2-10-VM" };
const BELIEF: ServiceBelief = {
  program: { version: "2.1.0", pid: 412 },
  state: "ready",
  router: ROUTER,
  lastFailedSearch: null,
  listeners: { metadata: "127.0.0.1:8000" },
};
const SERVICES: readonly (readonly [service: Overview["service"], says: string])[] = [
  ["ask as root", "ask as root"],
  [BELIEF, "running (2.1.0, pid 412), serving the metadata of 10.1.1.1, found by dhcp"],
  [
    { ...BELIEF, router: { ...ROUTER, kind: "drive" } },
    "running (2.1.0, pid 412), serving the metadata of the config drive",
  ],
  [{ ...BELIEF, state: "unserved" }, "running (2.1.0, pid 412), its listen address is not served"],
  [{ ...BELIEF, state: "suspect" }, "running (2.1.0, pid 412), in doubt of 10.1.1.1, found by dhcp"],
  [{ ...BELIEF, state: "searching", router: null }, "running (2.1.0, pid 412), searching"],
  [
    { ...BELIEF, state: "searching", router: null, lastFailedSearch: { message: "dhcp: silent" } },
    "running (2.1.0, pid 412), searching (dhcp: silent)",
  ],
];
const NOTHING: Overview = {
  interfaces: [],
  gateways: [],
  elsewhere: undefined,
  listen: { address: "169.254.169.254:39724", isPresent: true },
  service: NOBODY,
};
for (const [service, says] of SERVICES) {
  test(`formatOverview says of the service: ${says}`, () => {
    assertEquals(formatOverview({ ...NOTHING, service }).at(-1), `service    ${says}`);
  });
}

test("formatOverview says what there is, a line each", () => {
  assertEquals(formatOverview(NOTHING), [
    "interface  none to search on",
    "gateway    none",
    "listen     169.254.169.254:39724",
    "service    No service answers",
  ]);
  const nic = { name: "eth0", address: "10.1.1.50", mac: "02:00:4c:9f:00:0a", isUp: true };
  assertEquals(
    formatOverview({
      interfaces: [nic, { ...nic, name: "eth1", isUp: false }],
      gateways: [{ gateway: "10.1.1.1", iface: "eth0" }, { gateway: "10.1.1.2", iface: "eth1" }],
      elsewhere: { gateway: "10.3.3.1", iface: "eth2" },
      listen: { address: "169.254.169.254:39724", isPresent: false },
      service: NOBODY,
    }),
    [
      "interface  eth0, 10.1.1.50, 02:00:4c:9f:00:0a",
      "interface  eth1, 10.1.1.50, 02:00:4c:9f:00:0a, down",
      "gateway    10.1.1.1 on eth0, 10.1.1.2 on eth1",
      "elsewhere  default route by 10.3.3.1 on eth2",
      "listen     169.254.169.254:39724 (the address is not on lo)",
      "service    No service answers",
    ],
  );
});
