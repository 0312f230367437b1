/**
 * This program's own accept loop, in front of a server: it lives as long as the process.
 *
 * `Deno.serve` has no limit on connections, heads or time, and closes its port for ever at the first error of `accept`.
 * Here who connects is looked at first, connections are bounded, and each is cut in its own time. When all are taken, the
 * one whose client has been owing something for longest makes room: whoever asks at once always gets in.
 *
 * What they may hold, with the default limits: each of 512 connections a descriptor, the head of its last request and
 * what has come of the next, 24 KiB each: 24 MiB. Each of 64 requests inside (`--max-requests`) three descriptors more,
 * both ends of a connection to the server behind and one to the router, and about 1 MiB of a body on its way that its
 * client does not take, as measured (most of it in the runtime): 64 MiB. That is 704 descriptors and 88 MiB above what the
 * program takes anyway: within `LimitNOFILE=` and `MemoryMax=` of the unit.
 *
 * @module
 */

import { formatAddress } from "../../config/value.ts";
import type { ListenAddress } from "../../config/value.ts";
import type { Log } from "../../telemetry/log.ts";
import type { Clock, Timer } from "../../time/clock.ts";
import { ClientConnection } from "./client_connection.ts";
import type { ConnectionLimits, ConnectionOptions } from "./client_connection.ts";
import { createConnections, SWEEP_MS } from "./connections.ts";
import type { Connections } from "./connections.ts";
import type { Handler } from "./handler.ts";
import type { Inner } from "./inner.ts";
import { createKnownHeads } from "./head_reader.ts";
import type { Ends } from "./peers.ts";
import { createAcceptProbe } from "./probe.ts";
import { createDateText } from "./response.ts";

/** The limits of a gate. */
export interface GateLimits extends ConnectionLimits {
  readonly maxConnections: number;
  /** How many requests may be inside at once. */
  readonly maxRequests: number;
}

/** What a gate needs. */
export interface GateOptions {
  readonly limits: GateLimits;
  readonly handler: Handler;
  /** What answers behind it. */
  readonly inner: Inner;
  /** Whether somebody may ask at all. */
  readonly isAllowed: (ends: Ends) => boolean;
  readonly log: Log;
  readonly clock: Clock;
  /** Ends what is waited for inside, because the program stops: the clients get the answers to that. */
  readonly abort?: () => void;
  /** Called from time to time while hardly anybody asks for anything. */
  readonly onRest?: (() => void) | undefined;
}

/** A server that listens. */
export interface Gate {
  readonly address: ListenAddress;
  /** How many requests are being answered. */
  readonly inFlight: number;
  /** Whether a connection to the listen address is accepted, tried now. */
  isAccepting(): Promise<boolean>;
  /** Stops listening, lets requests in flight finish, and ends what is left after the grace. */
  shutdown(graceMs: number): Promise<void>;
}

/** Long enough for what has come to be read. */
const TURN_MS = 1;
/**
 * When all places are taken, the part of them that is given away in a turn: small, so that whoever gets a place has many turns to
 * be read before it goes to the next; but more than one, or everybody else waits for seconds behind a crowd that keeps coming.
 */
const PART_PER_TURN = 1 / 128;
/** So few requests, such as those of an agent that polls, leave the program at rest. */
const AT_REST_PER_S = 1;
/** Out of descriptors or memory: how many connections make room, and how long to wait before the next try. */
const ROOM = 8;
const RETRY_MS = 20;
/** The same trouble may come back at once; only when it has stayed away for so long is it over. */
const CALM_MS = 10_000;
/** How long the last bytes of what was ended may take to leave. */
const FLUSH_MS = 50;

/** Serves whoever connects. */
export function openGate(listener: Deno.TcpListener, options: GateOptions): Gate {
  return new AcceptLoop(listener, options);
}

class AcceptLoop implements Gate {
  readonly address: ListenAddress;
  readonly #listener: Deno.TcpListener;
  readonly #with: GateOptions;
  readonly #shared: Omit<ConnectionOptions, "onClosed">;
  readonly #connections: Connections;
  readonly #accepting: Promise<void>;
  readonly #probe = createAcceptProbe();
  readonly #stop = new AbortController();
  #rest: Timer | undefined;
  #requests = 0;
  /** When accepting failed last, while that is not over. */
  #failedAt: number | undefined;

  constructor(listener: Deno.TcpListener, options: GateOptions) {
    const { limits, handler, inner, log, clock } = options;
    this.#connections = createConnections(clock);
    this.#listener = listener;
    this.#with = options;
    const { hostname, port } = listener.addr;
    this.address = { hostname, port };
    this.#shared = {
      limits,
      handler,
      known: createKnownHeads(),
      inner,
      mayAsk: () => inner.used < limits.maxRequests || this.#connections.makeRoom(({ isInside }) => isInside),
      dateText: createDateText(clock.date),
      now: clock.now,
      isStopping: () => this.#stop.signal.aborted,
      onRequest: () => void this.#requests++,
      onFault: (error) => log.error("cannot serve a request", { error }),
    };
    this.#accepting = this.#accept();
    this.#awaitRest();
  }

  get inFlight(): number {
    return this.#connections.inFlight;
  }

  isAccepting(): Promise<boolean> {
    return this.#probe.isAccepting(this.address, { clock: this.#with.clock, signal: this.#stop.signal });
  }

  async shutdown(graceMs: number): Promise<void> {
    const connections = this.#connections;
    this.#stop.abort();
    this.#rest?.cancel();
    this.#listener.close();
    await this.#accepting;
    connections.stop("waiting");
    await connections.untilNone(graceMs);
    this.#with.abort?.();
    await connections.untilNone(FLUSH_MS);
    connections.stop("all");
    this.#with.inner.close();
  }

  async #accept(): Promise<void> {
    const { log, clock, limits } = this.#with;
    const { signal } = this.#stop;
    const perTurn = Math.ceil(limits.maxConnections * PART_PER_TURN);
    let sinceTurn = 0;
    while (!signal.aborted) {
      try {
        const conn = await this.#listener.accept();
        try {
          this.#admit(conn);
        } catch (error) {
          // Who connects cannot be looked at, for want of a descriptor: nobody is let in unseen.
          conn.close();
          throw error;
        }
        // Where many come at once, those who have come are read before more are accepted.
        if (this.#connections.size >= limits.maxConnections && ++sinceTurn >= perTurn) {
          sinceTurn = 0;
          await clock.sleep(TURN_MS, signal);
        }
        if (this.#failedAt === undefined || clock.now() - this.#failedAt < CALM_MS) continue;
        log.info("accepting connections again", { listen: formatAddress(this.address) });
        this.#failedAt = undefined;
      } catch (error) {
        if (signal.aborted) return;
        if (hasLeft(error)) continue;
        // Too many files, no buffers, no memory: all of it passes.
        if (this.#failedAt === undefined) log.warn("cannot accept a connection, making room", { error });
        this.#failedAt = clock.now();
        for (let count = 0; count < ROOM && this.#connections.makeRoom(); count++);
        await clock.sleep(RETRY_MS, signal);
      }
    }
  }

  #admit(conn: Deno.TcpConn): void {
    const { limits, isAllowed } = this.#with;
    const { hostname: peer, port } = conn.remoteAddr;
    this.#probe.onAccepted(port);
    const mayAsk = isAllowed({ peer, local: conn.localAddr.hostname });
    // The bytes of an answer are written in as few pieces as there are: none waits for the next.
    conn.setNoDelay(true);
    const isFull = this.#connections.size >= limits.maxConnections;
    // Whoever may not ask takes nobody's place, and is not even told why when there is none.
    if (isFull && !mayAsk) return conn.close();
    const isTooMany = isFull && !this.#connections.makeRoom();
    const connection = new ClientConnection(conn, peer, { ...this.#shared, onClosed: () => slot.cancel() });
    const slot = this.#connections.add(connection);
    if (!mayAsk) connection.turnAway("peer");
    else if (isTooMany) connection.turnAway("full");
    else connection.serve();
  }

  #awaitRest(): void {
    const { limits, inner, clock, onRest } = this.#with;
    if (onRest === undefined) return;
    const intervalMs = Math.max(limits.idleTimeoutMs, SWEEP_MS);
    this.#rest = clock.schedule(intervalMs, () => {
      if (this.#requests <= AT_REST_PER_S * intervalMs / 1_000 && this.#connections.holdNothing) {
        inner.rest();
        onRest();
      }
      this.#requests = 0;
      this.#awaitRest();
    });
  }
}

/** Whether a client left before it was accepted: nobody else has to make room for that. */
function hasLeft(error: unknown): boolean {
  const { NotConnected, ConnectionAborted, ConnectionReset } = Deno.errors;
  return [NotConnected, ConnectionAborted, ConnectionReset].some((kind) => error instanceof kind);
}
