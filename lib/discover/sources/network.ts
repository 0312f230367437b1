/**
 * Which interfaces to search on, and what is on their links.
 *
 * Knows what `--iname` means, and that `ip` is asked only where addresses do not tell enough; leaves it to `addresses.ts` and
 * `links.ts` to read what the machine says, and to the sources what to do on an interface.
 *
 * @module
 */

import { contains, formatIPv4 } from "../../ipv4/ipv4.ts";
import type { LikelyServer } from "../../dhcp/round.ts";
import { NO_MAC, pickNics, preferLabel, rangeOf, readAddresses } from "./addresses.ts";
import type { DeviceAddress, Nic } from "./addresses.ts";
import type { Neighbour } from "./links.ts";
import { parseLinks, parseNeighbours, parseRoutes } from "./links.ts";
import type { Link, Route } from "./links.ts";
import { SourceError } from "./source_error.ts";
import type { Host, InterfaceAddress } from "../../system/host.ts";

/** An interface to search on, with what only `ip` knows of it. */
export interface IndexedNic extends Nic {
  /** By which some programs name their files. */
  readonly index: number;
  readonly isUp: boolean;
}

/** The machine's network during one search. */
export interface Network {
  /**
   * The interfaces to search on, best first.
   *
   * @throws {SourceError} `no_interface` or `no_address`, if there is none yet.
   */
  nics(): Promise<readonly Nic[]>;
  /** The same with what only `ip` knows of them. @throws {CommandError | SourceError} If `ip` fails, or prints no JSON. */
  indexedNics(): Promise<readonly IndexedNic[]>;
  /** The default routes over the interfaces to search on, the preferred first. @throws {CommandError | SourceError} If `ip` fails, or prints no JSON. */
  gateways(): Promise<readonly Route[]>;
  /**
   * Who has been heard of on the links of the interfaces last searched on: a server that is about to answer this machine asks
   * for its Ethernet address (ARP), which no firewall keeps away.
   */
  neighbours(): Promise<readonly Neighbour[]>;
  /** Whoever has the first address in the network of each interface that was last searched on. */
  firstHosts(): readonly LikelyServer[];
  /** The names of all interfaces that have an IPv4 address. */
  devices(): readonly string[];
  /** Returns a function that tells whether the interfaces' addresses and MACs are still as they are now. */
  watch(): () => boolean;
  /** The place of an interface among those that were last searched on, 0 being the best; 0 also if it is none of them. */
  interfaceRank(iface: string | undefined): number;
  /** Why an interface is searched on that nobody named; `undefined` if it is the one that was named. */
  whyOther(iface: string | undefined): string | undefined;
  /** Whether the address lies in a network that the machine is attached to. */
  isOnLink(address: string): boolean;
  /** Whether the address is the machine's own. */
  isOwn(address: string): boolean;
}

/** What a `Network` looks at. */
export interface NetworkOptions {
  /** A name, or `auto`. */
  readonly iname: string;
  /** Whether somebody wrote the name: it is then kept to, whatever may be better. */
  readonly isInameChosen: boolean;
  readonly host: Pick<Host, "interfaces" | "runIp">;
  readonly signal: AbortSignal;
  /** Called when the interface is not usable and another stands in, with the reason. */
  readonly onSubstitute?: (using: string, reason: string) => void;
}

/**
 * Looks at the network. Interfaces are read anew whenever they are asked for: they may only just be coming up. What is asked
 * of one address after the other is answered by what was read last.
 */
export function createNetwork(options: NetworkOptions): Network {
  const { isInameChosen, host, signal, onSubstitute } = options;
  // An alias is an address with a label, and no device.
  const [iname = ""] = options.iname.split(":");
  let seen: Interfaces | undefined;
  /** What `ip` told last. */
  let told: readonly Link[] = [];
  const read = (): Interfaces => {
    const interfaces = host.interfaces();
    return seen = { interfaces, addresses: readAddresses(interfaces, told) };
  };
  const last = () => seen ?? read();
  const addresses = () => read().addresses;
  const pick = () => pickNics(preferLabel(addresses(), options.iname));
  const links = async () => told = parseLinks(await host.runIp(["-json", "-details", "address", "show"], { signal }));
  // Policy routing has default routes in tables of its own. Of all tables `ip` would show IPv6's as well.
  const routes = async () =>
    parseRoutes(await host.runIp(["-4", "-json", "route", "show", "table", "all", "default"], { signal }));

  /** What was asked for, or something in its place; not where the time is over, which tells nothing of the network. */
  const orElse = <T, E>(asked: Promise<T>, instead: E): Promise<T | E> =>
    asked.catch(() => {
      signal.throwIfAborted();
      return instead;
    });

  let searched: readonly Nic[] = [];
  /** Why each interface is searched on that was not named. */
  let reasons: ReadonlyMap<string, string> = new Map();

  async function nics(): Promise<readonly Nic[]> {
    const selected = iname === "auto" ? await selectGuestNics() : await selectNamed();
    return searched = selected;
  }

  async function selectGuestNics(): Promise<readonly Nic[]> {
    // Without `ip`, any interface with an address is better than none.
    const [known, [preferred]] = await Promise.all([orElse(links(), undefined), orElse(routes(), [])]);
    const isPreferred = ({ name }: Nic) => name === preferred?.iface;
    const chosen = pickNics(addresses())
      .filter((nic) => isPreferred(nic) || (known?.find(({ name }) => name === nic.name)?.isGuestNic ?? true))
      .sort((a, b) => Number(isPreferred(b)) - Number(isPreferred(a)));
    if (chosen.length > 0) return chosen;
    throw new SourceError("no_address", "no Ethernet interface has an IPv4 address");
  }

  async function selectNamed(): Promise<readonly Nic[]> {
    const before = pick();
    const named = before.find(({ name }) => name === iname);
    if (named !== undefined && named.mac !== NO_MAC && (isInameChosen || before.length === 1)) return [named];
    // Without `ip`, an interface with an address is as good as it gets.
    const known = named === undefined ? await links() : await orElse(links(), undefined);
    if (known === undefined) return [named!];
    const link = known.find(({ name, altNames, addresses }) =>
      name === iname || altNames.includes(iname) || addresses.some(({ label }) => label === iname)
    );
    // By now it is known whose the labels are.
    const all = pick();
    const nic = all.find(({ name }) => name === (link?.name ?? iname));
    const others = all.filter((other) => other !== nic);
    if (nic !== undefined && (isInameChosen || others.length === 0)) return [nic];
    if (isInameChosen) throw new SourceError(...whyUnusable(link, others));
    return await selectBest({ nic, link, others, known });
  }

  /** For a name that nobody chose: the interface itself, and whichever other one the router may rather be on. */
  async function selectBest({ nic, link, others, known }: Selection): Promise<readonly Nic[]> {
    const guestNics = others.filter(({ name }) => known.find((link) => link.name === name)?.isGuestNic);
    const other = findOther(link, { others, guestNics, known, routes: await orElse(routes(), []) });
    if (nic === undefined) {
      // What the name's own traffic passes stands for it; of all others nobody can tell which one the router is on.
      const chosen = other?.isSame
        ? [other.nic]
        : [...new Set([...other === undefined ? [] : [other.nic], ...guestNics])];
      if (chosen.length === 0) throw new SourceError(...whyUnusable(link, []));
      const names = chosen.map(({ name }) => name);
      const [first, ...rest] = names;
      const where = other === undefined ? names.join(" and ") : [`${first}, ${other.why}`, ...rest].join(", and on ");
      onSubstitute?.(names.join(), `${whyUnusable(link, [])[1]}: searching on ${where}`);
      return chosen;
    }
    if (other === undefined) return [nic];
    reasons = new Map([[other.nic.name, `nothing answers on ${nic.name}: using ${other.nic.name}, ${other.why}`]]);
    return link?.master === other.nic.name ? [other.nic, nic] : [nic, other.nic];
  }

  /** What a name that is missing or has no address is short of. */
  function whyUnusable(link: Link | undefined, others: readonly Nic[]): ["no_interface" | "no_address", string] {
    const there = others.map(({ name, address }) => `${name} (${address})`).join(", ");
    const instead = there === "" ? "" : `; this machine has ${there}`;
    if (link === undefined) return ["no_interface", `${iname} does not exist${instead}`];
    if (link.master !== undefined) return ["no_address", `${iname} is a port of ${link.master}${instead}`];
    const why = link.isUp ? "has no IPv4 address" : "is down and has no IPv4 address";
    return ["no_address", `${iname} ${why}${onlyIPv6(link.name)}${instead}`];
  }

  /** Virtual routers serve metadata over IPv4 alone: a machine that has done without is not set up wrongly, and yet not served. */
  function onlyIPv6(name: string): string {
    const own = last().interfaces.find((entry) =>
      entry.name === name && entry.family === "IPv6" && !entry.address.startsWith("fe80")
    );
    return own === undefined ? "" : `, only ${own.address}`;
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

    async neighbours() {
      const known = parseNeighbours(await host.runIp(["-4", "-json", "neighbour", "show"], { signal }));
      return known.filter(({ iface }) => searched.some(({ name }) => name === iface));
    },

    firstHosts() {
      return last().addresses.flatMap((own) => {
        const isSearched = searched.some(({ name, address }) => name === own.name && address === own.address);
        const { network, mask } = rangeOf(own);
        // In a network of one or two there is no first address but the other one.
        return isSearched && mask < MASK_OF_TWO ? [{ address: formatIPv4(network + 1), iface: own.name }] : [];
      });
    },

    devices: () => [...new Set(last().addresses.map(({ name }) => name))],

    watch() {
      // As the runtime tells it, whatever `ip` may have told meanwhile.
      const snapshot = () =>
        readAddresses(read().interfaces, []).map(({ name, address, mac }) => `${name} ${address} ${mac}`).join();
      const before = snapshot();
      return () => snapshot() === before;
    },

    interfaceRank: (iface) => Math.max(0, searched.findIndex(({ name }) => name === iface)),
    whyOther: (iface) => reasons.get(iface ?? ""),
    isOnLink: (address) => last().addresses.some((own) => contains(rangeOf(own), address)),
    // One on `lo` is the machine's own as well: a server behind a balancer has the balancer's there.
    isOwn: (address) => last().interfaces.some((own) => own.address === address),
  };
}

/** The machine's interfaces as they were read, and the addresses of its devices. */
interface Interfaces {
  readonly interfaces: readonly InterfaceAddress[];
  readonly addresses: readonly DeviceAddress[];
}

/** What there is to choose from. */
interface Selection {
  /** The interface of the name, if it has an address. */
  readonly nic: Nic | undefined;
  readonly link: Link | undefined;
  readonly others: readonly Nic[];
  readonly known: readonly Link[];
}

/** Another interface that the router may be on, and why; whether it is the same network by another name. */
function findOther(
  link: Link | undefined,
  { others, guestNics, known, routes }: Pick<Selection, "others" | "known"> & {
    readonly guestNics: readonly Nic[];
    readonly routes: readonly Route[];
  },
): { readonly nic: Nic; readonly why: string; readonly isSame: boolean } | undefined {
  const linkOf = (nic: Nic) => known.find(({ name }) => name === nic.name);
  const find = (isIt: (nic: Nic) => boolean, why: string, isSame = false) => {
    const nic = others.find(isIt);
    return nic && { nic, why, isSame };
  };
  const only = guestNics.length === 1 ? guestNics[0] : undefined;
  return find(({ name }) => name === link?.master, "which it is a port of", true) ??
    find(({ name }) => name === routes[0]?.iface, "which has the default route") ??
    find((nic) => link !== undefined && linkOf(nic)?.parent === link.name, "which is on top of it", true) ??
    find((nic) => routes.some(({ iface }) => iface === nic.name), "which has a default route") ??
    find((nic) => nic === only, "the only other one with an address");
}

/** The netmask of 31 bits (RFC 3021). */
const MASK_OF_TWO = 0xffff_fffe;
