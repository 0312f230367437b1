/**
 * A whole CloudStack virtual router of real servers: a host with dnsmasq and a web server, which can fail and move.
 *
 * @module
 */

import type { Host, Network, Segment } from "../net/network.ts";
import type { Process } from "../net/process.ts";
import { startDhcpServer } from "./dhcp.ts";
import type { DhcpServer, Reservation } from "./dhcp.ts";
import { sampleMetadata, startWebServer } from "./metadata.ts";
import type { Metadata, WebServer } from "./metadata.ts";

/** The guest that routers know unless told otherwise. */
export const GUEST: Reservation = { mac: "02:00:0a:01:01:32", address: "10.1.1.50", name: "vm-1" };

/** How a router is set up. */
export interface RouterOptions {
  readonly name?: string;
  /** Its address on the guests' network, a /24 (default: `10.1.1.1`). */
  readonly address?: string;
  readonly mac?: string;
  readonly guests?: readonly Reservation[];
  /** What each guest gets, by its address (default: what `sampleMetadata` says). */
  readonly metadata?: Readonly<Record<string, Metadata>>;
  /** Its DHCP server; `none` if it has none (default: `dnsmasq`). */
  readonly dhcp?: DhcpServer | "none";
  /** Its web server; `none` if it has none (default: `nginx`). */
  readonly web?: WebServer | "none";
  /** The default route it hands out (default: its own address). */
  readonly gateway?: string;
  /** What it resolves the name `data-server` to. */
  readonly dataServer?: string;
  /** How many bytes a second its web server gives each connection (default: as many as it takes). */
  readonly rate?: number;
  /** More directives for its web server. */
  readonly extra?: string | undefined;
}

/** A router at work on `eth0` of its host. */
export interface Router {
  readonly host: Host;
  /** Where it is now. */
  readonly address: string;
  /** Its DHCP server: what it was last started as. */
  readonly dhcp: Process;
  /** Its web server, likewise. */
  readonly web: Process;
  /** Stops both servers; the host keeps its address. */
  stop(): Promise<void>;
  /** Starts both servers again, at another address if one is given. */
  start(address?: string): Promise<void>;
}

/** Creates a router on a segment and starts it. */
export async function startRouter(network: Network, segment: Segment, options: RouterOptions = {}): Promise<Router> {
  const { name = "router", mac, guests = [GUEST], dhcp = "dnsmasq", web = "nginx" } = options;
  const metadata = options.metadata ?? Object.fromEntries(guests.map((at) => [at.address, sampleMetadata(at.address)]));
  const host = await network.createHost(name);
  await segment.attach(host, { iface: "eth0", mac });

  let address = "";
  let processes: { dhcp?: Process; web?: Process } = {};
  const router: Router = {
    host,
    get address() {
      return address;
    },
    get dhcp() {
      return processes.dhcp!;
    },
    get web() {
      return processes.web!;
    },
    async stop() {
      await Promise.all(Object.values(processes).map((process) => process.stop()));
    },
    async start(to = address) {
      if (to !== address) {
        await host.ip("address flush dev eth0");
        await host.ip(`address add ${to}/24 dev eth0`);
        address = to;
      }
      const { gateway, dataServer, rate, extra } = options;
      const started: typeof processes = {};
      if (dhcp !== "none") {
        const served = { server: dhcp, address, guests, gateway, dataServer };
        started.dhcp = await startDhcpServer(network, host, served);
      }
      if (web !== "none") {
        started.web = await startWebServer(network, host, { server: web, guests: metadata, rate, extra });
      }
      processes = started;
    },
  };
  await router.start(options.address ?? "10.1.1.1");
  return router;
}
