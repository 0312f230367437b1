/**
 * What `ip -json` prints of interfaces, default routes and neighbours. Pure; entries that it does not understand it leaves out.
 *
 * @module
 */

import { SourceError } from "./source_error.ts";

/** An interface as `ip address` shows it. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** Other names that it goes by. */
  readonly altNames: readonly string[];
  /** Its IPv4 addresses. A label is any word: the interface's own name, as a rule. */
  readonly addresses: readonly { readonly address: unknown; readonly label: unknown }[];
  readonly mac: string | undefined;
  /** What it is a port of: a bridge, a bond. */
  readonly master: string | undefined;
  /** What it is on top of, as a macvlan or VLAN is. */
  readonly parent: string | undefined;
  /** Whether it is Ethernet and not a bridge, a tunnel or part of something larger. */
  readonly isGuestNic: boolean;
  /** Set up, and with a carrier. */
  readonly isUp: boolean;
}

/** A default route. */
export interface Route {
  readonly gateway: string;
  readonly iface: string;
}

/** A machine on the link of an interface. */
export interface Neighbour {
  readonly address: string;
  readonly iface: string;
}

/** Kinds of interface that a guest gets its network through; a physical or paravirtual one has no kind at all. */
const GUEST_KINDS = [undefined, "veth", "vlan", "bond", "team", "macvlan", "ipvlan", "netdevsim"];

/** Parses what `ip -json -details address show` prints. */
export function parseLinks(json: string): Link[] {
  return parseObjects(json).flatMap((entry) => {
    const { ifindex, ifname, altnames, addr_info, address, flags, link, link_type, master, linkinfo } = entry;
    if (typeof ifindex !== "number" || typeof ifname !== "string") return [];
    const kind = isObject(linkinfo) ? linkinfo.info_kind : undefined;
    const has = (flag: string) => Array.isArray(flags) && flags.includes(flag);
    return [{
      index: ifindex,
      name: ifname,
      altNames: Array.isArray(altnames) ? altnames.map(String) : [],
      addresses: (Array.isArray(addr_info) ? addr_info.filter(isObject) : [])
        .map(({ local, label }) => ({ address: local, label })),
      mac: typeof address === "string" ? address : undefined,
      master: typeof master === "string" ? master : undefined,
      parent: typeof link === "string" ? link : undefined,
      isGuestNic: link_type === "ether" && master === undefined && GUEST_KINDS.includes(kind as string | undefined),
      isUp: has("UP") && has("LOWER_UP"),
    }];
  });
}

/**
 * Parses what `ip -4 -json route show table all default` prints, in order of preference: the main table's first. A route over
 * several gateways is one for each.
 */
export function parseRoutes(json: string): Route[] {
  return parseObjects(json)
    .toSorted((a, b) =>
      Number(isElsewhere(a)) - Number(isElsewhere(b)) || Number(a.metric ?? 0) - Number(b.metric ?? 0)
    )
    .flatMap((route) => Array.isArray(route.nexthops) ? route.nexthops.filter(isObject) : [route])
    .flatMap(({ gateway, dev }) =>
      typeof gateway === "string" && typeof dev === "string" ? [{ gateway, iface: dev }] : []
    );
}

/** Parses what `ip -json neighbour show` prints: those whose Ethernet address is known. */
export function parseNeighbours(json: string): Neighbour[] {
  return parseObjects(json).flatMap(({ dst, dev, lladdr }) =>
    typeof dst === "string" && typeof dev === "string" && typeof lladdr === "string"
      ? [{ address: dst, iface: dev }]
      : []
  );
}

/** The main table's routes say nothing of a table. */
function isElsewhere({ table }: Readonly<Record<string, unknown>>): boolean {
  return table !== undefined && table !== "main";
}

/** @throws {SourceError} `command`, if it is no list in JSON: busybox has an `ip` as well, and iproute2 before 4.17 has text for routes. */
function parseObjects(printed: string): Readonly<Record<string, unknown>>[] {
  const value = parseJson(printed.trim() || "[]");
  if (Array.isArray(value)) return value.filter(isObject);
  throw new SourceError("command", `ip -json printed no list in JSON: ${JSON.stringify(printed.slice(0, MAX_QUOTED))}`);
}

/** So much of what is not understood is quoted. */
const MAX_QUOTED = 100;

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
