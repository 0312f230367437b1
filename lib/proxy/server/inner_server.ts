/**
 * `Deno.serve` behind the gate, where nobody else can reach it.
 *
 * It listens on a Unix socket in a folder that only this program may enter. Without such a folder it listens on loopback,
 * at a port of the kernel's choice, and wants from each request a secret that the gate alone knows. Others of this machine
 * could still take up its connections: it is then replaced by another one, at another port.
 *
 * @module
 */

import type { Header } from "../../http1/message.ts";
import type { Log } from "../../telemetry/log.ts";
import type { Clock } from "../../time/clock.ts";
import type { InnerServer } from "../gate/inner_pool.ts";
import { emptyResponse } from "./response.ts";

/** Answers requests. */
export type InnerHandler = (
  request: Request,
  info: Pick<Deno.ServeHandlerInfo, "completed">,
) => Response | Promise<Response>;

/** What the server needs. */
export interface InnerServerOptions {
  /** The path of its socket; `undefined` if there is no folder for it. */
  readonly path: string | undefined;
  readonly log: Log;
  readonly clock: Clock;
}

/** A server that runs. */
export interface RunningInnerServer extends InnerServer {
  /** Replaces it: whatever is connected to it is cut. */
  renew(): void;
  /** Ends it, when the gate is closed. */
  shutdown(): Promise<void>;
}

/** The field that carries the secret. */
export const SECRET_FIELD = "mdproxy4cs-secret";

const RETRY_MS = 100;

/** Starts the server. */
export function openInnerServer(handler: InnerHandler, { path, log, clock }: InnerServerOptions): RunningInnerServer {
  const secret: Header | undefined = path === undefined ? [SECRET_FIELD, crypto.randomUUID()] : undefined;
  const stop = new AbortController();
  let current: ReturnType<typeof start>;
  /** The current one, and those before it that still serve what was connected to them. */
  const running = new Set<Deno.HttpServer<Deno.Addr>>();

  const serve = (request: Request, info: Pick<Deno.ServeHandlerInfo, "completed">) => {
    if (secret === undefined || request.headers.get(SECRET_FIELD) === secret[1]) return handler(request, info);
    return emptyResponse(403);
  };
  const start = () => {
    const cut = new AbortController();
    const options = {
      signal: cut.signal,
      // Newer versions of Deno know this, and older ones do not mind it.
      automaticCompression: false,
      onListen() {},
      onError(error: unknown) {
        // It is told of bodies that were cut too. Errors with a kind are expected, and logged where they arise.
        if (!(error instanceof Error && "kind" in error)) log.error("cannot serve a request", { error });
        return emptyResponse(500);
      },
    };
    const server: Deno.HttpServer<Deno.Addr> = path === undefined
      ? Deno.serve({ ...options, hostname: "127.0.0.1", port: 0 }, serve)
      : Deno.serve({ ...options, transport: "unix", path: freed(path) }, serve);
    // Out of descriptors it closes its listener, and is over with that error; what it serves already, it goes on serving.
    const replace = () => {
      running.delete(server);
      void replaceServer(server);
    };
    running.add(server);
    server.finished.then(replace, replace);
    return { server, cut };
  };
  let starting: Promise<void> | undefined;
  /** Has another server take the place of this one, once: whoever finds it gone meanwhile waits for the same other. */
  const replaceServer = async (server: Deno.HttpServer<Deno.Addr>) => {
    if (stop.signal.aborted || current.server !== server) return;
    starting ??= startAgain().finally(() => starting = undefined);
    await starting;
  };
  const startAgain = async () => {
    while (!stop.signal.aborted) {
      try {
        current = start();
        log.debug("the server behind the gate was renewed");
        return;
      } catch (error) {
        log.warn("cannot renew the server behind the gate, trying again", { error });
        await clock.sleep(RETRY_MS, stop.signal);
      }
    }
  };
  current = start();

  const dial = (): Promise<Deno.Conn> =>
    path === undefined
      ? Deno.connect({ hostname: "127.0.0.1", port: (current.server.addr as Deno.NetAddr).port })
      : Deno.connect({ transport: "unix", path });

  return {
    secret,
    async connect() {
      const { server } = current;
      try {
        return await dial();
      } catch (error) {
        const isGone = error instanceof Deno.errors.ConnectionRefused || error instanceof Deno.errors.NotFound;
        if (stop.signal.aborted || !isGone) throw error;
        // It listens no more, or its socket was removed, and it is over only when all that it serves is.
        await replaceServer(server);
        return await dial();
      }
    },
    renew: () => current.cut.abort(),
    async shutdown() {
      stop.abort();
      await Promise.all([...running].map((server) => server.shutdown()));
    },
  };
}

/** Makes sure that nothing is left there of an earlier run. */
function freed(path: string): string {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return path;
}
