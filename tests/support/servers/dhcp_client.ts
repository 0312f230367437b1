/**
 * The DHCP clients of real guests: each configures an interface, keeps its lease where it always does, and holds port
 * 68 while it lives.
 *
 * @module
 */

import type { Host, Network } from "../net/network.ts";
import type { Needs } from "../net/network_test.ts";
import type { Process } from "../net/process.ts";
import { copyProgram } from "../packages.ts";
import type { Program } from "../packages.ts";

/** The clients a guest can be configured by. */
export type DhcpClient = "dhclient" | "udhcpc" | "dhcpcd" | "networkd";

/** What a test needs whose networkd leaves a lease: that of systemd 262 leaves none. */
export const NETWORKD_LEASES: Needs = { programs: ["systemd-networkd"], root: true, systemdBefore: 262 };

/** Starts a client on an interface of the guest and waits until that has its address. */
export async function startDhcpClient(
  network: Network,
  guest: Host,
  { client, iface = "eth0" }: { readonly client: DhcpClient; readonly iface?: string },
): Promise<Process> {
  const script = `${network.folder}/${client}-script`;
  const { argv, copied, ready, files = {} } = RECIPES[client](iface, script);
  await Deno.writeTextFile(script, SET_ADDRESS, { mode: 0o755 });
  for (const [path, text] of Object.entries(files)) await guest.write(path, text);
  const program = copied === undefined ? [] : [await copyProgram(copied, network.folder)];
  const process = guest.start([...program, ...argv]);
  await process.waitForLine(ready);
  return process;
}

interface Recipe {
  /** The program, if a copy of it is to be run with `argv` as its arguments. */
  readonly copied?: Program;
  readonly argv: readonly string[];
  readonly ready: RegExp;
  readonly files?: Readonly<Record<string, string>>;
}

const RECIPES: Readonly<Record<DhcpClient, (iface: string, script: string) => Recipe>> = {
  dhclient: (iface, script) => ({
    copied: "dhclient",
    argv: [
      ...["-4", "-d", "-v", "-sf", script, "-pf", `/run/dhclient.${iface}.pid`],
      ...["-lf", `/var/lib/dhcp/dhclient.${iface}.leases`, iface],
    ],
    ready: /bound to/,
  }),

  udhcpc: (iface, script) => ({
    argv: ["busybox", "udhcpc", "-f", "-i", iface, "-s", script],
    ready: /address set/,
  }),

  dhcpcd: (iface) => ({
    argv: ["dhcpcd", "--nobackground", "--ipv4only", "--noarp", "--nodelay", "--script", "/bin/true", iface],
    ready: /adding default route|adding route to/,
  }),

  networkd: (iface) => ({
    argv: ["/lib/systemd/systemd-networkd"],
    ready: /DHCPv4 address/,
    files: {
      // Without udev an interface counts as initialised only in a container.
      "/run/systemd/container": "other",
      [`/run/systemd/network/10-${iface}.network`]: `[Match]\nName=${iface}\n[Network]\nDHCP=ipv4\n`,
    },
  }),
};

/** Called by dhclient with `new_ip_address` and by udhcpc with `ip`: sets address and default route, and says so. */
const SET_ADDRESS = `#!/bin/sh
set -e
address=\${new_ip_address:-$ip}
[ -n "$address" ] || exit 0
ip address replace "$address/24" dev "$interface"
for router in \${new_routers:-$router}
do ip route replace default via "$router" dev "$interface" && break
done
echo "address set"
`;
