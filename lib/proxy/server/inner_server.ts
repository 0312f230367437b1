/**
 * `Deno.serve` behind the gate, on a Unix socket in a folder that only this program may enter.
 *
 * @module
 */

import { removeLeftOver } from "../../system/runtime_folder.ts";
import type { Log } from "../../telemetry/log.ts";
import type { Clock } from "../../time/clock.ts";
import type { InnerConnect } from "../gate/inner_pool.ts";
import { emptyResponse } from "./responder.ts";

/** What the server needs. */
export interface InnerServerOptions {
  /** The path of its socket. */
  readonly path: string;
  /** The answer to a request that could not be handled, or whose body was cut. */
  readonly onError: (error: unknown) => Response;
  readonly log: Log;
  readonly clock: Clock;
}

/** A server that runs. */
export interface RunningInnerServer {
  readonly connect: InnerConnect;
  /** Ends it, when the gate is closed. */
  shutdown(): Promise<void>;
}

const RETRY_MS = 100;

/** Creates what is told of errors that a handler lets out, and of bodies that were cut. */
export function createErrorResponder(log: Log): (error: unknown) => Response {
  return (error) => {
    // Errors with a kind are expected, and logged where they arise.
    if (!(error instanceof Error && "kind" in error)) log.error("cannot serve a request", { error });
    return emptyResponse(500);
  };
}

/** Starts the server. */
export function openInnerServer(
  handler: Deno.ServeHandler<Deno.Addr>,
  { path, onError, log, clock }: InnerServerOptions,
): RunningInnerServer {
  const stop = new AbortController();
  /** The last one, and those before it that still serve what was connected to them. */
  const running = new Set<Deno.HttpServer<Deno.Addr>>();

  const start = () => {
    const options = {
      // Newer versions of Deno know this, and older ones do not mind it.
      automaticCompression: false,
      onListen() {},
      onError,
    };
    removeLeftOver(path);
    const server: Deno.HttpServer<Deno.Addr> = Deno.serve(
      { ...options, transport: "unix", path },
      handler,
    );
    // Out of descriptors it closes its listener, and is over with that error; what it serves already, it goes on serving.
    const replace = () => {
      running.delete(server);
      void replaceServer(server);
    };
    running.add(server);
    server.finished.then(replace, replace);
    return server;
  };
  let current: Deno.HttpServer<Deno.Addr>;
  let starting: Promise<void> | undefined;
  /** Has another server take the place of this one, once: whoever finds it gone meanwhile waits for that one too. */
  const replaceServer = async (server: Deno.HttpServer<Deno.Addr>) => {
    if (stop.signal.aborted || current !== server) return;
    starting ??= startAgain().finally(() => starting = undefined);
    await starting;
  };
  const startAgain = async () => {
    while (!stop.signal.aborted) {
      try {
        current = start();
        log.debug("the server behind the gate was restarted");
        return;
      } catch (error) {
        log.warn("cannot restart the server behind the gate, trying again", { error });
        await clock.sleep(RETRY_MS, stop.signal);
      }
    }
  };
  current = start();

  const dial = () => Deno.connect({ transport: "unix", path });

  return {
    async connect() {
      const server = current;
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
    async shutdown() {
      stop.abort();
      await Promise.all([...running].map((server) => server.shutdown()));
    },
  };
}
