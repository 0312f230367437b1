/**
 * Asks DHCP servers and listens for their answers, over ordinary UDP sockets, until told to stop (RFC 2131 section 4.1).
 *
 * Knows sockets and when to ask again; leaves the questions and whom to believe to `request.ts`, and when it is enough to
 * the caller's signal. Each interface has one socket bound to its own address: the kernel then sends broadcasts out of
 * that interface, and some servers (dnsmasq) answer an INFORM to where it came from. All others answer to port 68, which
 * one more socket shares with whatever DHCP client the machine runs; without it only the INFORM is of use.
 *
 * @module
 */

import type { Metrics } from "../telemetry/metrics.ts";
import type { Clock } from "../time/clock.ts";
import { jitter } from "../time/backoff.ts";
import { decodeMessage } from "./message.ts";
import { MessageError } from "./message_error.ts";
import { encodeQuestion, readServer } from "./transaction.ts";
import type { Asker, Question } from "./transaction.ts";

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
export interface ExchangeOptions {
  readonly askers: readonly Asker[];
  /** Whether to ask every server on the interfaces' networks (default: yes). */
  readonly broadcast?: boolean;
  /** Servers to ask by address, wherever they are. */
  readonly servers?: readonly string[];
  /** The longest pause before asking again. */
  readonly retryMs: number;
  /** Ends the exchange. */
  readonly signal: AbortSignal;
  /** Called for every answer, repeats included. */
  readonly onAnswer: (answer: Answer) => void;
  /** Called if port 68 cannot be had. */
  readonly onDeaf?: (error: Error) => void;
}

/** A server that answered. */
export interface Answer {
  /** Its identifier (option 54). */
  readonly server: string;
  readonly asker: Asker;
}

/** Asks until the signal aborts. @throws {Error} If nothing can be sent: an address or the network is gone. */
export type Exchange = (options: ExchangeOptions) => Promise<void>;

const SERVER_PORT = 67;
const CLIENT_PORT = 68;
/** A lost packet costs this much; RFC 2131's 4 seconds would be a long part of a boot. */
const FIRST_RETRY_MS = 400;
const MAX_DATAGRAM = 2_048;

/** Creates the exchange, and declares what it counts. */
export function createExchange(
  { listen, clock, metrics }: { readonly listen: Listen; readonly clock: Clock; readonly metrics: Metrics },
): Exchange {
  const sent = metrics.counter("mdproxy4cs_dhcp_sent_total", "DHCP packets sent, by question.");
  const received = metrics.counter("mdproxy4cs_dhcp_received_total", "DHCP packets received, by what became of them.");

  return async ({ askers, broadcast = true, servers = [], retryMs, signal, onAnswer, onDeaf }) => {
    const startedAt = clock.now();
    const sockets: DatagramSocket[] = [];
    const open = (hostname: string, port: number) => {
      const socket = listen({ transport: "udp", hostname, port, reuseAddress: port !== 0 });
      sockets.push(socket);
      return socket;
    };
    const lines: Line[] = [];
    const listeners: Promise<void>[] = [];
    const hear = (bytes: Uint8Array) => {
      const answer = readAnswer(bytes, lines);
      received.increment({ outcome: typeof answer === "string" ? answer : "accepted" });
      if (typeof answer !== "string" && !signal.aborted) onAnswer(answer);
    };

    try {
      for (const asker of askers) {
        lines.push({ asker, xid: Math.floor(clock.random() * 2 ** 32), socket: open(asker.address, 0) });
      }
      const isDeaf = !tryOpen(() => open("0.0.0.0", CLIENT_PORT), onDeaf);
      for (const socket of sockets) listeners.push(listenTo(socket, hear));

      let pauseMs = FIRST_RETRY_MS;
      for (let count = 0; !signal.aborted; count++) {
        const packets = plan(count, { broadcast, servers, isDeaf });
        const secs = Math.floor((clock.now() - startedAt) / 1_000);
        const results = await Promise.allSettled(lines.flatMap((line) =>
          packets.map(async ({ question, to }) => {
            await line.socket.send(encodeQuestion(question, { ...line, secs }), endpoint(to, SERVER_PORT));
            sent.increment({ question });
          })
        ));
        const failed = results.find((result) => result.status === "rejected");
        if (failed !== undefined && results.every((result) => result.status === "rejected")) throw failed.reason;
        await clock.sleep(jitter(pauseMs, clock), signal);
        pauseMs = Math.min(pauseMs * 2, retryMs);
      }
    } finally {
      for (const socket of sockets) socket.close();
      await Promise.all(listeners);
    }
  };
}

/** What to send on one interface. */
interface Packet {
  readonly question: Question;
  readonly to: string;
}

/**
 * What to send the first time (`count` 0) and each time after it: both questions to everyone at first, then one after the
 * other, which costs the network half as much, and most servers answer either.
 */
function plan(
  count: number,
  { broadcast, servers, isDeaf }: {
    readonly broadcast: boolean;
    readonly servers: readonly string[];
    readonly isDeaf: boolean;
  },
): Packet[] {
  const toServers = servers.map((to) => ({ question: "inform", to } as const));
  if (!broadcast) return toServers;
  // An offer only ever comes to port 68.
  const questions: readonly Question[] = isDeaf ? ["inform"] : ["inform", "discover"];
  const toEveryone = questions.map((question) => ({ question, to: "255.255.255.255" }));
  // A server hears the broadcasts too, as a rule.
  return count === 0 ? [...toEveryone, ...toServers] : [toEveryone[count % questions.length]!];
}

/** One interface in one exchange. */
interface Line {
  readonly asker: Asker;
  readonly xid: number;
  readonly socket: DatagramSocket;
}

function readAnswer(bytes: Uint8Array, lines: readonly Line[]): Answer | "ignored" | "malformed" {
  try {
    const message = decodeMessage(bytes);
    for (const line of lines) {
      const server = readServer(message, line);
      if (server !== undefined) return { server, asker: line.asker };
    }
    return "ignored";
  } catch (error) {
    if (error instanceof MessageError) return "malformed";
    throw error;
  }
}

/** Hands on what a socket receives until it is closed. */
async function listenTo(socket: DatagramSocket, hear: (bytes: Uint8Array) => void): Promise<void> {
  for (;;) {
    const datagram = await socket.receive(new Uint8Array(MAX_DATAGRAM)).catch(() => undefined);
    if (datagram === undefined) return;
    hear(datagram[0]);
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
