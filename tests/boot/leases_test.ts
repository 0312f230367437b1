import { assertEquals, assertMatch } from "@std/assert";
import { createNetwork } from "../support/net/network.ts";
import { createGuest, PROXY } from "../support/net/program.ts";
import { networkTest } from "../support/net/network_test.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import { GUEST, startRouter } from "../support/servers/router.ts";
import { installByHand, installFile } from "./install.ts";
import { createImage } from "./machine.ts";
import type { Image, Machine } from "./machine.ts";

//   vm eth0, configured by a DHCP client of Debian ---- lan ---- 10.1.1.7 eth0 router (dnsmasq that falls silent, nginx)

const NEEDS = { programs: ["debootstrap", "dnsmasq", "nginx", "zip", "libdeflate-gzip"], root: true } as const;
const UNIT = "mdproxy4cs.service";
const PACKAGES = ["dhcpcd", "isc-dhcp-client", "ifupdown", "network-manager"];
/** How long a client may take to have its address. */
const LEASE_SECONDS = 60;

/** Each source of leases: the unit of its client, where that keeps a lease and who may read it, and its settings. */
const CLIENTS: Readonly<
  Record<string, {
    readonly unit: string;
    readonly lease: string;
    /** What keeps others from reading it, where the file does not. */
    readonly folder?: string;
    readonly mode: RegExp;
    readonly files?: readonly (readonly [path: string, text: string, mode?: string])[];
  }>
> = {
  networkd: {
    unit: "systemd-networkd.service",
    lease: "/run/systemd/netif/leases/*",
    mode: /^644$/m,
    files: [["/etc/systemd/network/eth0.network", "[Match]\nName=eth0\n[Network]\nDHCP=ipv4\n"]],
  },
  dhclient: {
    unit: "networking.service",
    lease: "/var/lib/dhcp/dhclient.eth0.leases",
    mode: /^644$/m,
    files: [["/etc/network/interfaces", "auto eth0\niface eth0 inet dhcp\n"]],
  },
  dhcpcd: {
    unit: "dhcpcd.service",
    lease: "/var/lib/dhcpcd/eth0.lease",
    mode: /^640$/m,
    // Without udev no interface counts as ready.
    files: [["/etc/dhcpcd.conf", "nodev\nallowinterfaces eth0\n"]],
  },
  network_manager: {
    unit: "NetworkManager.service",
    lease: "/var/lib/NetworkManager/internal-*.lease",
    folder: "/var/lib/NetworkManager",
    mode: /^700$/m,
    files: [
      [
        "/etc/NetworkManager/conf.d/eth0.conf",
        "[main]\nplugins=keyfile\n[device]\nmatch-device=interface-name:eth0\nmanaged=1\n",
      ],
      [
        "/etc/NetworkManager/system-connections/eth0.nmconnection",
        "[connection]\nid=eth0\ntype=ethernet\ninterface-name=eth0\n[ipv4]\nmethod=auto\n[ipv6]\nmethod=disabled\n",
        "600",
      ],
    ],
  },
};

/** Installs the clients into an image, and lets none of them start at boot. */
async function installClients(image: Image): Promise<void> {
  await installFile(image, "/usr/sbin/policy-rc.d", { text: "#!/bin/sh\nexit 101\n", mode: "755" });
  const script = `
    cp /etc/resolv.conf "$1/etc/resolv.conf"
    mount -t proc proc "$1/proc"
    chroot "$1" apt-get -qq update
    DEBIAN_FRONTEND=noninteractive chroot "$1" apt-get -qq --no-install-recommends install ${PACKAGES.join(" ")}
    umount "$1/proc"
  `;
  await image.outside(["sh", "-euc", script, "sh", image.root]);
  for (const { unit, files = [] } of Object.values(CLIENTS)) {
    for (const [path, text, mode = "644"] of files) await installFile(image, path, { text, mode });
    await image.outside(["chroot", image.root, "systemctl", "disable", unit]);
  }
}

/** Waits until the interface has its address and the client has written its lease. */
async function hasLease(machine: Machine, lease: string): Promise<void> {
  const script = `
    for _ in $(seq ${LEASE_SECONDS}); do
      if ip -4 address show dev eth0 | grep -qF ${GUEST.address}/ && [ -e ${lease} ]; then exit 0; fi
      sleep 1
    done
    ip address show dev eth0; ls -lR "$(dirname ${lease.replace("*", "x")})"; journalctl --no-pager | tail -n 40
    exit 1
  `;
  await machine.must(["sh", "-uc", script]);
}

networkTest("under the unit's rights each DHCP client's own lease names the router", NEEDS, async (context) => {
  await using network = await createNetwork();
  const lan = await network.createSegment();
  const vm = await createGuest(network, lan, { address: "" });
  const router = await startRouter(network, lan, { address: "10.1.1.7" });
  const image = await createImage(network, vm);
  await installByHand(image);
  await installClients(image);
  const machine = await image.boot();

  for (const [source, { unit, lease, folder = lease, mode }] of Object.entries(CLIENTS)) {
    await context.step({
      name: `${unit}: ${source}`,
      sanitizeOps: false,
      sanitizeResources: false,
      async fn() {
        try {
          await machine.must(["systemctl", "start", unit]);
          await hasLease(machine, lease);
          assertMatch(await machine.must(["sh", "-c", `stat --format=%a ${folder}`]), mode);
          await router.dhcp.stop();
          await machine.must(["rm", "-f", "/run/mdproxy4cs/router.json"]);
          await machine.must(["sh", "-euc", `echo MDPROXY4CS_DISCOVERY=${source} > /etc/default/mdproxy4cs`]);
          await machine.must(["systemctl", "restart", UNIT]);
          await machine.until(UNIT, "StatusText", (text) => text.includes(`10.1.1.7, found by ${source}`));
          assertEquals(
            await machine.must(["curl", "--silent", "--fail", `${PROXY}/latest/meta-data/instance-id`]),
            sampleMetadata(GUEST.address)["instance-id"],
          );
        } finally {
          await router.stop();
          await router.start();
          // Its socket would start networkd again at the next change.
          await machine.must(["sh", "-c", `systemctl stop ${unit} ${unit.replace(".service", ".socket")} || :`]);
          await machine.must(["sh", "-euc", "ip address flush dev eth0; ip link set eth0 up"]);
        }
      },
    });
  }
});
