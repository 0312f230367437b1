import { assertEquals, assertMatch } from "@std/assert";
import { networkTest } from "../support/net/network_test.ts";
import { programLine } from "../support/net/program.ts";
import { createScene, SERVERS } from "../support/scene.ts";
import type { Scene } from "../support/scene.ts";
import { GUEST } from "../support/servers/router.ts";

//   guest eth0 (or what is on top of it) 10.1.1.50 ---- lan ---- 10.1.1.7 eth0 router (dnsmasq, nginx)

const ID = "/latest/meta-data/instance-id";
const ROUTER = { address: "10.1.1.7" };

/** Gives eth0 another name. */
function renamed(name: string): readonly string[] {
  return ["link set eth0 down", `link set eth0 name ${name}`, `link set ${name} up`];
}

/** How the guest is cabled, as words of `ip`, and what the log says. */
const CABLINGS: readonly {
  readonly what: string;
  readonly words: readonly string[];
  /** A second network that leads nowhere, on an interface of this name with 10.2.2.50/24; plugged in before the words. */
  readonly second?: string;
  readonly says?: RegExp;
  readonly args?: readonly string[];
}[] = [
  {
    what: "eth0 is a port of a bridge",
    words: [
      "address flush dev eth0",
      "link add br0 type bridge",
      `link set br0 address ${GUEST.mac}`,
      "link set eth0 master br0",
      "link set br0 up",
      "address add 10.1.1.50/24 dev br0",
      "route add default via 10.1.1.7",
    ],
    says: /using another interface.*using=br0.*eth0 is a port of br0/,
  },
  {
    what: "eth0 is under a macvlan",
    words: [
      "address flush dev eth0",
      `link set eth0 address 02:00:0a:01:01:99`,
      `link add mv0 link eth0 address ${GUEST.mac} type macvlan mode bridge`,
      "link set mv0 up",
      "address add 10.1.1.50/24 dev mv0",
    ],
    says: /using another interface.*using=mv0.*on top of it/,
  },
  {
    what: "the interface has another name, and no route",
    words: renamed("ens3"),
    says: /using another interface.*using=ens3.*eth0 does not exist/,
  },
  {
    what: "the interface has another name, and a second one has the default route",
    second: "ens4",
    words: [...renamed("ens3"), "route add default via 10.2.2.1"],
    says: /using another interface.*using=ens4,ens3 .*searching on ens4, which has the default route, and on ens3/,
  },
  {
    what: "the interface has another name, and there is a second one and no route",
    second: "ens4",
    words: renamed("ens3"),
    says: /using another interface.*searching on ens[34] and ens[34]/,
  },
  {
    what: "eth0 is another of the interface's names, and a second one has the default route",
    second: "ens4",
    words: [...renamed("enp1s0"), "link property add dev enp1s0 altname eth0", "route add default via 10.2.2.1"],
  },
  {
    what: "the better of two default routes is over another interface",
    second: "eth1",
    words: ["route add default via 10.2.2.1 metric 100", "route add default via 10.1.1.7 metric 200"],
  },
  {
    what: "the better of two default routes is over another interface, under --iname auto",
    second: "eth1",
    words: ["route add default via 10.2.2.1 metric 100", "route add default via 10.1.1.7 metric 200"],
    args: ["--iname", "auto"],
  },
  {
    what: "the worse of two default routes is over the interface, and eth0 leads nowhere",
    second: "eth9",
    words: [
      ...renamed("eth1"),
      "link set eth9 down",
      "link set eth9 name eth0",
      "link set eth0 up",
      "route add default via 10.2.2.1 metric 100",
      "route add default via 10.1.1.7 metric 200",
    ],
    says: /nothing answers on eth0: using eth1, which has a default route/,
  },
  {
    what: "the interface is named by another of its names",
    words: ["link property add dev eth0 altname enp1s0-longer-than-15"],
    args: ["--iname", "enp1s0-longer-than-15"],
  },
  {
    what: "the address is an alias",
    words: ["address flush dev eth0", "address add 10.1.1.50/24 dev eth0 label eth0:1"],
  },
  {
    what: "the address is an alias, and named",
    words: ["address flush dev eth0", "address add 10.1.1.50/24 dev eth0 label eth0:1"],
    args: ["--iname", "eth0:1"],
  },
  {
    what: "the address has a label that names no interface",
    words: ["address flush dev eth0", "address add 10.1.1.50/24 dev eth0 label eth0-maas"],
  },
  {
    what: "the address has a label that names no interface, under --iname auto",
    words: ["address flush dev eth0", "address add 10.1.1.50/24 dev eth0 label eth0-maas"],
    args: ["--iname", "auto"],
  },
  {
    what: "the interface is named, and its address has a label that names none",
    words: ["address flush dev eth0", "address add 10.1.1.50/24 dev eth0 label eth0-maas"],
    args: ["--iname", "eth0"],
  },
  {
    what: "the address is a /32 with a route to the router",
    words: ["address flush dev eth0", "address add 10.1.1.50/32 dev eth0", "route add 10.1.1.7 dev eth0"],
  },
  {
    what: "the default route is one of policy",
    words: ["route add default via 10.1.1.7 table 7", "rule add from 10.1.1.50 table 7"],
  },
];
for (const { what, second, words, says, args = [] } of CABLINGS) {
  networkTest(`the router is found where ${what}`, SERVERS, async () => {
    await using scene = await createScene({
      router: ROUTER,
      prepare: async ({ network, guest }) => {
        const other = await network.createSegment();
        if (second !== undefined) await other.attach(guest, { iface: second, address: "10.2.2.50/24" });
        for (const line of words) await guest.ip(line);
      },
      args,
    });
    assertEquals((await scene.getUntilGood(ID)).status, 200);
    if (says !== undefined) await scene.program.waitForLine(says);
  });
}

/** Gives the guest a second interface that leads nowhere, which takes the name eth0. */
async function moveToSecondNic({ network, guest }: Scene): Promise<void> {
  for (const line of renamed("eth1")) await guest.ip(line);
  const other = await network.createSegment();
  await other.attach(guest, { iface: "eth0", address: "10.2.2.50/24" });
  await guest.ip("route add default via 10.1.1.7");
}

networkTest(
  "the router is found on the interface with the default route where nothing answers on eth0",
  SERVERS,
  async () => {
    await using scene = await createScene({ router: ROUTER, prepare: moveToSecondNic });
    assertEquals((await scene.getUntilGood(ID)).status, 200);
    await scene.program.waitForLine(
      /using another interface.*nothing answers on eth0: using eth1, which has the default/,
    );
  },
);

networkTest(
  "an interface that the operator wrote is kept to, and the advice names the one with the route",
  SERVERS,
  async () => {
    await using scene = await createScene({ router: ROUTER, prepare: moveToSecondNic, args: "none" });
    const line = ["discover", "--iname", "eth0", "--discovery-timeout", "2s"];
    const { code, stdout } = await scene.guest.run(programLine(line));
    assertEquals(code, 1, stdout);
    assertMatch(stdout, /elsewhere +default route by 10\.1\.1\.7 on eth1/);
    assertMatch(stdout, /the default route is over eth1, which was not searched: try --iname eth1/);
  },
);

networkTest(
  "a written interface that does not exist is not replaced, and the message names the others",
  SERVERS,
  async () => {
    await using scene = await createScene({ router: ROUTER, args: "none" });
    const { code, stdout } = await scene.guest.run(
      programLine(["discover", "--iname", "ens3", "--discovery-timeout", "1s"]),
    );
    assertEquals(code, 1, stdout);
    assertMatch(stdout, /ens3 does not exist; this machine has eth0 \(10\.1\.1\.50\)/);
  },
);
