/**
 * The server that clients connect to, and its protection against those that never finish.
 *
 * `Deno.serve` waits for ever for the rest of half a request, and for a client that reads nothing, and has no limit to
 * set. So the server is replaced by a new one on the same address from time to time, at a moment when no request is in
 * flight and none came for a while, and whatever still hangs on the old one is cut: half requests, clients that took
 * nothing of their answer until it was given up, and idle connections, as any server closes them.
 *
 * The new one listens beside the old one first. Closing a listener resets connections that it has not accepted yet:
 * that takes a connection made within the same fraction of a millisecond, and then only every other one.
 *
 * @module
 */

import type { ListenAddress } from "../../config/value.ts";
import type { Log } from "../../telemetry/log.ts";

/** What a handler is doing. */
export interface Activity {
  /** Requests that are being served. */
  readonly inFlight: number;
  /** When one last began or ended, by the same clock as the front's. */
  readonly activeAt: number;
  /** Ends those that are being served. */
  giveUp(): void;
}

/** A server that listens. */
export interface Front {
  readonly address: Deno.NetAddr;
  /** Stops listening, lets requests in flight finish, and ends what is left after the grace. */
  shutdown(graceMs: number): Promise<void>;
}

/** How to serve. */
export interface FrontOptions {
  readonly activity: Activity;
  /** How old a server may become before it is replaced. */
  readonly lifetimeMs: number;
  readonly log: Log;
  /** Called from time to time while nobody asks for anything. */
  readonly onRest?: (() => void) | undefined;
  /** How long to wait for a port that is taken. */
  readonly patienceMs?: number;
  readonly now?: () => number;
}

/** The address cannot be listened on. */
export class ListenError extends Error {
  override readonly name = "ListenError";
  readonly kind = "listen";
}

/** A port out of the ephemeral range may be held for a while by some program's outgoing connection. */
const PATIENCE_MS = 10_000;
const RETRY_MS = 250;

/** No request for this long, and the moment is quiet. */
const QUIET_MS = 1_000;
/** So many lifetimes without a quiet moment, and any moment without a request in flight will do. */
const OVERDUE = 10;
const LOOK_AGAIN_MS = 1_000;
/** How long the old and the new server listen together. */
const BOTH_LISTEN_MS = 50;

/** How often to look whether requests have finished, and how long their last bytes may take to leave. */
const POLL_MS = 10;
const FLUSH_MS = 50;

/**
 * Starts to listen.
 *
 * @throws {ListenError} If the address is taken and stays so, or is not this machine's.
 */
export async function openFront(
  listen: ListenAddress,
  handler: Deno.ServeHandler<Deno.NetAddr>,
  { activity, lifetimeMs, log, onRest, patienceMs = PATIENCE_MS, now = () => performance.now() }: FrontOptions,
): Promise<Front> {
  const serve = (port: number) => {
    const cut = new AbortController();
    const options = {
      hostname: listen.hostname,
      port,
      reusePort: true,
      signal: cut.signal,
      // Newer versions of Deno know this, and older ones do not mind it.
      automaticCompression: false,
      onListen() {},
      onError(error: unknown) {
        // It is told of bodies that were cut too. Errors with a kind are expected, and logged where they arise.
        if (!(error instanceof Error && "kind" in error)) log.error("cannot serve a request", { error });
        return new Response(null, { status: 500 });
      },
    };
    return { server: Deno.serve(options, handler), cut };
  };

  await claim(listen, { patienceMs, log, now });
  let current = serve(listen.port);
  const address = current.server.addr;
  let servedSince = now();
  let successor: typeof current | undefined;

  const isQuiet = () =>
    activity.inFlight === 0 &&
    (now() - activity.activeAt >= QUIET_MS || now() - servedSince >= OVERDUE * lifetimeMs);
  /** One step towards a new server, if the moment allows it; returns when to take the next. */
  const renew = (): number => {
    if (!isQuiet()) return LOOK_AGAIN_MS;
    if (successor === undefined) {
      successor = serve(address.port);
      return BOTH_LISTEN_MS;
    }
    const { cut, server } = current;
    const wasUsed = activity.activeAt >= servedSince;
    current = successor;
    successor = undefined;
    servedSince = now();
    cut.abort();
    server.finished.then(() => {
      log.debug("renewed the server");
      if (!wasUsed) onRest?.();
    });
    return lifetimeMs;
  };
  const look = () => {
    let nextMs = lifetimeMs;
    try {
      nextMs = renew();
    } catch (error) {
      log.warn("cannot renew the server, keeping the old one", { error });
    }
    timer = setTimeout(look, nextMs);
  };
  let timer = setTimeout(look, lifetimeMs);

  return {
    address,
    async shutdown(graceMs) {
      clearTimeout(timer);
      const deadline = now() + graceMs;
      // No new connections from here on; those that are open end with the answer they wait for. This never resolves where
      // one hangs without a request, and the signal, which would cut it, must not be used any more: the runtime would throw
      // where nobody can catch it. The end of the process cuts it.
      const over = Promise.all([current, successor].map((running) => running?.server.shutdown()));
      while (activity.inFlight > 0 && now() < deadline && !await settles(over, POLL_MS));
      if (activity.inFlight > 0) activity.giveUp();
      await settles(over, FLUSH_MS);
    },
  };
}

/**
 * Makes sure that nobody else listens there. Servers that allow it may share a port, and then each would get some of
 * the other's requests: so the first attempt does not.
 */
async function claim(
  { hostname, port }: ListenAddress,
  { patienceMs, log, now }: { readonly patienceMs: number; readonly log: Log; readonly now: () => number },
): Promise<void> {
  if (port === 0) return;
  const address = hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
  const deadline = now() + patienceMs;
  for (let say = log.warn;; say = log.debug) {
    try {
      Deno.listen({ hostname, port }).close();
      return;
    } catch (cause) {
      if (cause instanceof Deno.errors.AddrNotAvailable) {
        throw new ListenError(`Cannot listen on ${address}: no interface has this address`, { cause });
      }
      if (!(cause instanceof Deno.errors.AddrInUse)) throw new ListenError(`Cannot listen on ${address}`, { cause });
      if (now() >= deadline) {
        throw new ListenError(
          `Cannot listen on ${address}: another program has this port; stop it, or choose another with --http-listen`,
          { cause },
        );
      }
    }
    say("another program has the port, waiting for it", { address });
    await sleep(RETRY_MS);
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits for a promise for so long; tells whether it was settled by then. */
async function settles(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(resolve, ms, false);
  const settled = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return settled;
}
