import { assertEquals } from "@std/assert";
import type { Host, Network } from "../support/net/network.ts";
import { networkTest } from "../support/net/network_test.ts";
import type { Needs } from "../support/net/network_test.ts";
import { createScene, SERVERS } from "../support/scene.ts";
import { NETWORKD_LEASES, startDhcpClient } from "../support/servers/dhcp_client.ts";
import type { DhcpClient } from "../support/servers/dhcp_client.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import { GUEST } from "../support/servers/router.ts";
import type { Router } from "../support/servers/router.ts";
import type { SourceName } from "../../lib/config/words.ts";
import { filePath } from "../../tools/file_path.ts";

//   guest eth0 10.1.1.50 ---- lan ---- 10.1.1.1 eth0 router (dnsmasq that fell silent, nginx)

const INSTANCE_ID = sampleMetadata(GUEST.address)["instance-id"];

/** How the guest comes to know the router's address, by each source that is not live DHCP. */
const SOURCES: Readonly<
  Record<Exclude<SourceName, "dhcp" | "config_drive">, {
    readonly needs?: Needs;
    /** A client that leaves a lease while the DHCP server still speaks. */
    readonly client?: DhcpClient;
    /** What else the guest is set up with. */
    readonly prepare?: (guest: Host) => Promise<void>;
    readonly args?: readonly string[];
  }>
> = {
  server: { args: ["--server", "10.1.1.1"] },
  networkd: { client: "networkd", needs: NETWORKD_LEASES },
  dhclient: { client: "dhclient", needs: { programs: ["dhclient"] } },
  dhcpcd: { client: "dhcpcd", needs: { programs: ["dhcpcd"] } },
  network_manager: {
    prepare: async (guest) => {
      const [{ ifindex }] = JSON.parse(await guest.must(["ip", "-json", "link", "show", "eth0"]));
      await guest.write(`/run/NetworkManager/devices/${ifindex}`, await readLease("network_manager_1.52"));
    },
  },
  wicked: {
    prepare: async (guest) => {
      const lease = (await readLease("wicked_lease.xml")).replace("10.1.1.7", "10.1.1.1");
      await guest.write("/var/lib/wicked/lease-eth0-dhcp-ipv4.xml", lease);
    },
  },
  dns: { prepare: (guest) => guest.write("/etc/resolv.conf", "nameserver 10.1.1.1\n") },
  gateway: { prepare: (guest) => guest.ip("route replace default via 10.1.1.1") },
};

for (const [source, { needs, client, prepare, args = [] }] of Object.entries(SOURCES)) {
  networkTest(
    `discovery finds the router through ${source} alone, while DHCP is silent`,
    { ...needs, programs: ["dnsmasq", "nginx", ...(needs?.programs ?? [])] },
    async () => {
      await using scene = await createScene({
        guest: client === undefined ? "addressed" : "unaddressed",
        router: { dataServer: "10.1.1.1" },
        args: "none",
      });
      const { network, guest, router } = scene;
      if (client !== undefined) await startDhcpClient(network, guest, { client });
      await fallSilent(network, router);
      await prepare?.(guest);

      const program = await scene.startProgram(["--discovery", `dhcp,${source}`, ...args]);
      const { body } = await scene.getUntilGood("/latest/meta-data/instance-id");
      assertEquals(body, INSTANCE_ID);
      await program.waitForLine(new RegExp(`address=10\\.1\\.1\\.1 .*source=${source}\\b`));
    },
  );
}

networkTest(
  "discovery with every source prefers live DHCP to what others say",
  SERVERS,
  async () => {
    await using scene = await createScene({ router: { dataServer: "10.1.1.1" }, args: "none" });
    const { guest } = scene;
    for (const { prepare } of Object.values(SOURCES)) await prepare?.(guest);

    const program = await scene.startProgram();
    assertEquals((await scene.get("/latest/meta-data/instance-id")).body, INSTANCE_ID);
    await program.waitForLine(/address=10\.1\.1\.1 .*source=dhcp\b/);
  },
);

networkTest(
  "a request is answered with an empty 503 while nobody knows a router, and served once somebody does",
  SERVERS,
  async () => {
    await using scene = await createScene({
      router: "none",
      args: ["--request-timeout", "2s", "--discovery-timeout", "2s"],
    });

    const { status, body } = await scene.get("/latest/user-data");
    assertEquals([status, body], [503, ""]);

    await scene.startRouter();
    const answer = await scene.getUntilGood("/latest/user-data");
    assertEquals(answer.body, sampleMetadata(GUEST.address)["user-data"]);
    console.log(`found ${answer.totalMs} ms after the router came up`);
  },
);

function readLease(name: string): Promise<string> {
  return Deno.readTextFile(filePath(`../testdata/leases/${name}`, import.meta.url));
}

/** The router's DHCP server no longer knows the guest, so that it ignores it, and still answers as a name server. */
async function fallSilent(network: Network, router: Router): Promise<void> {
  await Deno.writeTextFile(`${network.folder}/router-dhcp/dhcphosts.txt`, "");
  const from = router.dhcp.lines.length;
  router.dhcp.kill("SIGHUP");
  await router.dhcp.waitForLine(/read .*dhcphosts\.txt/, { from });
}
