/**
 * The machine's interfaces by their IPv4 addresses, as the runtime tells them. Pure.
 *
 * @module
 */

import type { ClientInterface } from "../../dhcp/transaction.ts";
import { isLinkLocal, parseIPv4 } from "../../ipv4/ipv4.ts";
import type { InterfaceAddress } from "../../system/host.ts";
import type { Link } from "./links.ts";

/** An interface that has an IPv4 address. */
export type Nic = ClientInterface;

/** What the runtime says where it knows no MAC. */
export const NO_MAC = "00:00:00:00:00:00";

/** An address of a device, with the label that it has. */
export type DeviceAddress = InterfaceAddress & { readonly label: string };

/**
 * The IPv4 addresses of all devices but `lo`. The runtime tells an address by its label, without a MAC: `eth0:1` is an
 * address of `eth0`, and of any other label only `ip` knows whose it is.
 */
export function readAddresses(
  interfaces: readonly InterfaceAddress[],
  links: readonly Pick<Link, "name" | "mac" | "addresses">[],
): DeviceAddress[] {
  const holders = new Map(
    links.flatMap(({ name, addresses }) =>
      addresses.map(({ address, label }) => [`${address} ${label}`, name] as const)
    ),
  );
  const macs = new Map(
    [...links, ...interfaces].flatMap(({ name, mac }) =>
      mac === undefined || mac === NO_MAC ? [] : [[name, mac] as const]
    ),
  );
  return interfaces
    .filter(({ family }) => family === "IPv4")
    .map((entry) => {
      const { name: label, address } = entry;
      const name = holders.get(`${address} ${label}`) ?? label.split(":")[0]!;
      return { ...entry, label, name, mac: macs.get(name) ?? entry.mac };
    })
    .filter(({ name }) => name !== "lo");
}

/** The same, those with a label first. */
export function preferLabel(addresses: readonly DeviceAddress[], label: string): DeviceAddress[] {
  return addresses.toSorted((a, b) => Number(b.label === label) - Number(a.label === label));
}

/** One address for each interface, an ordinary one rather than a link-local one. */
export function pickNics(addresses: readonly InterfaceAddress[]): Nic[] {
  const picked = new Map<string, Nic>();
  for (const { name, address, mac } of addresses) {
    const before = picked.get(name);
    if (before === undefined || isLinkLocal(before.address)) picked.set(name, { name, address, mac });
  }
  return [...picked.values()];
}

/** The network that an address is in, as numbers. */
export function rangeOf({ address, netmask }: InterfaceAddress): { network: number; mask: number } {
  const mask = parseIPv4(netmask) ?? 0xffff_ffff;
  return { network: ((parseIPv4(address) ?? 0) & mask) >>> 0, mask };
}
