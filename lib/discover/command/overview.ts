/**
 * What `discover` says above its table: the machine as the search saw it, and the program that runs beside.
 *
 * @module
 */

import type { DiscoveryConfig } from "../../config/config.ts";
import { formatAddress } from "../../config/value.ts";
import type { ListenAddress } from "../../config/value.ts";
import { isLoopback } from "../../ipv4/ipv4.ts";
import type { Host } from "../../system/host.ts";
import { createNetwork } from "../sources/network.ts";
import type { Nic } from "../sources/addresses.ts";
import type { Route } from "../sources/links.ts";

/** What a running service believes, in the words of the status document. */
export interface ServiceBelief {
  readonly program: { readonly version: string; readonly pid: number };
  readonly state: "searching" | "ready" | "suspect" | "unserved";
  readonly router: {
    readonly kind: string;
    readonly address: string;
    readonly source: string;
    readonly identity: string;
  } | null;
  readonly lastFailedSearch: { readonly message: string } | null;
  readonly listeners: { readonly metadata: string };
}

/** The machine, as far as a search looks at it. */
export interface Overview {
  /** The interfaces that are searched on; none if there is none yet. */
  readonly interfaces: readonly (Nic & { readonly isUp: boolean })[];
  /** The default routes over them. */
  readonly gateways: readonly Route[];
  /** The preferred default route, if it is over another interface. */
  readonly elsewhere: Route | undefined;
  /** Where the service listens, or would; what is present is on `lo`. */
  readonly listen: { readonly address: string; readonly isPresent: boolean };
  /** What it believes, or why it does not answer. */
  readonly service: ServiceBelief | string;
}

/** Where to look. */
export interface OverviewOptions {
  readonly host: Host;
  readonly signal: AbortSignal;
  /** Where a service listens that cannot be asked, by the configuration. */
  readonly listen: ListenAddress;
  /** Asks the running service what it believes. @throws {Error} If it does not answer. */
  readonly askService: () => Promise<ServiceBelief>;
}

/** Looks at the machine. What cannot be found out is left out. */
export async function takeOverview(
  config: DiscoveryConfig,
  { host, signal, listen, askService }: OverviewOptions,
): Promise<Overview> {
  const network = createNetwork({ ...config, host, signal });
  const everywhere = createNetwork({ ...config, iname: "auto", host, signal });
  const [nics, indexed, gateways, routes, service] = await Promise.all([
    network.nics().catch(() => []),
    network.indexedNics().catch(() => []),
    network.gateways().catch(() => []),
    everywhere.gateways().catch(() => []),
    askService().catch((error: Error) => error.message),
  ]);
  const preferred = routes[0];
  const served = typeof service === "string" ? formatAddress(listen) : service.listeners.metadata;
  const isSearched = nics.some(({ name }) => name === preferred?.iface);
  return {
    interfaces: nics.map((nic) => ({ ...nic, isUp: indexed.find(({ name }) => name === nic.name)?.isUp ?? true })),
    gateways,
    elsewhere: isSearched ? undefined : preferred,
    listen: { address: served, isPresent: isOnLo(served, host) },
    service,
  };
}

function isOnLo(served: string, { interfaces }: Pick<Host, "interfaces">): boolean {
  const hostname = served.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  // Of loopback all addresses are there, and one is told.
  return isLoopback(hostname) ||
    interfaces().some(({ name, address }) => address === hostname && name.split(":")[0] === "lo");
}

/** Says it in a few lines, `label  text`. */
export function formatOverview({ interfaces, gateways, elsewhere, listen, service }: Overview): string[] {
  const rows: [string, string][] = [
    ...interfaces.map(({ name, address, mac, isUp }): [string, string] => [
      "interface",
      `${name}, ${address}, ${mac}${isUp ? "" : ", down"}`,
    ]),
    ["gateway", gateways.map(({ gateway, iface }) => `${gateway} on ${iface}`).join(", ") || "none"],
  ];
  if (interfaces.length === 0) rows.unshift(["interface", "none to search on"]);
  if (elsewhere !== undefined) rows.push(["elsewhere", `default route by ${elsewhere.gateway} on ${elsewhere.iface}`]);
  rows.push(
    ["listen", `${listen.address}${listen.isPresent ? "" : " (the address is not on lo)"}`],
    ["service", describeService(service)],
  );
  return rows.map(([label, text]) => `${label.padEnd(11)}${text}`);
}

function describeService(service: ServiceBelief | string): string {
  if (typeof service === "string") return service;
  const { program, state, router, lastFailedSearch } = service;
  const who = `running (${program.version}, pid ${program.pid})`;
  const provider = router === null
    ? undefined
    : router.kind === "drive"
    ? "the config drive"
    : `${router.address}, found by ${router.source}`;
  if (state === "ready" && provider !== undefined) return `${who}, serving the metadata of ${provider}`;
  if (state === "unserved") return `${who}, its listen address is not served`;
  if (provider !== undefined) return `${who}, in doubt of ${provider}`;
  return `${who}, searching${lastFailedSearch === null ? "" : ` (${lastFailedSearch.message})`}`;
}
