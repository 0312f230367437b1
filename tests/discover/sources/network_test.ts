import { assertEquals, assertRejects } from "@std/assert";
import { SourceError } from "../../../lib/discover/sources/source_error.ts";
import { test } from "../../support/test.ts";
import { interfaceAt, linkAt } from "../../support/fakes/lan.ts";
import { aliasOf, ETH0, ETH0_LINK, ETH1, labelledAt, LO, setUp, VIA_ETH0, VIA_ETH1 } from "./network_scene.ts";
import type { Setup } from "./network_scene.ts";

const SELECTIONS: readonly (readonly [what: string, setup: Setup, expected: readonly string[]])[] = [
  ["the named interface", { interfaces: [LO, ETH0, ETH1], isChosen: true }, ["eth0 10.1.1.50"]],
  ["the named interface although another has the default route", {
    interfaces: [ETH0, ETH1],
    links: [linkAt(2, "eth0"), linkAt(3, "eth1")],
    routes: [VIA_ETH1],
    isChosen: true,
  }, ["eth0 10.1.1.50"]],
  ["the interface that has the name as another of its names", {
    iname: "enp1s0",
    isChosen: true,
    interfaces: [ETH0, ETH1],
    links: [linkAt(2, "eth0", { altnames: ["ens2", "enp1s0"] }), linkAt(3, "eth1")],
  }, ["eth0 10.1.1.50"]],
  ["the device of an alias", { interfaces: [aliasOf(ETH0, "eth0:1", "10.1.1.51")], links: [ETH0_LINK] }, [
    "eth0 10.1.1.51",
  ]],
  ["the device's own address rather than an alias", {
    interfaces: [ETH0, aliasOf(ETH0, "eth0:1", "10.1.1.51")],
  }, ["eth0 10.1.1.50"]],
  ["the alias that is named", {
    iname: "eth0:1",
    isChosen: true,
    interfaces: [ETH0, aliasOf(ETH0, "eth0:1", "10.1.1.51"), aliasOf(ETH0, "eth0:2", "10.1.1.52")],
  }, ["eth0 10.1.1.51"]],
  ["the device of an address that has any word for a label", {
    interfaces: [aliasOf(ETH0, "maas", "10.1.1.51")],
    links: [labelledAt(linkAt(2, "eth0"), "10.1.1.51", "maas")],
  }, ["eth0 10.1.1.51"]],
  ["the device that is named, of an address that has any word for a label", {
    isChosen: true,
    interfaces: [aliasOf(ETH0, "maas", "10.1.1.51"), ETH1],
    links: [labelledAt(linkAt(2, "eth0"), "10.1.1.51", "maas"), linkAt(3, "eth1")],
  }, ["eth0 10.1.1.51"]],
  ["the address whose label is named, be it any word", {
    iname: "maas",
    isChosen: true,
    interfaces: [ETH0, aliasOf(ETH0, "maas", "10.1.1.51")],
    links: [labelledAt(linkAt(2, "eth0"), "10.1.1.51", "maas")],
  }, ["eth0 10.1.1.51"]],
  ["every interface once, whatever labels its addresses have, under auto", {
    iname: "auto",
    interfaces: [ETH0, aliasOf(ETH0, "maas", "10.1.1.51"), aliasOf(LO, "vip", "192.0.2.9")],
    links: [
      labelledAt({ ifindex: 1, ifname: "lo" }, "192.0.2.9", "vip"),
      labelledAt(linkAt(2, "eth0"), "10.1.1.51", "maas"),
    ],
  }, ["eth0 10.1.1.50"]],
  ["nothing beside the device of an alias of lo", { interfaces: [LO, aliasOf(LO, "lo:1", "192.0.2.9"), ETH0] }, [
    "eth0 10.1.1.50",
  ]],
  [
    "the default route's as well, behind one that nobody chose",
    { interfaces: [ETH0, ETH1], links: [ETH0_LINK, linkAt(3, "eth1")], routes: [VIA_ETH1] },
    ["eth0 10.1.1.50", "eth1 10.2.2.50"],
  ],
  [
    "the only other one as well",
    { interfaces: [ETH0, ETH1], links: [ETH0_LINK, linkAt(3, "eth1")] },
    ["eth0 10.1.1.50", "eth1 10.2.2.50"],
  ],
  [
    "none of several others without a route",
    {
      interfaces: [ETH0, ETH1, interfaceAt("10.3.3.50", { name: "eth2" })],
      links: [ETH0_LINK, linkAt(3, "eth1"), linkAt(4, "eth2")],
    },
    ["eth0 10.1.1.50"],
  ],
  [
    "no bridge of containers",
    {
      interfaces: [ETH0, interfaceAt("172.17.0.1", { name: "docker0" })],
      links: [ETH0_LINK, linkAt(3, "docker0", { linkinfo: { info_kind: "bridge" } })],
    },
    ["eth0 10.1.1.50"],
  ],
  [
    "only the named one where ip cannot be run",
    { interfaces: [ETH0, ETH1], links: new Error("no ip"), routes: new Error("no ip") },
    ["eth0 10.1.1.50"],
  ],
  [
    "the named one where only the routes cannot be read",
    { interfaces: [ETH0, interfaceAt("172.17.0.1", { name: "docker0" })], routes: new Error("no routes") },
    ["eth0 10.1.1.50"],
  ],
  [
    "the bridge that it is a port of, before itself",
    {
      interfaces: [ETH0, interfaceAt("10.1.1.60", { name: "br0" })],
      links: [linkAt(2, "eth0", { master: "br0" }), linkAt(3, "br0", { linkinfo: { info_kind: "bridge" } })],
    },
    ["br0 10.1.1.60", "eth0 10.1.1.50"],
  ],
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
  ["the only one for one that does not exist", { iname: "ens3" }, ["eth0 10.1.1.50"]],
  [
    "for one that does not exist every Ethernet interface, the default route's first",
    {
      iname: "ens3",
      interfaces: [ETH0, ETH1, interfaceAt("172.17.0.1", { name: "docker0" })],
      links: [ETH0_LINK, linkAt(3, "eth1"), linkAt(4, "docker0", { linkinfo: { info_kind: "bridge" } })],
      routes: [VIA_ETH1],
    },
    ["eth1 10.2.2.50", "eth0 10.1.1.50"],
  ],
  [
    "for a port only the bridge",
    {
      interfaces: [interfaceAt("10.1.1.60", { name: "br0" }), ETH1],
      links: [
        linkAt(2, "eth0", { master: "br0" }),
        linkAt(3, "br0", { linkinfo: { info_kind: "bridge" } }),
        linkAt(4, "eth1"),
      ],
    },
    ["br0 10.1.1.60"],
  ],
  [
    "one by another of its names, and the default route's behind it",
    {
      interfaces: [interfaceAt("10.1.1.50", { name: "enp1s0" }), ETH1],
      links: [linkAt(2, "enp1s0", { altnames: ["eth0"] }), linkAt(3, "eth1")],
      routes: [VIA_ETH1],
    },
    ["enp1s0 10.1.1.50", "eth1 10.2.2.50"],
  ],
  ...["vlan", "bond", "team", "macvlan", "ipvlan"].map((kind) =>
    [
      `a ${kind} as a network card under auto`,
      {
        iname: "auto",
        interfaces: [interfaceAt("10.1.1.50", { name: "net0" })],
        links: [linkAt(2, "eth0", { master: "bond0" }), linkAt(3, "net0", { linkinfo: { info_kind: kind } })],
      },
      ["net0 10.1.1.50"],
    ] as const
  ),
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

test("createNetwork runs no command where there is nothing to choose", async () => {
  for (const setup of [{}, { interfaces: [ETH0, ETH1], isChosen: true }]) {
    const { network, commands, substitutes } = setUp(setup);
    await network.nics();
    assertEquals([commands, substitutes], [[], []]);
  }
});

const BRIDGE = linkAt(3, "br0", { linkinfo: { info_kind: "bridge" } });
const SUBSTITUTES: readonly (readonly [what: string, setup: Setup, expected: string])[] = [
  [
    "does not exist",
    { iname: "ens3", routes: [VIA_ETH0] },
    "eth0: ens3 does not exist: searching on eth0, which has the default route",
  ],
  [
    "has no address",
    { interfaces: [ETH1], links: [ETH0_LINK, linkAt(3, "eth1")], routes: [VIA_ETH1] },
    "eth1: eth0 has no IPv4 address: searching on eth1, which has the default route",
  ],
  [
    "is down, and another one is the only one",
    { interfaces: [ETH1], links: [linkAt(2, "eth0", { flags: [] }), linkAt(3, "eth1")] },
    "eth1: eth0 is down and has no IPv4 address: searching on eth1, the only other one with an address",
  ],
  [
    "does not exist, and none of several others has a route",
    { iname: "ens3", interfaces: [ETH0, ETH1], links: [ETH0_LINK, linkAt(3, "eth1")] },
    "eth0,eth1: ens3 does not exist: searching on eth0 and eth1",
  ],
  [
    "does not exist, and one of several others has a route",
    { iname: "ens3", interfaces: [ETH0, ETH1], links: [ETH0_LINK, linkAt(3, "eth1")], routes: [VIA_ETH1] },
    "eth1,eth0: ens3 does not exist: searching on eth1, which has the default route, and on eth0",
  ],
  [
    "is a port of a bridge",
    {
      interfaces: [interfaceAt("10.1.1.50", { name: "br0" }), ETH1],
      links: [linkAt(2, "eth0", { master: "br0" }), BRIDGE, linkAt(4, "eth1")],
      routes: [VIA_ETH1],
    },
    "br0: eth0 is a port of br0: searching on br0, which it is a port of",
  ],
  [
    "is under a macvlan",
    {
      interfaces: [interfaceAt("10.1.1.50", { name: "mv0" }), ETH1],
      links: [ETH0_LINK, linkAt(3, "mv0", { link: "eth0", linkinfo: { info_kind: "macvlan" } }), linkAt(4, "eth1")],
    },
    "mv0: eth0 has no IPv4 address: searching on mv0, which is on top of it",
  ],
  [
    "has no address, and another one has a default route of policy",
    {
      interfaces: [ETH1, interfaceAt("10.3.3.50", { name: "eth2" })],
      links: [ETH0_LINK, linkAt(3, "eth1"), linkAt(4, "eth2")],
      routes: [VIA_ETH0, { ...VIA_ETH1, table: "7" }],
    },
    "eth1,eth2: eth0 has no IPv4 address: searching on eth1, which has a default route, and on eth2",
  ],
  [
    "has no address, and the only default route",
    {
      interfaces: [ETH1, interfaceAt("10.3.3.50", { name: "eth2" })],
      links: [ETH0_LINK, linkAt(3, "eth1"), linkAt(4, "eth2")],
      routes: [VIA_ETH0],
    },
    "eth1,eth2: eth0 has no IPv4 address: searching on eth1 and eth2",
  ],
];
for (const [what, setup, expected] of SUBSTITUTES) {
  test(`createNetwork tells which one stands in when the one that nobody chose ${what}`, async () => {
    const { network, substitutes } = setUp(setup);
    const nics = await network.nics();
    assertEquals([...substitutes, nics.map(({ name }) => name).join()], [expected, expected.split(":")[0]!]);
  });
}

test("createNetwork takes routes that it was kept from reading for unknown, not for missing", async () => {
  const setup = { interfaces: [ETH0, ETH1], links: [ETH0_LINK, linkAt(3, "eth1")] };
  const { network, end } = setUp(setup);
  end();
  await assertRejects(() => network.nics(), DOMException);
  assertEquals(network.whyOther("eth1"), undefined);
});

test("createNetwork keeps the order of interfaces that it found while its time was not over", async () => {
  const setup = { iname: "auto", interfaces: [ETH0, ETH1], links: [ETH0_LINK, linkAt(3, "eth1")], routes: [VIA_ETH1] };
  const { network, end } = setUp(setup);
  await network.nics();
  assertEquals(network.interfaceRank("eth0"), 1);
  end();
  await assertRejects(() => network.nics(), DOMException);
  assertEquals(network.interfaceRank("eth0"), 1);
});

test("createNetwork tells why another one was used besides the one that nobody chose", async () => {
  const setup = { interfaces: [ETH0, ETH1], links: [ETH0_LINK, linkAt(3, "eth1")], routes: [VIA_ETH1] };
  const { network, substitutes } = setUp(setup);
  await network.nics();
  const why = "nothing answers on eth0: using eth1, which has the default route";
  assertEquals([network.whyOther("eth1"), network.whyOther("eth0"), network.whyOther(undefined)], [
    why,
    undefined,
    undefined,
  ]);
  assertEquals(["eth0", "eth1", "eth2", undefined].map(network.interfaceRank), [0, 1, 0, 0]);
  assertEquals(substitutes, [], "it is not used yet");
});

test("createNetwork asks ip for the MAC of a device that only has aliases", async () => {
  const interfaces = [aliasOf(ETH0, "eth0:1", "10.1.1.51")];
  const { network, commands } = setUp({ interfaces, links: [linkAt(2, "eth0", { address: ETH0.mac })] });
  assertEquals((await network.nics()).map(({ mac }) => mac), [ETH0.mac]);
  assertEquals(commands, ["-json -details address show"]);
  const ipv6 = { ...ETH0, family: "IPv6" as const, address: "fe80::1" };
  const told = setUp({ interfaces: [{ ...ETH1, family: "IPv6", address: "fe80::2" }, ...interfaces, ipv6] });
  assertEquals((await told.network.nics()).map(({ mac }) => mac), [ETH0.mac]);
  assertEquals(told.commands, []);
  const labelled = [aliasOf(ETH0, "maas", "10.1.1.51")];
  const links = [labelledAt(linkAt(2, "eth0", { address: ETH0.mac }), "10.1.1.51", "maas")];
  assertEquals((await setUp({ interfaces: labelled, links }).network.nics()).map(({ mac }) => mac), [ETH0.mac]);
  const lost = setUp({ interfaces, links: new Error("no ip") });
  assertEquals((await lost.network.nics()).map(({ mac }) => mac), ["00:00:00:00:00:00"]);
});

const TROUBLES: readonly (readonly [what: string, setup: Setup, kind: string, message: string])[] = [
  ["has no address", { interfaces: [LO] }, "no_address", "eth0 has no IPv4 address"],
  [
    "has only IPv6",
    {
      interfaces: [LO, { ...ETH0, family: "IPv6", address: "fe80::1" }, {
        ...ETH0,
        family: "IPv6",
        address: "2001:db8::50",
      }],
    },
    "no_address",
    "eth0 has no IPv4 address, only 2001:db8::50",
  ],
  [
    "has no address, and somebody chose it",
    { interfaces: [ETH1], routes: [VIA_ETH1], isChosen: true },
    "no_address",
    "eth0 has no IPv4 address; this machine has eth1 (10.2.2.50)",
  ],
  [
    "does not exist, and somebody chose it",
    { iname: "ens3", interfaces: [ETH0, ETH1], routes: [VIA_ETH0], isChosen: true },
    "no_interface",
    "ens3 does not exist; this machine has eth0 (10.1.1.50), eth1 (10.2.2.50)",
  ],
  [
    "is a port of a bridge, and somebody chose it",
    { interfaces: [], links: [linkAt(2, "eth0", { master: "br0" })], isChosen: true },
    "no_address",
    "eth0 is a port of br0",
  ],
  [
    "is down",
    { interfaces: [], links: [linkAt(2, "eth0", { flags: ["BROADCAST"] })] },
    "no_address",
    "eth0 is down and has no IPv4 address",
  ],
  [
    "does not exist, and nothing else has an address",
    { iname: "ens3", interfaces: [LO] },
    "no_interface",
    "ens3 does not exist",
  ],
  ["is auto and nothing has an address", { iname: "auto", interfaces: [LO] }, "no_address", "no Ethernet interface"],
];
for (const [what, setup, kind, message] of TROUBLES) {
  test(`createNetwork has no interface to search on when it ${what}`, async () => {
    const error = await assertRejects(() => setUp(setup).network.nics(), SourceError, message);
    assertEquals(error.kind, kind);
  });
}
