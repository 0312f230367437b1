import { assertEquals } from "@std/assert";
import { networkTest } from "../support/net/network_test.ts";
import { createScene } from "../support/scene.ts";
import type { Program } from "../support/packages.ts";
import type { DhcpServer } from "../support/servers/dhcp.ts";
import { startDhcpClient } from "../support/servers/dhcp_client.ts";
import type { DhcpClient } from "../support/servers/dhcp_client.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import { GUEST } from "../support/servers/router.ts";

//   guest eth0 10.1.1.50 ---- lan ---- 10.1.1.1 eth0 router (a DHCP server, nginx)

const SERVERS: Readonly<Record<DhcpServer, Program>> = {
  dnsmasq: "dnsmasq",
  dhcpd: "dhcpd",
  kea: "kea-dhcp4",
  udhcpd: "busybox",
};
const CLIENTS: Readonly<Record<DhcpClient, Program>> = {
  dhclient: "dhclient",
  udhcpc: "busybox",
  dhcpcd: "dhcpcd",
  networkd: "systemd-networkd",
};

/** Every server with a static guest and with one client, and a CloudStack router with every client. */
const PAIRS: readonly (readonly [DhcpServer, DhcpClient | undefined])[] = [
  ["dnsmasq", undefined],
  ["dnsmasq", "dhclient"],
  ["dnsmasq", "udhcpc"],
  ["dnsmasq", "dhcpcd"],
  ["dnsmasq", "networkd"],
  ["dhcpd", undefined],
  ["dhcpd", "networkd"],
  ["kea", undefined],
  ["kea", "dhclient"],
  ["udhcpd", undefined],
  ["udhcpd", "udhcpc"],
];

for (const [dhcp, client] of PAIRS) {
  networkTest(
    `live DHCP finds a router that runs ${dhcp} from a host ${
      client === undefined ? "with a static address" : `configured by ${client}`
    }`,
    {
      programs: ["nginx", SERVERS[dhcp], ...(client === undefined ? [] : [CLIENTS[client]])],
      root: client === "networkd", // it insists on becoming a user of its own
    },
    async () => {
      await using scene = await createScene({
        guest: client === undefined ? "addressed" : "unaddressed",
        router: { dhcp },
        args: "none",
      });
      const { network, guest } = scene;
      if (client !== undefined) await startDhcpClient(network, guest, { client });

      const program = await scene.startProgram(["--discovery", "dhcp"]);
      const { status, body } = await scene.get("/latest/meta-data/instance-id");
      assertEquals([status, body], [200, sampleMetadata(GUEST.address)["instance-id"]]);
      await program.waitForLine(/address=10\.1\.1\.1 .*source=dhcp/);
    },
  );
}
