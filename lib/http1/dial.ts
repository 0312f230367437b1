/**
 * Makes a TCP connection to a router, and does not wait for the kernel where a packet of it was lost.
 *
 * Knows when to try beside what is under way; leaves what a connection is for to the client.
 *
 * @module
 */

import type { Deadlines } from "../time/clock.ts";
import { isExhausted, UpstreamError } from "./error.ts";

/** Makes a TCP connection, as `Deno.connect` does. */
export type Connect = (
  options: { readonly hostname: string; readonly port: number; readonly signal: AbortSignal },
) => Promise<Deno.Conn>;

/** A router's server. */
export interface Server {
  readonly address: string;
  readonly port: number;
}

/** What dialling works with, and how long it may take. */
export interface DialOptions {
  readonly connect: Connect;
  readonly deadlines: Deadlines;
  readonly timeoutMs: number;
}

/**
 * Connects. Of two connections the one that stands first is used, and the other given up; what the first fails with counts.
 *
 * @throws {UpstreamError} `refused`, `unreachable`, `connect_timeout` or `exhausted`
 * @throws the signal's reason, if it aborts first
 */
export type Dial = (server: Server, signal: AbortSignal) => Promise<Deno.Conn>;

/**
 * How long a connection may take to come about before a second one is begun. The kernel sends a SYN again after a second (RFC
 * 6298 section 2), and a router on the same network accepts within a millisecond; RFC 8305 has 250 ms for the like.
 */
const SECOND_AFTER_MS = 250;

/**
 * How many second connections may be begun in vain. One that is accepted at once, or before the first, shows that a packet was
 * lost, and earns another; if none is, it is the router that is late, and a fleet must not ask it twice.
 */
const MAX_CREDIT = 10;

/** The other connection was accepted. */
const DECIDED = Symbol();

/** Creates the function that connects. */
export function createDial({ connect, deadlines, timeoutMs }: DialOptions): Dial {
  let credit = MAX_CREDIT;
  return async ({ address, port }, signal) => {
    signal.throwIfAborted();
    const over = new AbortController();
    const leave = () => over.abort(signal.reason);
    signal.addEventListener("abort", leave);
    const { promise: connected, resolve, reject } = Promise.withResolvers<Deno.Conn>();
    let isLate = false;
    const begin = async ({ isSecond = false } = {}) => {
      const conn = await connect({ hostname: address, port, signal: over.signal });
      if (over.signal.aborted) conn.close();
      over.signal.throwIfAborted();
      if (isSecond || !isLate) credit = Math.min(credit + 1, MAX_CREDIT);
      resolve(conn);
      over.abort(DECIDED);
    };
    const second = deadlines.set(SECOND_AFTER_MS, () => {
      isLate = true;
      if (credit === 0) return;
      credit -= 1;
      begin({ isSecond: true }).catch(() => {});
    });
    const limit = deadlines.set(timeoutMs, () =>
      over.abort(
        new UpstreamError("connect_timeout", `The server did not accept a connection in ${timeoutMs} ms`),
      ));
    try {
      begin().catch((error) => {
        over.abort(connectError(error));
        reject(over.signal.reason);
      });
      return await connected;
    } finally {
      second.cancel();
      limit.cancel();
      signal.removeEventListener("abort", leave);
      over.abort(DECIDED);
    }
  };
}

function connectError(cause: unknown): UpstreamError {
  // No address is available where all ports are taken.
  if (isExhausted(cause) || cause instanceof Deno.errors.AddrNotAvailable) {
    return new UpstreamError("exhausted", "This machine has no descriptor, memory or port left to connect with", {
      cause,
    });
  }
  if (cause instanceof Deno.errors.ConnectionRefused) {
    return new UpstreamError("refused", "The server refused the connection", { cause });
  }
  if (cause instanceof Deno.errors.TimedOut) {
    return new UpstreamError("connect_timeout", "The server did not accept a connection", { cause });
  }
  return new UpstreamError("unreachable", "The server cannot be reached", { cause });
}
