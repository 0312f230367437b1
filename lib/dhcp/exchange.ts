/**
 * Asks DHCP servers and listens for their replies, over ordinary UDP sockets, until told to stop (RFC 2131 section 4.1).
 *
 * Knows sockets and when to ask again; leaves what is asked of whom to `round.ts`, the messages and whom to believe to
 * `transaction.ts`, and when it is enough to the caller's signal. Each interface has one socket bound to its own address:
 * the kernel then sends broadcasts out of that interface, and some servers (dnsmasq) answer an INFORM to where it came
 * from. All others answer to port 68, which one more socket shares with whatever DHCP client the machine runs; without it
 * only the INFORM is of use. A DISCOVER leaves from there too, as any client's does: some networks pass no other
 * (CloudStack's security groups).
 *
 * @module
 */

import type { Metrics } from "../telemetry/metrics.ts";
import type { Clock } from "../time/clock.ts";
import { jitter } from "../time/backoff.ts";
import { isForLikely, planRound } from "./round.ts";
import type { LikelyServer, Packet, Round, RoundOptions } from "./round.ts";
import { encodeRequest, judgeDatagram } from "./transaction.ts";
import type { ClientInterface, Disbelief, Transaction } from "./transaction.ts";

/** A UDP socket, as far as it is used. */
export interface DatagramSocket {
  send(bytes: Uint8Array, to: Endpoint): Promise<number>;
  receive(buffer: Uint8Array): Promise<readonly [bytes: Uint8Array, from: unknown]>;
  close(): void;
}

/** An address and a port of UDP. */
export interface Endpoint {
  readonly transport: "udp";
  readonly hostname: string;
  readonly port: number;
}

/** Opens a UDP socket that may send broadcasts, as `Deno.listenDatagram` does. */
export type Listen = (at: Endpoint & { readonly reuseAddress?: boolean }) => DatagramSocket;

/** What one exchange asks. */
export interface ExchangeOptions extends Pick<RoundOptions, "broadcast" | "servers"> {
  readonly clients: readonly ClientInterface[];
  /**
   * Servers to ask by address as well if nobody answers at first: a firewall that drops replies to a broadcast lets those
   * to a unicast message pass.
   */
  readonly likely?: () => Promise<readonly LikelyServer[]>;
  /** The longest pause before asking again. */
  readonly retryMs: number;
  /** Ends the exchange. */
  readonly signal: AbortSignal;
  /** Asked before each round: whether the interfaces are still as they were. The exchange ends when they are not. */
  readonly isCurrent?: () => boolean;
  /** Called for every reply that is believed, repeats included. */
  readonly onReply: (reply: Reply) => void;
  /** Called for every reply that was heard and is not believed. */
  readonly onDisbelieved?: (reply: DisbelievedReply) => void;
  /** Called if port 68 cannot be had. */
  readonly onPortUnavailable?: (error: Error) => void;
  /** Called for each message that could not be sent while others could. */
  readonly onSendError?: (error: Error) => void;
}

/** A server that answered. */
export interface Reply {
  /** Its identifier (option 54). */
  readonly server: string;
  /** The address it came from; `undefined` if the socket does not tell. */
  readonly sender?: string | undefined;
  /** The address it offers to this machine; `undefined` if it offers none. */
  readonly offered: string | undefined;
  readonly client: ClientInterface;
}

/** A reply that names no server. */
export interface DisbelievedReply {
  /** The address it came from; `undefined` if the socket does not tell. */
  readonly sender: string | undefined;
  /** `not_dhcp` is a datagram that is no DHCP message. */
  readonly reason: Disbelief | "not_dhcp";
  readonly detail: string | undefined;
  /** The interface it belongs to; `undefined` if it says no such thing. */
  readonly client: ClientInterface | undefined;
}

/** Asks until the signal aborts. @throws {Error} If nothing can be sent: an address or the network is gone. */
export type Exchange = (options: ExchangeOptions) => Promise<void>;

const SERVER_PORT = 67;
const CLIENT_PORT = 68;
/** A lost packet costs this much, or half the longest pause; RFC 2131's 4 seconds would be a long part of a boot. */
const FIRST_RETRY_MS = 400;
/** The largest datagram there is: a server may send more than the size that it was asked to keep to. */
const MAX_DATAGRAM = 65_535;
/** How long a reply to an earlier exchange counts. */
const LATE_MS = 30_000;

/** Creates the exchange, and declares what it counts. */
export function createExchange(
  { listen, clock, metrics }: { readonly listen: Listen; readonly clock: Clock; readonly metrics: Metrics },
): Exchange {
  const sent = metrics.counter("mdproxy4cs_dhcp_sent_total", "DHCP messages sent, by type.");
  const received = metrics.counter("mdproxy4cs_dhcp_received_total", "DHCP messages received, by what became of them.");
  /** The transactions of exchanges that ended a short while ago. */
  let earlier: readonly PastTransaction[] = [];

  const bind = (hostname: string, port: number) =>
    listen({ transport: "udp", hostname, port, reuseAddress: port !== 0 });

  const send = async (transaction: OpenTransaction, { type, to }: Packet, secs: number) => {
    const bytes = encodeRequest(type, { ...transaction, secs });
    const { client, socket } = transaction;
    if (type === "inform") return await socket.send(bytes, endpoint(to, SERVER_PORT));
    // No longer than it takes: what comes to this address and port is for the machine's DHCP client.
    const brief = bind(client.address, CLIENT_PORT);
    try {
      return await brief.send(bytes, endpoint(to, SERVER_PORT));
    } finally {
      brief.close();
    }
  };

  return async (options) => {
    const { clients, retryMs, signal, isCurrent = () => true, onReply } = options;
    const startedAt = clock.now();
    const sockets: DatagramSocket[] = [];
    const open = (hostname: string, port: number) => {
      const socket = bind(hostname, port);
      sockets.push(socket);
      return socket;
    };
    const transactions: OpenTransaction[] = [];
    const listeners: Promise<void>[] = [];
    earlier = earlier.filter(({ endedAt }) => startedAt - endedAt <= LATE_MS);
    const past = earlier;

    const hear = (bytes: Uint8Array, from: unknown) => {
      const judged = judgeDatagram(bytes, { transactions, past });
      const { verdict, client } = judged;
      const isLate = verdict.outcome === "accepted" && judged.isLate;
      received.increment({ outcome: isLate ? "late" : verdict.outcome });
      if (signal.aborted || verdict.outcome === "ignored") return;
      if (verdict.outcome === "accepted") {
        return onReply({
          server: verdict.serverIdentifier,
          sender: senderOf(from),
          offered: verdict.offered,
          client: client!,
        });
      }
      options.onDisbelieved?.({ sender: senderOf(from), reason: verdict.outcome, detail: verdict.detail, client });
    };

    /** Sends what is due in a round. @throws {Error} If all of it failed. */
    const sendRound = async (round: Round) => {
      const secs = Math.floor((clock.now() - startedAt) / 1_000);
      const likely = isForLikely(round) && options.likely !== undefined ? await options.likely() : [];
      if (signal.aborted) return;
      const errors: Error[] = [];
      let sends = 0;
      await Promise.all(transactions.map(async (transaction) => {
        // One after the other: as long as a DISCOVER's socket is open, what answers an INFORM may come there.
        for (const packet of planRound(round, { ...options, likely, iface: transaction.client.name })) {
          sends += 1;
          await send(transaction, packet, secs)
            .then(() => sent.increment({ type: packet.type }), (error) => void errors.push(error));
        }
      }));
      if (errors.length > 0 && errors.length === sends) throw errors[0];
      for (const error of errors) options.onSendError?.(error);
    };

    try {
      for (const client of clients) {
        transactions.push({ client, xid: Math.floor(clock.random() * 2 ** 32), socket: open(client.address, 0) });
      }
      const hasClientPort = tryOpen(() => open("0.0.0.0", CLIENT_PORT), options.onPortUnavailable);
      for (const socket of sockets) listeners.push(listenTo(socket, hear));

      let pauseMs = Math.max(FIRST_RETRY_MS, retryMs / 2);
      for (let count = 0; !signal.aborted && isCurrent(); count++) {
        await sendRound({ count, hasClientPort });
        await clock.sleep(jitter(pauseMs, clock), signal);
        pauseMs = Math.min(pauseMs * 2, retryMs);
      }
    } finally {
      for (const socket of sockets) socket.close();
      const endedAt = clock.now();
      earlier = [...earlier, ...transactions.map(({ client, xid }) => ({ client, xid, endedAt }))];
      await Promise.all(listeners);
    }
  };
}

/** A transaction and the socket of its interface. */
interface OpenTransaction extends Transaction {
  readonly socket: DatagramSocket;
}

interface PastTransaction extends Transaction {
  readonly endedAt: number;
}

function senderOf(from: unknown): string | undefined {
  return typeof from === "object" && from !== null && "hostname" in from ? String(from.hostname) : undefined;
}

/** Hands on what a socket receives until it is closed. What it hands on is overwritten by what comes next. */
async function listenTo(
  socket: DatagramSocket,
  hear: (bytes: Uint8Array, from: unknown) => void,
): Promise<void> {
  const buffer = new Uint8Array(MAX_DATAGRAM);
  for (;;) {
    const datagram = await socket.receive(buffer).catch(() => undefined);
    if (datagram === undefined) return;
    hear(...datagram);
  }
}

function tryOpen(open: () => void, onFailure: ((error: Error) => void) | undefined): boolean {
  try {
    open();
    return true;
  } catch (error) {
    onFailure?.(error as Error);
    return false;
  }
}

function endpoint(hostname: string, port: number): Endpoint {
  return { transport: "udp", hostname, port };
}
