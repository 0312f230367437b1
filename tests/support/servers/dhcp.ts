/**
 * DHCP servers as they stand on guests' networks: dnsmasq set up as on a CloudStack virtual router, and ISC dhcpd, Kea
 * and busybox udhcpd for other networks. Each knows its guests by MAC and answers no one else, on `eth0` of its host. On
 * loopback, where none can run, the scripted router's stands in.
 *
 * @module
 */

import type { Host, Network } from "../net/network.ts";
import type { Process } from "../net/process.ts";
import { copyProgram } from "../packages.ts";
import type { Program } from "../packages.ts";
import { startScriptedRouter } from "./scripted_router.ts";

/** The DHCP servers a guest can meet. */
export type DhcpServer = "dnsmasq" | "dhcpd" | "kea" | "udhcpd";

/** Who gets which address. */
export interface Reservation {
  readonly mac: string;
  readonly address: string;
  readonly name: string;
}

/** What a DHCP server hands out. */
export interface DhcpOptions {
  readonly server: DhcpServer;
  /** Its own address, in a /24, which it calls itself in option 54. */
  readonly address: string;
  readonly guests: readonly Reservation[];
  /** The default route it hands out (default: its own address). */
  readonly gateway?: string | undefined;
  /** What dnsmasq resolves `data-server` to, if it does. */
  readonly dataServer?: string | undefined;
}

/** Starts a DHCP server. Its log is its lines; those of dnsmasq tell every packet it heard and sent. */
export async function startDhcpServer(network: Network, host: Host, options: DhcpOptions): Promise<Process> {
  if (network.kind === "loopback") {
    const { address, guests, gateway = address } = options;
    return await startScriptedRouter(host, { address, gateway, guests, modes: [] });
  }
  const folder = `${network.folder}/${host.name}-dhcp`;
  await Deno.mkdir(folder, { recursive: true });
  const { argv, copied, ready, env, files } = RECIPES[options.server](folder, options);
  for (const [path, text] of Object.entries(files)) await Deno.writeTextFile(`${folder}/${path}`, text);
  const program = copied === undefined ? [] : [await copyProgram(copied, folder)];
  const process = host.start([...program, ...argv], { env });
  await process.waitForLine(ready);
  return process;
}

/** How often a dnsmasq heard each kind of DHCP packet, or sent it. */
export function countPackets(dnsmasq: Process): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const line of dnsmasq.lines) {
    const [, kind] = /\b(DHCP[A-Z]+)\(/.exec(line) ?? [];
    if (kind !== undefined) counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

interface Recipe {
  /** The program, if a copy of it is to be run with `argv` as its arguments. */
  readonly copied?: Program;
  readonly argv: readonly string[];
  readonly ready: RegExp;
  readonly env?: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, string>>;
}

const RECIPES: Readonly<Record<DhcpServer, (folder: string, options: DhcpOptions) => Recipe>> = {
  dnsmasq: (folder, { address, guests, gateway, dataServer }) => ({
    argv: ["dnsmasq", "--no-daemon", "--user=root", `--conf-file=${folder}/dnsmasq.conf`],
    ready: /DHCP, static leases only/,
    files: {
      "dhcphosts.txt": guests.map(({ mac, address, name }) => `${mac},${address},${name},infinite\n`).join(""),
      // The static range, the hosts file, the ignored strangers: as on a virtual router. It is not authoritative.
      "dnsmasq.conf": `
domain-needed
bogus-priv
no-hosts
no-resolv
expand-hosts
domain=cs2cloud.internal
local=/cs2cloud.internal/
interface=eth0
except-interface=lo
bind-interfaces
dhcp-hostsfile=${folder}/dhcphosts.txt
dhcp-ignore=tag:!known
no-ping
leasefile-ro
log-dhcp
dhcp-range=set:interface-eth0-0,${address},static
dhcp-option=tag:interface-eth0-0,15,cs2cloud.internal
dhcp-option=tag:interface-eth0-0,6,${address}
dhcp-option=tag:interface-eth0-0,3,${gateway ?? address}
dhcp-option=tag:interface-eth0-0,1,255.255.255.0
${dataServer === undefined ? "" : `address=/data-server/${dataServer}`}
`,
    },
  }),

  dhcpd: (folder, { address, guests, gateway }) => ({
    copied: "dhcpd",
    argv: ["-4", "-f", "-d", "-cf", `${folder}/dhcpd.conf`, "-lf", `${folder}/leases`, "--no-pid", "eth0"],
    ready: /Server starting service/,
    files: {
      leases: "",
      "dhcpd.conf": `
authoritative;
subnet ${prefixOf(address)}.0 netmask 255.255.255.0 {
  option routers ${gateway ?? address};
}
${guests.map((at) => `host ${at.name} { hardware ethernet ${at.mac}; fixed-address ${at.address}; }`).join("\n")}
`,
    },
  }),

  kea: (folder, { address, guests, gateway }) => ({
    copied: "kea-dhcp4",
    argv: ["-c", `${folder}/kea.json`],
    ready: /DHCP4_STARTED/,
    env: { KEA_PIDFILE_DIR: folder, KEA_LOCKFILE_DIR: folder },
    files: {
      "kea.json": JSON.stringify({
        Dhcp4: {
          "interfaces-config": { interfaces: ["eth0"] },
          "lease-database": { type: "memfile", persist: false },
          subnet4: [{
            id: 1, // must be said since Kea 2.6
            subnet: `${prefixOf(address)}.0/24`,
            "option-data": [{ name: "routers", data: gateway ?? address }],
            reservations: guests.map(({ mac, address }) => ({ "hw-address": mac, "ip-address": address })),
          }],
          loggers: [{ name: "kea-dhcp4", severity: "INFO", output_options: [{ output: "stdout" }] }],
        },
      }),
    },
  }),

  udhcpd: (folder, { address, guests, gateway }) => ({
    argv: ["busybox", "udhcpd", "-f", `${folder}/udhcpd.conf`],
    ready: /started/,
    files: {
      leases: "",
      "udhcpd.conf": `
interface eth0
start ${guests[0]?.address}
end ${guests[0]?.address}
lease_file ${folder}/leases
pidfile ${folder}/pid
option subnet 255.255.255.0
option router ${gateway ?? address}
${guests.map(({ mac, address }) => `static_lease ${mac} ${address}`).join("\n")}
`,
    },
  }),
};

/** The first three numbers of an address. */
function prefixOf(address: string): string {
  return address.split(".").slice(0, 3).join(".");
}
