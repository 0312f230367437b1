/**
 * An imaginary Ethernet: routers that can be moved, stopped and made to hang at will, and guests whose `Host`
 * reaches them through the program's own DHCP code. Time is the clock's.
 *
 * @module
 */

import type { Clock } from "../../../lib/time/clock.ts";
import { createExchange } from "../../../lib/dhcp/exchange.ts";
import type { Listen } from "../../../lib/dhcp/exchange.ts";
import { decodeMessage, encodeMessage } from "../../../lib/dhcp/message.ts";
import { encodeAddress, OPTION, readByte } from "../../../lib/dhcp/options.ts";
import { MESSAGE_TYPE } from "../../../lib/dhcp/transaction.ts";
import type { DriveState, Host, InterfaceAddress } from "../../../lib/system/host.ts";
import type { Client } from "../../../lib/http1/client.ts";
import { UpstreamError } from "../../../lib/http1/error.ts";
import { createRegistry } from "../../../lib/telemetry/metrics.ts";
import { createSocket } from "./datagram_socket.ts";
import type { FakeSocket } from "./datagram_socket.ts";
import type { VirtualClock } from "./virtual_clock.ts";

/** A machine on the network that may be a router. Change its fields to make it behave otherwise. */
export interface FakeRouter {
  address: string;
  /** Whether its DHCP server answers. */
  dhcp: boolean;
  /** What its DHCP server calls itself, if not by its address. */
  serverId?: string;
  /** What a request for the instance-id gets: a status and a body, or what happens instead, or why it cannot be made. */
  web: { status: number; body: string } | "refuses" | "hangs" | Error;
  /** How long each of its answers takes. */
  delayMs: number;
  /** Whether other paths than the instance-id's get the same answer, and not 404. */
  isWhole: boolean;
}

/** What a router was asked, or would have been if it were there. */
export type Seen = "inform" | "discover" | "request";

/** The network. */
export interface Lan {
  readonly routers: FakeRouter[];
  /** How often anything was sent, whether or not somebody heard it. */
  readonly seen: Record<Seen, number>;
  /** Adds a router that serves metadata. */
  add(router: Partial<FakeRouter> & { readonly address: string }): FakeRouter;
  /** Puts a guest on the network. */
  createGuest(options?: Partial<GuestOptions>): Guest;
  /** Asks routers over HTTP. */
  readonly client: Pick<Client, "request">;
}

/** What a guest is like. Change its fields to change the guest. */
export interface GuestOptions {
  interfaces: InterfaceAddress[];
  /** What `ip -json -details address show` prints. */
  links: unknown[];
  /** What `ip -json neighbour show` prints. */
  neighbours: unknown[];
  /** What `ip -json route show default` prints. */
  routes: unknown[];
  /** Files by their path, the newest last; an error is a file, or with a slash at its end a folder, that cannot be read. */
  files: Record<string, Uint8Array | string | Error>;
  /** Who answers to `data-server`, or why nobody does. */
  dataServer: string | Error;
  /** Why port 68 cannot be bound, if it cannot. */
  port68: Error | undefined;
  /** Why nothing can be sent, if nothing can. */
  sendError: Error | undefined;
  /** What it knows of a config drive. */
  drive: DriveState;
}

/** A guest and the machine that discovery sees. */
export interface Guest extends GuestOptions {
  readonly host: Host;
  /** Sockets that are open, and their ports. */
  readonly sockets: ReadonlyMap<unknown, number>;
}

/** The address of an interface, as `Deno.networkInterfaces` tells it. */
export function interfaceAt(
  address: string,
  { name = "eth0", mac = "02:00:4c:9f:00:0a", netmask = "255.255.255.0" } = {},
): InterfaceAddress {
  return { family: "IPv4", name, address, netmask, mac };
}

/** A physical interface, as `ip -json -details address show` tells it. */
export function linkAt(ifindex: number, ifname: string, more: Readonly<Record<string, unknown>> = {}): unknown {
  return { ifindex, ifname, flags: ["BROADCAST", "UP", "LOWER_UP"], link_type: "ether", ...more };
}

/** Creates an empty network. `onSeen` is called whenever something is sent. */
export function createLan(clock: VirtualClock, onSeen: (what: Seen) => void = () => {}): Lan {
  const routers: FakeRouter[] = [];
  const seen = { inform: 0, discover: 0, request: 0 };
  const see = (what: Seen) => {
    seen[what] += 1;
    onSeen(what);
  };

  const client: Lan["client"] = {
    async request(address, { target }, { signal, onSent }) {
      see("request");
      const router = routers.find((router) => router.address === address);
      if (router?.web instanceof Error) throw router.web;
      if (router !== undefined && router.web !== "refuses") onSent?.({ reused: false });
      if (router === undefined || router.web === "hangs") await untilAborted(signal);
      await clock.sleep(router!.delayMs, signal);
      signal.throwIfAborted();
      const { web } = router!;
      if (web === "hangs") return await untilAborted(signal);
      if (web instanceof Error) throw web;
      if (web === "refuses") throw new UpstreamError("refused", "The server refused the connection");
      const isKnown = router!.isWhole || target === "/latest/meta-data/instance-id";
      const chunks = isKnown && web.body !== "" ? [Uint8Array.from(new TextEncoder().encode(web.body))] : [];
      return {
        status: isKnown ? web.status : 404,
        headers: [],
        body: {
          length: undefined,
          read: () => Promise.resolve(chunks.shift()),
          takeWhole: () => undefined,
          cancel() {},
        },
      };
    },
  };

  /** Sends a guest's question to every router it can reach; answers come to where each question wants them. */
  function broadcast(bytes: Uint8Array, to: string, reply: (bytes: Uint8Array, toPort68: boolean) => void): void {
    const message = decodeMessage(bytes);
    const question = readByte(message.options, OPTION.messageType) === MESSAGE_TYPE.inform ? "inform" : "discover";
    see(question);
    for (const router of routers) {
      if (!router.dhcp || (to !== "255.255.255.255" && to !== router.address)) continue;
      const answer = encodeMessage({
        ...message,
        op: 2,
        yiaddr: question === "discover" ? "10.1.1.50" : "0.0.0.0",
        options: new Map([
          [OPTION.messageType, Uint8Array.of(question === "inform" ? MESSAGE_TYPE.ack : MESSAGE_TYPE.offer)],
          [OPTION.serverIdentifier, encodeAddress(router.serverId ?? router.address)],
        ]),
      });
      clock.schedule(router.delayMs, () => reply(answer, question === "discover"));
    }
  }

  return {
    routers,
    seen,
    client,

    add(router) {
      const added: FakeRouter = {
        dhcp: true,
        web: { status: 200, body: "i-2-50-VM" },
        delayMs: 2,
        isWhole: false,
        ...router,
      };
      routers.push(added);
      return added;
    },

    createGuest(options = {}) {
      const sockets = new Map<FakeSocket, number>();
      const guest: GuestOptions = {
        interfaces: [interfaceAt("10.1.1.50")],
        links: [linkAt(2, "eth0")],
        neighbours: [],
        routes: [],
        files: {},
        dataServer: new Error("failed to lookup address information: Name or service not known"),
        port68: undefined,
        sendError: undefined,
        drive: { isPresent: () => false, problem: () => undefined },
        ...options,
      };
      const listen: Listen = ({ port }) => {
        if (port === 68 && guest.port68 !== undefined) throw guest.port68;
        const socket = createSocket({
          onSend(bytes, to) {
            if (guest.sendError !== undefined) throw guest.sendError;
            broadcast(bytes, to.hostname, (answer, toPort68) => {
              for (const [other, at] of sockets) if (toPort68 ? at === 68 : other === socket) other.deliver(answer);
            });
          },
          onClose: () => sockets.delete(socket),
        });
        sockets.set(socket, port);
        return socket;
      };
      const host = createFakeMachine(guest, { listen, clock });
      return Object.assign(guest, { host, sockets });
    },
  };
}

function createFakeMachine(
  guest: GuestOptions,
  { listen, clock }: { readonly listen: Listen; readonly clock: Clock },
): Host {
  return {
    interfaces: () => guest.interfaces,
    runIp: (args) =>
      Promise.resolve(JSON.stringify(
        args.includes("address") ? guest.links : args.includes("neighbour") ? guest.neighbours : guest.routes,
      )),
    exchange: createExchange({ listen, clock, metrics: createRegistry() }),
    // deno-lint-ignore require-await
    async listFolder(folder) {
      const failure = guest.files[`${folder}/`];
      if (failure instanceof Error) throw failure;
      const paths = Object.keys(guest.files).filter((path) => path.startsWith(`${folder}/`));
      return paths.map((path) => path.slice(folder.length + 1));
    },

    // deno-lint-ignore require-await
    async readFile(path) {
      const content = guest.files[path];
      if (content instanceof Error) throw content;
      if (content === undefined) return undefined;
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      return { bytes, modifiedAt: Object.keys(guest.files).indexOf(path) };
    },

    drive: guest.drive,
    lookUp: () => Promise.resolve(typeof guest.dataServer === "string" ? [guest.dataServer] : []),
  };
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) return reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}
