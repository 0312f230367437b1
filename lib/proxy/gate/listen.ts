/**
 * Binds an address, and waits while its port is taken.
 *
 * @module
 */

import { formatAddress } from "../../config/value.ts";
import type { ListenAddress } from "../../config/value.ts";
import type { Log } from "../../telemetry/log.ts";
import type { Clock } from "../../time/clock.ts";

/** What binding needs. */
export interface ListenOptions {
  readonly log: Log;
  readonly clock: Clock;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
  /** How long to wait while another program listens there; `Infinity` is for ever. */
  readonly patienceMs?: number;
  /** Connects, to see whether anybody listens. */
  readonly connect?: (address: ListenAddress) => Promise<Deno.TcpConn>;
}

/** Another program that serves the port keeps it; it may be the last run of this one, which still stops. */
const PATIENCE_MS = 10_000;

/**
 * A port may also be held by nobody who listens: by some program's outgoing connection, the port being in the ephemeral
 * range, or for a minute by the remains of one, such as of a client that connected to itself before anybody listened.
 */
const UNSERVED_PATIENCE_MS = 90_000;

const RETRY_MS = 250;

/**
 * Starts to listen.
 *
 * @throws {Error} If the address is taken and stays so, or is not this machine's.
 * @throws the signal's reason, if it aborts first
 */
export async function listen(
  { hostname, port }: ListenAddress,
  { log, clock, signal, patienceMs = PATIENCE_MS, connect = Deno.connect }: ListenOptions,
): Promise<Deno.TcpListener> {
  const address = formatAddress({ hostname, port });
  const startedAt = clock.now();
  for (let say = log.warn;; say = log.debug) {
    signal.throwIfAborted();
    try {
      return Deno.listen({ hostname, port });
    } catch (cause) {
      if (cause instanceof Deno.errors.AddrNotAvailable) {
        throw new Error(`Cannot listen on ${address}: no interface has this address`, { cause });
      }
      if (!(cause instanceof Deno.errors.AddrInUse)) throw new Error(`Cannot listen on ${address}`, { cause });
      const waitedMs = clock.now() - startedAt;
      const isServed = waitedMs >= patienceMs && await isListenedOn({ hostname, port }, connect);
      if (isServed || waitedMs >= Math.max(patienceMs, UNSERVED_PATIENCE_MS)) {
        throw new Error(
          `Cannot listen on ${address}: another program has this port; stop it, or choose another one`,
          { cause },
        );
      }
    }
    say("another program has the port, waiting for it", { address });
    await clock.sleep(RETRY_MS, signal);
  }
}

async function isListenedOn(
  address: ListenAddress,
  connect: NonNullable<ListenOptions["connect"]>,
): Promise<boolean> {
  try {
    const connection = await connect(address);
    connection.close();
    // Where nobody listens, a client that happens to get this very port connects to itself (RFC 9293 section 3.5).
    return connection.localAddr.port !== address.port;
  } catch {
    return false;
  }
}
