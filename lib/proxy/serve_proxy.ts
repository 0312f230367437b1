/**
 * Puts the proxy behind its gate.
 *
 * @module
 */

import type { ProxyConfig } from "../config/config.ts";
import { SYSTEM_CLOCK } from "../time/clock.ts";
import { AskedRequests, createInnerPool } from "./gate/inner_pool.ts";
import type { Inner } from "./gate/inner.ts";
import { createDateText } from "./gate/response.ts";
import { openGate } from "./gate/gate.ts";
import type { Gate, GateOptions } from "./gate/gate.ts";
import { listen } from "./gate/listen.ts";
import { createPeerCheck } from "./gate/peers.ts";
import { createProxy } from "./proxy.ts";
import type { ProxyDependencies } from "./proxy.ts";
import type { Router } from "./upstream/upstream.ts";
import { createDirectServer } from "./server/direct_server.ts";
import { openInnerServer } from "./server/inner_server.ts";
import type { InnerServerOptions, RunningInnerServer } from "./server/inner_server.ts";
import { createErrorResponder } from "./server/own_response.ts";

/** What serving needs besides. */
export interface ServeDependencies<R extends Router>
  extends Omit<ProxyDependencies<R>, "inFlight">, Pick<GateOptions, "onRest"> {
  /** Reads the addresses of this machine. */
  readonly ownAddresses: () => readonly string[];
  /** Where the server behind the gate is to have its socket; `undefined` if there is no folder for it. */
  readonly innerSocket: string | undefined;
  /** Ends the waiting for a port that is taken. */
  readonly signal: AbortSignal;
}

/** The proxy at work. It accepts as long as there is also a server behind the gate. */
export interface ServedProxy extends Omit<Gate, "inFlight"> {
  /** Has the router asked again for all that is stored. */
  expire(): void;
}

/**
 * Starts to serve metadata.
 *
 * @throws {Error} If the address is taken and stays so, or is not this machine's.
 * @throws the signal's reason, if it aborts first
 */
export async function serveProxy<R extends Router>(
  config: ProxyConfig,
  { onRest, ownAddresses, innerSocket, signal, ...dependencies }: ServeDependencies<R>,
): Promise<ServedProxy> {
  const { log, clock = SYSTEM_CLOCK } = dependencies;
  const listener = await listen(config.listen, { log, clock, signal });
  const proxy = createProxy(config, { ...dependencies, inFlight: () => gate.inFlight });
  const onError = createErrorResponder(log);
  const asked = new AskedRequests();
  const server = innerSocket === undefined
    ? undefined
    : openServer(asked.serve(proxy.handle), { path: innerSocket, onError, log });
  const inner: Inner = server === undefined
    ? createDirectServer(proxy.handle, { onError, dateText: createDateText(clock.date) })
    : createInnerPool({ connect: server.connect, asked, clock });
  const gate: Gate = openGate(listener, {
    limits: config,
    handler: proxy,
    inner,
    isAllowed: createPeerCheck({ allowed: config.allowClients, ownAddresses }),
    abort: proxy.abort,
    log,
    clock,
    onRest,
  });
  return {
    address: gate.address,
    isAccepting: async () => server?.isServing() !== false && await gate.isAccepting(),
    expire: proxy.expire,
    async shutdown(graceMs) {
      await gate.shutdown(graceMs);
      await server?.shutdown();
      proxy.close();
    },
  };
}

/** Starts the server behind the gate; where its socket cannot be made, the gate does without: metadata matter more. */
function openServer(
  handler: Deno.ServeHandler<Deno.Addr>,
  options: InnerServerOptions,
): RunningInnerServer | undefined {
  try {
    return openInnerServer(handler, options);
  } catch (error) {
    options.log.warn("doing without a server behind the gate", { path: options.path, error });
    return undefined;
  }
}
