/**
 * Which interfaces to search on, and what is on their links.
 *
 * Reads the machine's interfaces and, only where those do not tell enough, `ip -json`. Knows what `--iname` means;
 * leaves it to the sources what to do on an interface.
 *
 * @module
 */

import { contains, isLinkLocal, parseIPv4 } from "../ipv4/ipv4.ts";
import type { Asker } from "../dhcp/transaction.ts";
import { SourceError } from "./errors.ts";
import type { InterfaceAddress, Machine } from "../system/host.ts";

/** An interface that has an IPv4 address. */
export type Nic = Asker;

/** An interface as `ip link` shows it. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** Whether it is Ethernet and not a bridge, a tunnel or part of something larger. */
  readonly isGuestNic: boolean;
  /** Set up, and with a carrier. */
  readonly isUp: boolean;
}

/** An interface to search on, with what only `ip` knows of it. */
export interface IndexedNic extends Nic {
  /** By which some programs name their files. */
  readonly index: number;
  readonly isUp: boolean;
}

/** A default route. */
export interface Route {
  readonly gateway: string;
  readonly iface: string;
}

/** The machine's network during one search. */
export interface Network {
  /**
   * The interfaces to search on, best first.
   *
   * @throws {SourceError} `no_interface` or `no_address`, if there is none yet.
   */
  nics(): Promise<readonly Nic[]>;
  /** The same with what only `ip` knows of them. @throws {CommandError} If `ip` fails. */
  indexedNics(): Promise<readonly IndexedNic[]>;
  /** The default routes over the interfaces to search on, the preferred first. @throws {CommandError} If `ip` fails. */
  gateways(): Promise<readonly Route[]>;
  /** The place of an interface among those that were last searched on, 0 being the best; 0 also if it is none of them. */
  interfaceRank(iface: string | undefined): number;
  /** Whether the address lies in a network that the machine is attached to. */
  isOnLink(address: string): boolean;
  /** Whether the address is the machine's own. */
  isOwn(address: string): boolean;
}

/** What a `Network` looks at. */
export interface NetworkOptions {
  /** A name, or `auto`. */
  readonly iname: string;
  readonly machine: Pick<Machine, "interfaces" | "runIp">;
  readonly signal: AbortSignal;
  /** Called when the interface does not exist and the default route's stands in. */
  readonly onSubstitute?: (using: string) => void;
}

/** Looks at the network. Interfaces are read anew at every call: they may only just be coming up. */
export function createNetwork({ iname, machine, signal, onSubstitute }: NetworkOptions): Network {
  const addresses = () => machine.interfaces().filter(({ family, name }) => family === "IPv4" && name !== "lo");
  const links = async () => parseLinks(await machine.runIp(["-json", "-details", "link", "show"], { signal }));
  const routes = async () => parseRoutes(await machine.runIp(["-json", "route", "show", "default"], { signal }));

  let searched: readonly Nic[] = [];

  async function nics(): Promise<readonly Nic[]> {
    return searched = await selectNics();
  }

  async function selectNics(): Promise<readonly Nic[]> {
    if (iname === "auto") return await selectGuestNics();
    const named = pickNics(addresses()).find(({ name }) => name === iname);
    return [named ?? await findSubstitute()];
  }

  async function selectGuestNics(): Promise<readonly Nic[]> {
    // Without `ip`, any interface with an address is better than none.
    const [known, [preferred]] = await Promise.all([links().catch(() => undefined), routes().catch(() => [])]);
    const isPreferred = ({ name }: Nic) => name === preferred?.iface;
    const chosen = pickNics(addresses())
      .filter((nic) => isPreferred(nic) || (known?.find(({ name }) => name === nic.name)?.isGuestNic ?? true))
      .sort((a, b) => Number(isPreferred(b)) - Number(isPreferred(a)));
    if (chosen.length > 0) return chosen;
    throw new SourceError("no_address", "no Ethernet interface has an IPv4 address");
  }

  /** For a name that has no address: waits for one that exists, stands in for one that does not. */
  async function findSubstitute(): Promise<Nic> {
    const link = (await links()).find(({ name }) => name === iname);
    if (link !== undefined) {
      const why = link.isUp ? "has no IPv4 address" : "is down and has no IPv4 address";
      throw new SourceError("no_address", `${iname} ${why}`);
    }
    for (const { iface } of await routes()) {
      const nic = pickNics(addresses()).find(({ name }) => name === iface);
      if (nic === undefined) continue;
      onSubstitute?.(iface);
      return nic;
    }
    throw new SourceError(
      "no_interface",
      `${iname} does not exist, and there is no default route to say which one to use`,
    );
  }

  return {
    nics,

    async indexedNics() {
      const [selected, known] = await Promise.all([nics(), links()]);
      return selected.flatMap((nic) => {
        const link = known.find(({ name }) => name === nic.name);
        return link === undefined ? [] : [{ ...nic, index: link.index, isUp: link.isUp }];
      });
    },

    async gateways() {
      const [selected, known] = await Promise.all([nics(), routes()]);
      return known.filter(({ iface }) => selected.some(({ name }) => name === iface));
    },

    interfaceRank: (iface) => Math.max(0, searched.findIndex(({ name }) => name === iface)),
    isOnLink: (address) => addresses().some((own) => contains(rangeOf(own), address)),
    // One on `lo` is the machine's own as well: a server behind a balancer has the balancer's there.
    isOwn: (address) => machine.interfaces().some((own) => own.address === address),
  };
}

/** One address for each interface, an ordinary one rather than a link-local one. */
function pickNics(addresses: readonly InterfaceAddress[]): Nic[] {
  const picked = new Map<string, Nic>();
  for (const { name, address, mac } of addresses) {
    const before = picked.get(name);
    if (before === undefined || isLinkLocal(before.address)) picked.set(name, { name, address, mac });
  }
  return [...picked.values()];
}

function rangeOf({ address, netmask }: InterfaceAddress): { network: number; mask: number } {
  const mask = parseIPv4(netmask) ?? 0xffff_ffff;
  return { network: ((parseIPv4(address) ?? 0) & mask) >>> 0, mask };
}

/** Kinds of interface that a guest gets its network through; a physical or paravirtual one has no kind at all. */
const GUEST_KINDS = [undefined, "veth", "vlan", "bond", "team", "macvlan", "ipvlan", "netdevsim"];

/** Parses what `ip -json -details link show` prints; what it does not understand it leaves out. */
export function parseLinks(json: string): Link[] {
  return parseObjects(json).flatMap((entry) => {
    const { ifindex, ifname, flags, link_type, master, linkinfo } = entry;
    if (typeof ifindex !== "number" || typeof ifname !== "string") return [];
    const kind = isObject(linkinfo) ? linkinfo.info_kind : undefined;
    const has = (flag: string) => Array.isArray(flags) && flags.includes(flag);
    return [{
      index: ifindex,
      name: ifname,
      isGuestNic: link_type === "ether" && master === undefined && GUEST_KINDS.includes(kind as string | undefined),
      isUp: has("UP") && has("LOWER_UP"),
    }];
  });
}

/** Parses what `ip -json route show default` prints, in order of preference. */
export function parseRoutes(json: string): Route[] {
  return parseObjects(json)
    .toSorted((a, b) => Number(a.metric ?? 0) - Number(b.metric ?? 0))
    .flatMap(({ gateway, dev }) =>
      typeof gateway === "string" && typeof dev === "string" ? [{ gateway, iface: dev }] : []
    );
}

function parseObjects(json: string): Readonly<Record<string, unknown>>[] {
  try {
    const value: unknown = JSON.parse(json || "[]");
    return Array.isArray(value) ? value.filter(isObject) : [];
  } catch {
    return [];
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
