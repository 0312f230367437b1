import { assertEquals, assertThrows } from "@std/assert";
import { parseLinks, parseNeighbours, parseRoutes } from "../../../lib/discover/sources/links.ts";
import { SourceError } from "../../../lib/discover/sources/source_error.ts";
import { test } from "../../support/test.ts";
import { interfaceAt, linkAt } from "../../support/fakes/lan.ts";
import { aliasOf, ETH0, ETH1, LO, setUp, VIA_ETH0, VIA_ETH1 } from "./network_scene.ts";

test("createNetwork tells the first address of each network that is searched on", async () => {
  const interfaces = [
    interfaceAt("10.1.1.50"),
    interfaceAt("10.3.3.50"),
    interfaceAt("10.9.9.9", { netmask: "255.255.255.255", name: "eth2" }),
    interfaceAt("10.8.8.8", { netmask: "255.255.255.254", name: "eth3" }),
    interfaceAt("10.7.7.6", { netmask: "255.255.255.252", name: "eth4" }),
  ];
  const { network } = setUp({ iname: "auto", interfaces, links: new Error("no ip"), routes: new Error("no ip") });
  assertEquals(network.firstHosts(), []);
  await network.nics();
  assertEquals(network.firstHosts(), [
    { address: "10.1.1.1", iface: "eth0" },
    { address: "10.7.7.5", iface: "eth4" },
  ]);
});

test("createNetwork knows the devices, and notices when an address changes", () => {
  const interfaces = [LO, ETH0, aliasOf(ETH0, "eth0:1", "10.1.1.51"), ETH1];
  const { network } = setUp({ interfaces });
  assertEquals(network.devices(), ["eth0", "eth1"]);
  const isCurrent = network.watch();
  assertEquals(isCurrent(), true);
  interfaces[1] = interfaceAt("10.1.1.52");
  assertEquals(isCurrent(), false);
});

test("createNetwork finds the index of each interface", async () => {
  const { network } = setUp({ links: [linkAt(1, "lo"), linkAt(7, "eth0")] });
  assertEquals((await network.indexedNics()).map(({ name, index, isUp }) => [name, index, isUp]), [["eth0", 7, true]]);
});

test("createNetwork gives the gateways over the selected interfaces only", async () => {
  const { network } = setUp({ interfaces: [ETH0, ETH1], routes: [VIA_ETH1, VIA_ETH0], isChosen: true });
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

const NO_MORE = { altNames: [], addresses: [], mac: undefined, master: undefined, parent: undefined };

test("parseLinks reads what iproute2 6.1 prints", () => {
  const printed = `[{"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP","LOWER_UP"],"link_type":"loopback"},
    {"ifindex":2,"link_index":3,"ifname":"eth0","flags":["BROADCAST","MULTICAST","UP","LOWER_UP"],"mtu":1500,
     "link":"p0","operstate":"UP","link_type":"ether","address":"02:00:4c:9f:00:0a","linkinfo":{"info_kind":"veth"},
     "altnames":["enp1s0"],"addr_info":[{"family":"inet","local":"10.1.1.50","prefixlen":24,"label":"maas"},3]},
    {"ifindex":4,"ifname":"eth1","master":"br0","flags":["NO-CARRIER","BROADCAST","MULTICAST","UP"],"link_type":"ether"},{}]`;
  assertEquals(parseLinks(printed), [
    { ...NO_MORE, index: 1, name: "lo", isGuestNic: false, isUp: true },
    {
      ...NO_MORE,
      index: 2,
      name: "eth0",
      altNames: ["enp1s0"],
      addresses: [{ address: "10.1.1.50", label: "maas" }],
      mac: "02:00:4c:9f:00:0a",
      parent: "p0",
      isGuestNic: true,
      isUp: true,
    },
    { ...NO_MORE, index: 4, name: "eth1", master: "br0", isGuestNic: false, isUp: false },
  ]);
});

test("parseRoutes puts the preferred route first, and leaves out those without a gateway", () => {
  const printed = `[{"dst":"default","gateway":"10.1.1.1","dev":"eth0","metric":100,"flags":[]},
    {"dst":"default","gateway":"10.2.2.1","dev":"eth1","flags":[]},{"dst":"default","dev":"ppp0"}]`;
  assertEquals(parseRoutes(printed), [{ gateway: "10.2.2.1", iface: "eth1" }, { gateway: "10.1.1.1", iface: "eth0" }]);
});

test("parseRoutes puts the routes of policy behind those of the main table", () => {
  const printed = `[{"dst":"default","gateway":"10.3.3.1","dev":"eth2","table":"7"},
    {"dst":"default","gateway":"10.1.1.1","dev":"eth0","table":"main","metric":100},
    {"dst":"default","gateway":"10.2.2.1","dev":"eth1","metric":200}]`;
  assertEquals(parseRoutes(printed).map(({ iface }) => iface), ["eth0", "eth1", "eth2"]);
});

test("parseRoutes takes a route over several gateways for one over each", () => {
  const printed = `[{"dst":"default","gateway":"10.1.1.3","dev":"eth0","metric":100,"flags":[]},
    {"dst":"default","metric":5,"flags":[],"nexthops":[{"gateway":"10.1.1.1","dev":"eth0","weight":1,"flags":[]},
      {"gateway":"10.2.2.1","dev":"eth1","weight":1,"flags":[]},{"dev":"ppp0","weight":1,"flags":[]}]}]`;
  assertEquals(parseRoutes(printed), [
    { gateway: "10.1.1.1", iface: "eth0" },
    { gateway: "10.2.2.1", iface: "eth1" },
    { gateway: "10.1.1.3", iface: "eth0" },
  ]);
});

test("parseLinks, parseRoutes and parseNeighbours find nothing in entries that they do not understand", () => {
  for (const text of ["", "[null,1]", '[{"ifindex":2}]', '[{"ifname":"eth0"}]']) {
    assertEquals([parseLinks(text), parseRoutes(text), parseNeighbours(text)], [[], [], []], text);
  }
});

test("parseLinks, parseRoutes and parseNeighbours tell what ip printed that is no list in JSON", () => {
  for (const text of ["null", "{}", "default via 10.1.1.1 dev eth0", "[{", "warning: an old kernel\n[]"]) {
    for (const parse of [parseLinks, parseRoutes, parseNeighbours]) {
      const { kind, message } = assertThrows(() => parse(text), SourceError);
      assertEquals([kind, message], ["command", `ip -json printed no list in JSON: ${JSON.stringify(text)}`]);
    }
  }
});
