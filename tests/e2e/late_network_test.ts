import { assertEquals } from "@std/assert";
import { createNetwork } from "../support/net/network.ts";
import type { Host, Network, Segment } from "../support/net/network.ts";
import { createGuest, get, getUntilGood, startProgram } from "../support/net/program.ts";
import { networkTest } from "../support/net/network_test.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import { GUEST, startRouter } from "../support/servers/router.ts";

//   guest eth0, one day 10.1.1.50 ---- lan ---- 10.1.1.1 eth0 router

const LATE: readonly {
  readonly what: string;
  readonly create: (network: Network, lan: Segment) => Promise<Host>;
  readonly arrive: (guest: Host, lan: Segment) => Promise<void>;
}[] = [
  {
    what: "the interface does not exist yet",
    create: (network) => network.createHost("guest"),
    arrive: (guest, lan) => lan.attach(guest, { iface: "eth0", mac: GUEST.mac, address: `${GUEST.address}/24` }),
  },
  {
    what: "the interface has no address yet",
    create: (network, lan) => createGuest(network, lan, { address: "" }),
    arrive: (guest) => guest.ip(`address add ${GUEST.address}/24 dev eth0`),
  },
  {
    what: "the link is down",
    create: async (network, lan) => {
      const guest = await createGuest(network, lan);
      await guest.ip("link set eth0 down");
      return guest;
    },
    arrive: (guest) => guest.ip("link set eth0 up"),
  },
];

for (const { what, create, arrive } of LATE) {
  networkTest(
    `mdproxy4cs that starts when ${what} answers 503, and serves by itself once the network is there`,
    { programs: ["dnsmasq", "nginx"] },
    async () => {
      await using network = await createNetwork();
      const lan = await network.createSegment();
      await startRouter(network, lan);
      const guest = await create(network, lan);
      await startProgram(guest, ["--request-timeout", "2s", "--discovery-timeout", "2s"]);
      const { status, body } = await get(guest, "/latest/meta-data/instance-id");
      assertEquals([status, body], [503, ""]);

      await arrive(guest, lan);
      const answer = await getUntilGood(guest, "/latest/meta-data/instance-id");
      assertEquals(answer.body, sampleMetadata(GUEST.address)["instance-id"]);
      console.log(`found ${answer.totalMs} ms after the network came up`);
    },
  );
}
