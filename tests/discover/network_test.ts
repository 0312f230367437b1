import { assertEquals, assertRejects } from "@std/assert";
import { SourceError } from "../../lib/discover/errors.ts";
import type { InterfaceAddress } from "../../lib/system/host.ts";
import { createNetwork, parseLinks, parseRoutes } from "../../lib/discover/network.ts";
import { test } from "../support/test.ts";
import { interfaceAt, linkAt } from "../support/fakes/lan.ts";

const ETH0 = interfaceAt("10.1.1.50");
const ETH1 = interfaceAt("10.2.2.50", { name: "eth1", mac: "02:00:4c:9f:00:0b" });
const LO: InterfaceAddress = { family: "IPv4", name: "lo", address: "127.0.0.1", netmask: "255.0.0.0", mac: "" };
const VIA_ETH0 = { gateway: "10.1.1.1", dev: "eth0" };
const VIA_ETH1 = { gateway: "10.2.2.1", dev: "eth1" };

interface Setup {
  readonly iname?: string;
  readonly interfaces?: readonly InterfaceAddress[];
  readonly links?: readonly unknown[] | Error;
  readonly routes?: readonly unknown[] | Error;
}

function setUp({ iname = "eth0", interfaces = [ETH0], links = [linkAt(2, "eth0")], routes = [] }: Setup) {
  const substitutes: string[] = [];
  const commands: string[] = [];
  const network = createNetwork({
    iname,
    machine: {
      interfaces: () => interfaces,
      runIp(args) {
        commands.push(args.join(" "));
        const answer = args.includes("link") ? links : routes;
        return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(JSON.stringify(answer));
      },
    },
    signal: new AbortController().signal,
    onSubstitute: (using) => void substitutes.push(using),
  });
  return { network, substitutes, commands };
}

const SELECTIONS: readonly (readonly [what: string, setup: Setup, expected: readonly string[]])[] = [
  ["the named interface", { interfaces: [LO, ETH0, ETH1] }, ["eth0 10.1.1.50"]],
  [
    "the named interface even if it is a bridge",
    { links: [linkAt(2, "eth0", { linkinfo: { info_kind: "bridge" } })] },
    [
      "eth0 10.1.1.50",
    ],
  ],
  ["one address of several", { interfaces: [ETH0, interfaceAt("10.1.1.51")] }, ["eth0 10.1.1.50"]],
  ["an ordinary address rather than a link-local one", { interfaces: [interfaceAt("169.254.3.4"), ETH0] }, [
    "eth0 10.1.1.50",
  ]],
  ["a link-local address for want of another", { interfaces: [interfaceAt("169.254.3.4")] }, ["eth0 169.254.3.4"]],
  ["the default route's for one that does not exist", { iname: "ens3", routes: [VIA_ETH0] }, ["eth0 10.1.1.50"]],
  [
    "under auto every Ethernet interface, the default route's first",
    {
      iname: "auto",
      interfaces: [LO, ETH0, ETH1],
      links: [linkAt(2, "eth0"), linkAt(3, "eth1")],
      routes: [VIA_ETH1],
    },
    ["eth1 10.2.2.50", "eth0 10.1.1.50"],
  ],
  [
    "under auto no bridge, tunnel or part of a bond",
    {
      iname: "auto",
      interfaces: [
        interfaceAt("172.17.0.1", { name: "docker0" }),
        interfaceAt("10.8.0.2", { name: "tun0" }),
        interfaceAt("10.5.0.2", { name: "eth2" }),
        ETH0,
      ],
      links: [
        linkAt(2, "eth0"),
        linkAt(3, "docker0", { linkinfo: { info_kind: "bridge" } }),
        linkAt(4, "tun0", { link_type: "none", linkinfo: { info_kind: "tun" } }),
        linkAt(5, "eth2", { master: "bond0" }),
      ],
    },
    ["eth0 10.1.1.50"],
  ],
  [
    "under auto a bridge that has the default route",
    {
      iname: "auto",
      interfaces: [interfaceAt("10.1.1.50", { name: "br0" })],
      links: [linkAt(2, "br0", { linkinfo: { info_kind: "bridge" } }), linkAt(3, "eth0", { master: "br0" })],
      routes: [{ gateway: "10.1.1.1", dev: "br0" }],
    },
    ["br0 10.1.1.50"],
  ],
  [
    "under auto a container's veth",
    { iname: "auto", links: [linkAt(2, "eth0", { linkinfo: { info_kind: "veth" } })] },
    ["eth0 10.1.1.50"],
  ],
  [
    "under auto every interface where ip cannot be run",
    { iname: "auto", interfaces: [LO, ETH0, ETH1], links: new Error("no ip"), routes: new Error("no ip") },
    ["eth0 10.1.1.50", "eth1 10.2.2.50"],
  ],
];
for (const [what, setup, expected] of SELECTIONS) {
  test(`createNetwork selects ${what}`, async () => {
    const nics = await setUp(setup).network.nics();
    assertEquals(nics.map(({ name, address }) => `${name} ${address}`), expected);
  });
}

test("createNetwork runs no command for a named interface that has an address", async () => {
  const { network, commands, substitutes } = setUp({});
  await network.nics();
  assertEquals([commands, substitutes], [[], []]);
});

test("createNetwork tells when the default route's interface stands in", async () => {
  const { network, substitutes } = setUp({ iname: "ens3", routes: [VIA_ETH0] });
  await network.nics();
  assertEquals(substitutes, ["eth0"]);
});

const TROUBLES: readonly (readonly [what: string, setup: Setup, kind: string, message: string])[] = [
  ["has no address", { interfaces: [LO] }, "no_address", "eth0 has no IPv4 address"],
  [
    "is down",
    { interfaces: [], links: [linkAt(2, "eth0", { flags: ["BROADCAST"] })] },
    "no_address",
    "eth0 is down and has no IPv4 address",
  ],
  [
    "has no address, although another has the default route",
    { interfaces: [ETH1], routes: [VIA_ETH1] },
    "no_address",
    "eth0 has no IPv4 address",
  ],
  [
    "does not exist, and there is no default route",
    { iname: "ens3" },
    "no_interface",
    "ens3 does not exist, and there is no default route to say which one to use",
  ],
  [
    "does not exist, and the default route's has no address",
    { iname: "ens3", routes: [VIA_ETH1] },
    "no_interface",
    "ens3 does not exist, and there is no default route to say which one to use",
  ],
  ["is auto and nothing has an address", { iname: "auto", interfaces: [LO] }, "no_address", "no Ethernet interface"],
];
for (const [what, setup, kind, message] of TROUBLES) {
  test(`createNetwork has no interface to search on when it ${what}`, async () => {
    const error = await assertRejects(() => setUp(setup).network.nics(), SourceError, message);
    assertEquals(error.kind, kind);
  });
}

test("createNetwork finds the index of each interface", async () => {
  const { network } = setUp({ links: [linkAt(1, "lo"), linkAt(7, "eth0")] });
  assertEquals((await network.indexedNics()).map(({ name, index, isUp }) => [name, index, isUp]), [["eth0", 7, true]]);
});

test("createNetwork gives the gateways over the selected interfaces only", async () => {
  const { network } = setUp({ interfaces: [ETH0, ETH1], routes: [VIA_ETH1, VIA_ETH0] });
  assertEquals(await network.gateways(), [{ gateway: "10.1.1.1", iface: "eth0" }]);
});

test("createNetwork tells what is on a link and what is the machine's own", () => {
  const { network } = setUp({ interfaces: [LO, ETH0, interfaceAt("192.0.2.9", { netmask: "255.255.255.255" })] });
  assertEquals(["10.1.1.1", "10.1.2.1", "127.0.0.2", "192.0.2.8", "x"].map(network.isOnLink), [
    true,
    false,
    false,
    false,
    false,
  ]);
  assertEquals(["10.1.1.50", "192.0.2.9", "10.1.1.1"].map(network.isOwn), [true, true, false]);
});

test("parseLinks reads what iproute2 6.1 prints", () => {
  const printed = `[{"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP","LOWER_UP"],"link_type":"loopback"},
    {"ifindex":2,"link_index":3,"ifname":"eth0","flags":["BROADCAST","MULTICAST","UP","LOWER_UP"],"mtu":1500,
     "operstate":"UP","link_type":"ether","address":"02:00:4c:9f:00:0a","linkinfo":{"info_kind":"veth"}},
    {"ifindex":4,"ifname":"eth1","flags":["NO-CARRIER","BROADCAST","MULTICAST","UP"],"link_type":"ether"},{}]`;
  assertEquals(parseLinks(printed), [
    { index: 1, name: "lo", isGuestNic: false, isUp: true },
    { index: 2, name: "eth0", isGuestNic: true, isUp: true },
    { index: 4, name: "eth1", isGuestNic: true, isUp: false },
  ]);
});

test("parseRoutes puts the preferred route first, and leaves out those without a gateway", () => {
  const printed = `[{"dst":"default","gateway":"10.1.1.1","dev":"eth0","metric":100,"flags":[]},
    {"dst":"default","gateway":"10.2.2.1","dev":"eth1","flags":[]},{"dst":"default","dev":"ppp0"}]`;
  assertEquals(parseRoutes(printed), [{ gateway: "10.2.2.1", iface: "eth1" }, { gateway: "10.1.1.1", iface: "eth0" }]);
});

test("parseLinks and parseRoutes find nothing in what they do not understand", () => {
  for (const text of ["", "null", "{}", "[null,1]", "Error: x", "[{"]) {
    assertEquals([parseLinks(text), parseRoutes(text)], [[], []], text);
  }
});
