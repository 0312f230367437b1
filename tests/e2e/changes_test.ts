import { assertEquals, assertMatch } from "@std/assert";
import { networkTest } from "../support/net/network_test.ts";
import { createScene, SERVERS } from "../support/scene.ts";
import type { Scene } from "../support/scene.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import { GUEST } from "../support/servers/router.ts";

//   guest eth0 10.1.1.50, until its network changes ---- lan ---- 10.1.1.7 eth0 router (dnsmasq, nginx)

const ID = "/latest/meta-data/instance-id";
const OWN = sampleMetadata(GUEST.address);
/** The same guest, whatever its address. */
const METADATA = { [GUEST.address]: OWN, "10.1.1.60": OWN, "10.9.1.60": OWN };

/** What happens to the guest's network while the program runs. */
const CHANGES: readonly { readonly what: string; readonly change: (scene: Scene) => Promise<unknown> }[] = [
  {
    what: "its address becomes another one of the same network",
    async change({ guest }) {
      await guest.ip("address flush dev eth0");
      await guest.ip("address add 10.1.1.60/24 dev eth0");
    },
  },
  {
    what: "it is moved to another network, and the router as well",
    async change({ guest, router, startRouter }) {
      await guest.ip("address flush dev eth0");
      await router.host.ip("link set eth0 down");
      await guest.ip("address add 10.9.1.60/24 dev eth0");
      const guests = [{ ...GUEST, address: "10.9.1.60" }];
      await startRouter({ name: "successor", address: "10.9.1.1", guests, metadata: METADATA });
    },
  },
  {
    what: "its interface is unplugged, and another one is plugged in under the same name",
    async change({ guest, lan }) {
      await guest.ip("link delete eth0");
      await lan.attach(guest, { iface: "eth0", mac: GUEST.mac, address: "10.1.1.50/24" });
    },
  },
  {
    what: "its link goes down and comes up again, with its address",
    async change({ guest }) {
      await guest.ip("link set eth0 down");
      await guest.ip("link set eth0 up");
    },
  },
];
for (const { what, change } of CHANGES) {
  networkTest(`a guest is served again by itself when ${what}`, SERVERS, async () => {
    await using scene = await createScene({
      router: { address: "10.1.1.7", metadata: METADATA },
      args: ["--cache-ttl", "0", "--stale-if-error", "0"],
    });
    assertEquals((await scene.get(ID)).status, 200);
    await change(scene);
    assertEquals((await scene.getUntilGood(ID)).body, OWN["instance-id"]);
  });
}

networkTest("a guest whose requests begin to leave as another one's is not served the other's metadata for long", {
  programs: ["dnsmasq", "nginx", "nft"],
}, async () => {
  await using scene = await createScene({
    router: { address: "10.1.1.7", metadata: { ...METADATA, "10.1.1.51": sampleMetadata("10.1.1.51") } },
    args: ["--cache-ttl", "0", "--stale-if-error", "0", "--confirm-interval", "1s", "--request-timeout", "2s"],
  });
  const { guest, program } = scene;
  assertEquals((await scene.get(ID)).body, OWN["instance-id"]);
  await guest.ip("address add 10.1.1.51/24 dev eth0");
  await guest.must(["nft", "-f", "-"], {
    input: `table ip t {
      chain p { type nat hook postrouting priority 100; ip daddr 10.1.1.7 tcp dport 80 snat to 10.1.1.51; }
    }\n`,
  });
  assertMatch(await program.waitForLine(/the router is suspect/), /metadata of i-2-51-VM, this machine's is i-2-50-VM/);
  const { status, body } = await scene.get("/latest/user-data");
  assertEquals([status, body], [503, ""]);
  assertMatch(await program.waitForLine(/refusing a router of another identity/), /i-2-51-VM.*i-2-50-VM.*restart/);

  await guest.must(["nft", "flush", "ruleset"]);
  assertEquals((await scene.getUntilGood(ID)).body, OWN["instance-id"]);
});
