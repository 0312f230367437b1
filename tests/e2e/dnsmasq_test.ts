import { assertEquals, assertMatch } from "@std/assert";
import { networkTest } from "../support/net/network_test.ts";
import { programLine } from "../support/net/program.ts";
import { createScene, SERVERS } from "../support/scene.ts";
import type { Scene } from "../support/scene.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import { GUEST } from "../support/servers/router.ts";

//   guest eth0 10.1.1.50 ---- lan ---- 10.1.1.7 eth0 router (dnsmasq as it was met somewhere, nginx)

const ID = "/latest/meta-data/instance-id";
const DHCP_ONLY = ["--discovery", "dhcp"] as const;

/** Starts dnsmasq on the router with a configuration of tests/testdata/dnsmasq, which knows the guest by another MAC. */
async function startDnsmasq({ network, router }: Scene, name: string, more: readonly string[] = []): Promise<void> {
  const text = await Deno.readTextFile(new URL(`../testdata/dnsmasq/${name}.conf`, import.meta.url));
  const [file, leases] = [`${network.folder}/${name}.conf`, `${network.folder}/${name}.leases`];
  await Deno.writeTextFile(leases, "0 02:00:4b:00:00:99 10.1.1.50 old *\n");
  await Deno.writeTextFile(file, text.replace("LEASEFILE", leases).replace("02:00:4b:00:00:50", GUEST.mac));
  const dnsmasq = router.host.start(["dnsmasq", "--no-daemon", "--user=root", `--conf-file=${file}`, ...more]);
  await dnsmasq.waitForLine(/DHCP, static leases only/);
}

/** Configurations with which a router is found by DHCP. */
const FOUND: Readonly<Record<string, readonly [file: string, more?: readonly string[]]>> = {
  "names itself in an option as well": ["option54"],
  "has leased the address to another": ["leased_to_another"],
  "is authoritative": ["option54", ["--dhcp-authoritative"]],
};
for (const [what, [file, more]] of Object.entries(FOUND)) {
  networkTest(`a router whose dnsmasq ${what} is found by it`, SERVERS, async () => {
    await using scene = await createScene({
      router: { address: "10.1.1.7", dhcp: "none" },
      prepare: (scene) => startDnsmasq(scene, file, more),
      args: DHCP_ONLY,
    });
    assertEquals((await scene.getUntilGood(ID)).status, 200);
  });
}

networkTest(
  "a router that knows another MAC under the guest's address is found where it is the gateway",
  SERVERS,
  async () => {
    await using scene = await createScene({
      router: { address: "10.1.1.7", dhcp: "none" },
      prepare: (scene) => startDnsmasq(scene, "unknown_mac"),
      args: "none",
    });
    const { code, stdout } = await scene.guest.run(
      programLine(["discover", "--discovery-timeout", "2s", ...DHCP_ONLY]),
    );
    assertEquals(code, 1, stdout);
    assertMatch(stdout, /no DHCP server answered on eth0 .*knows this interface's MAC address/);

    await scene.guest.ip("route add default via 10.1.1.7");
    const program = await scene.startProgram();
    assertEquals((await scene.getUntilGood(ID)).status, 200);
    assertMatch(await program.waitForLine(/found the router/), /address=10\.1\.1\.7 source=gateway/);
  },
);

networkTest(
  "a router that hands out addresses of its other network alone is found by those of the guest's",
  SERVERS,
  async () => {
    //   guest 10.2.1.31 ---- lan ---- 10.1.1.7, 10.2.1.7, 10.2.1.1 router
    const address = "10.2.1.31";
    await using scene = await createScene({
      guest: "unaddressed",
      router: { address: "10.1.1.7", dhcp: "none", metadata: { [address]: sampleMetadata(address) } },
      prepare: async (scene) => {
        const { guest, router } = scene;
        for (const own of ["10.2.1.7", "10.2.1.1"]) await router.host.ip(`address add ${own}/24 dev eth0`);
        await startDnsmasq(scene, "second_subnet");
        await guest.ip(`address add ${address}/24 dev eth0`);
        await guest.ip("route add default via 10.2.1.1");
        await guest.write("/etc/resolv.conf", "nameserver 10.2.1.1\n");
      },
    });
    assertEquals((await scene.getUntilGood(ID)).body, sampleMetadata(address)["instance-id"]);
    for (const source of ["dns", "gateway"]) {
      await scene.program.stop();
      await scene.guest.must(["rm", "-f", "/run/mdproxy4cs/router.json"]);
      const program = await scene.startProgram(["--discovery", source]);
      assertEquals((await scene.getUntilGood(ID)).status, 200);
      await program.waitForLine(new RegExp(`found the router address=10\\.[12]\\.1\\.[17] source=${source}`));
    }
  },
);
