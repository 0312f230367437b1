import { assertEquals, assertMatch } from "@std/assert";
import type { Host } from "../support/net/network.ts";
import { networkTest } from "../support/net/network_test.ts";
import type { Needs } from "../support/net/network_test.ts";
import { programLine } from "../support/net/program.ts";
import { createScene } from "../support/scene.ts";

//   guest (nftables) eth0 10.1.1.50 ---- lan ---- 10.1.1.1 eth0 router (dnsmasq, nginx)

const NEEDS: Needs = { programs: ["dnsmasq", "nginx", "nft"] };
const ID = "/latest/meta-data/instance-id";

async function loadRules(guest: Host, rules: string): Promise<void> {
  await guest.must(["nft", "-f", "-"], { input: `table ip filter {\n${rules}\n}\n` });
}

/** Who answers: the first address of the network is likely, and of any other the guest hears by ARP before it answers. */
for (const [who, address] of [["a likely address", "10.1.1.1"], ["whoever asked for its own", "10.1.1.7"]] as const) {
  networkTest(
    `a guest that drops all but established input finds the router by a message to ${who}`,
    NEEDS,
    async () => {
      await using scene = await createScene({
        router: { address },
        prepare: ({ guest }) =>
          loadRules(
            guest,
            "chain input { type filter hook input priority 0; policy drop; iif lo accept; ct state established,related accept; }",
          ),
        args: ["--discovery", "dhcp"],
      });
      assertEquals((await scene.getUntilGood(ID)).status, 200);
    },
  );
}

networkTest(
  "a network that passes DHCP between ports 67 and 68 alone, as security groups do, is enough",
  NEEDS,
  async () => {
    await using scene = await createScene({
      router: { address: "10.1.1.7" },
      prepare: ({ router }) =>
        loadRules(
          router.host,
          "chain input { type filter hook input priority 0; udp dport 67 udp sport != 68 drop; }\n" +
            "chain output { type filter hook output priority 0; udp sport 67 udp dport != 68 drop; }",
        ),
      args: ["--discovery", "dhcp"],
    });
    assertEquals((await scene.getUntilGood(ID)).status, 200);
  },
);

networkTest("discover says that the guest's own firewall drops what is sent", NEEDS, async () => {
  await using scene = await createScene({
    prepare: ({ guest }) => loadRules(guest, "chain output { type filter hook output priority 0; udp dport 67 drop; }"),
    args: "none",
  });
  const { code, stdout } = await scene.guest.run(
    programLine(["discover", "--discovery", "dhcp", "--discovery-timeout", "2s"]),
  );
  assertEquals(code, 1, stdout);
  assertMatch(
    stdout,
    /Most likely: a firewall of this machine drops what is sent to DHCP servers \(UDP port 67\) on eth0/,
  );
  assertMatch(stdout, /Next: let UDP to port 67.*nft list ruleset/);
});

networkTest("discover says that large answers do not come where the way drops large packets", NEEDS, async () => {
  await using scene = await createScene({
    router: {
      metadata: { "10.1.1.50": { "instance-id": "i-2-10-VM", "user-data": "x".repeat(30_000) } },
    },
    prepare: ({ router }) =>
      loadRules(
        router.host,
        "chain output { type filter hook output priority 0; tcp sport 80 meta length > 1200 drop; }",
      ),
    args: "none",
  });
  const { code, stdout } = await scene.guest.run(programLine(["discover", "--discovery", "dhcp"]));
  assertEquals(code, 0, stdout);
  assertMatch(
    stdout,
    /The router is 10\.1\.1\.1, found by dhcp on eth0, but its large answers do not come: \/latest\/user-data: /,
  );
  assertMatch(stdout, /MTU/);
});
