/**
 * `Deno.serve` behind the gate, on a Unix socket in a folder that only this program may enter.
 *
 * @module
 */

import { isThere, makeWay } from "../../system/runtime_folder.ts";
import type { Log } from "../../telemetry/log.ts";
import type { InnerConnect } from "../gate/inner_pool.ts";

/** What the server needs. */
export interface InnerServerOptions {
  /** The path of its socket. */
  readonly path: string;
  /** The answer to a request that could not be handled, or whose body was cut. */
  readonly onError: (error: unknown) => Response;
  readonly log: Log;
}

/** A server that runs. */
export interface RunningInnerServer {
  /** Connects to it; to another one in its place if it is gone. */
  readonly connect: InnerConnect;
  /** Whether there is one; where there is none, or its socket was removed, one is tried to be had. */
  isServing(): boolean;
  /** Ends it, when the gate is closed. */
  shutdown(): Promise<void>;
}

/** Starts the server. */
export function openInnerServer(
  handler: Deno.ServeHandler<Deno.Addr>,
  { path, onError, log }: InnerServerOptions,
): RunningInnerServer {
  let isStopped = false;
  /** Whether the last one is over and no other could be started. */
  let isMissing = false;
  /** The last one, and those before it that still serve what was connected to them. */
  const running = new Set<Deno.HttpServer<Deno.Addr>>();

  const start = () => {
    const options = {
      // Newer versions of Deno know this, and older ones do not mind it.
      automaticCompression: false,
      onListen() {},
      onError,
    };
    makeWay(path);
    const server: Deno.HttpServer<Deno.Addr> = Deno.serve(
      { ...options, transport: "unix", path },
      handler,
    );
    // Out of descriptors it closes its listener, and is over with that error; what it serves already, it goes on serving.
    const replace = () => {
      running.delete(server);
      // Whoever needs it next tries again.
      tryToReplace(server);
    };
    running.add(server);
    server.finished.then(replace, replace);
    return server;
  };
  let current = start();

  /** Has another server take the place of this one, if none has yet. @throws {Error} If it cannot be started. */
  const replaceServer = (server: Deno.HttpServer<Deno.Addr>) => {
    if (isStopped || current !== server) return;
    try {
      current = start();
    } catch (error) {
      log[isMissing ? "debug" : "warn"]("cannot restart the server behind the gate", { error });
      isMissing = true;
      throw error;
    }
    isMissing = false;
    log.debug("the server behind the gate was restarted");
  };
  const tryToReplace = (server: Deno.HttpServer<Deno.Addr>) => {
    try {
      replaceServer(server);
    } catch {
      // It was said.
    }
  };

  const dial = () => Deno.connect({ transport: "unix", path });

  return {
    async connect() {
      const server = current;
      try {
        return await dial();
      } catch (error) {
        const isGone = error instanceof Deno.errors.ConnectionRefused || error instanceof Deno.errors.NotFound;
        if (isStopped || !isGone) throw error;
        // It listens no more, or its socket was removed, and it is over only when all that it serves is.
        replaceServer(server);
        return await dial();
      }
    },
    isServing() {
      if (isMissing || !isThere(path)) tryToReplace(current);
      return !isMissing;
    },
    async shutdown() {
      isStopped = true;
      await Promise.all([...running].map((server) => server.shutdown()));
    },
  };
}
