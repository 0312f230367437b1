import { assertEquals, assertMatch } from "@std/assert";
import { listTestdata } from "../dhcp/read_hex.ts";
import { networkTest } from "../support/net/network_test.ts";
import { programLine } from "../support/net/program.ts";
import { createScene, SERVERS } from "../support/scene.ts";
import type { Scene } from "../support/scene.ts";
import { startPacketServer } from "../support/servers/packet_server.ts";
import type { Packets } from "../support/servers/packet_server.ts";

//   guest eth0 10.1.1.50 ---- lan ---- 10.1.1.7 eth0 router (an odd DHCP server, nginx)

const ID = "/latest/meta-data/instance-id";
const DHCP_ONLY = ["--discovery", "dhcp"] as const;

for (const name of listTestdata("replies")) {
  networkTest(`a router whose DHCP server answers with ${name} is found by it`, SERVERS, async () => {
    await using scene = await createScene({
      router: { address: "10.1.1.7", dhcp: "none" },
      prepare: async ({ router }) => void await startPacketServer(router.host, "10.1.1.7", name),
      args: DHCP_ONLY,
    });
    assertEquals((await scene.getUntilGood(ID)).status, 200);
  });
}

const HEADER = "02010600 {xid} 0000 8000 00000000 0a010132 00000000 00000000 {chaddr} {z64} {z128} 63825363";

/** What a router's DHCP server may call itself that is no router's address, and no reason not to find it. */
const MISNAMED: Readonly<Record<string, string>> = {
  "0.0.0.0": "00000000",
  "255.255.255.255": "ffffffff",
  "127.0.0.1": "7f000001",
  "a multicast address": "e0000001",
  "a link-local address": "a9fe0101",
  "the listen address": "a9fea9fe",
  "the guest's own address": "0a010132",
};
networkTest(
  "a router whose DHCP server calls itself by no router's address is found by its own",
  SERVERS,
  async (context) => {
    for (const [what, identifier] of Object.entries(MISNAMED)) {
      await context.step(what, async () => {
        const packets = {
          discover: `${HEADER} 350102 3604 ${identifier} ff`,
          inform: `${HEADER} 350105 3604 ${identifier} ff`,
        };
        await using scene = await createScene({
          router: { address: "10.1.1.7", dhcp: "none" },
          prepare: async ({ router }) => void await startPacketServer(router.host, "10.1.1.7", packets),
          args: DHCP_ONLY,
        });
        assertEquals((await scene.getUntilGood(ID)).status, 200);
        assertMatch(await scene.program.waitForLine(/found the router/), /address=10\.1\.1\.7\b/);
      });
    }
  },
);

/** What a DHCP server that serves no metadata answers, and what `discover` says of it. */
const DISBELIEVED: readonly (readonly [what: string, packets: Packets, says: RegExp])[] = [
  ["without a server identifier", "pkt_no_54.txt", /10\.1\.1\.7 answered \d+ times without a server identifier/],
  ["with a NAK", { discover: `${HEADER} 350106 36040a010107 ff` }, /10\.1\.1\.7 answered \d+ times with a NAK/],
  ["with plain BOOTP", { discover: `${HEADER} 0104ffffff00 ff` }, /10\.1\.1\.7 answered \d+ times with plain BOOTP/],
  [
    "with options that cannot be read",
    { discover: `${HEADER} 350102 3604 0a` },
    /10\.1\.1\.7 answered \d+ times with options that cannot be read/,
  ],
  ["with no DHCP message", { discover: "0102 {z64}" }, /10\.1\.1\.7 answered \d+ times with no DHCP message/],
];
for (const [what, packets, says] of DISBELIEVED) {
  networkTest(`discover says that a DHCP server answers ${what}, and how often`, SERVERS, async () => {
    await using scene = await createScene({
      router: { address: "10.1.1.7", dhcp: "none", web: "none" },
      prepare: async ({ router }) => void await startPacketServer(router.host, "10.1.1.7", packets),
      args: "none",
    });
    const { code, stdout } = await discover(scene);
    assertEquals(code, 1);
    assertMatch(stdout, says);
  });
}

function discover({ guest }: Scene) {
  return guest.run(programLine(["discover", "--discovery", "dhcp", "--discovery-timeout", "2s"]));
}
