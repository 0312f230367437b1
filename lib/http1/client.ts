/**
 * Asks routers for metadata over HTTP/1.1, and keeps the connections for the next request (RFC 9112 section 9).
 *
 * Not `fetch`: that one decodes gzip although asked not to, obeys proxy variables, cannot tell a router that does not
 * accept from one that does not answer, and puts no limit on the head. Here bytes pass as they are, and every way to
 * fail has a name. Leaves to others which router to ask, and whether to ask again.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { createDeadlines } from "../time/clock.ts";
import type { Deadlines } from "../time/clock.ts";
import { Connection } from "./connection.ts";
import type { ConnectionLimits } from "./connection.ts";
import { createDial } from "./dial.ts";
import type { Connect, Server } from "./dial.ts";
import { UpstreamError } from "./error.ts";
import { encodeRequestHead } from "./message.ts";
import type { RequestHead, UpstreamResponse } from "./message.ts";

/** The limits that a client keeps. */
export interface ClientLimits extends ConnectionLimits {
  readonly connectTimeoutMs: number;
}

/** How one request is to be made. */
export interface RequestOptions {
  /** Ends it, until its body is over. */
  readonly signal: AbortSignal;
  /** Use a new connection, not a kept one. */
  readonly fresh?: boolean;
  /** Where the server listens; 80, where a virtual router serves metadata, if not given. */
  readonly port?: number;
  /** Called when a connection stands and the request is on its way. */
  readonly onSent?: (connection: { readonly reused: boolean }) => void;
}

/** Asks routers for metadata, over connections that it keeps for the next request. */
export interface Client {
  /**
   * Sends one request to the address and reads the head of its answer. When a kept connection turns out to
   * be dead, or brings what is no answer, the request is made again on a new one.
   *
   * @throws {UpstreamError} If the router does not answer as it should.
   * @throws {TypeError} If the request is not one that can be sent.
   * @throws the signal's reason, if it aborts first; the connection is closed then, also while the body is read
   */
  request(address: string, head: RequestHead, options: RequestOptions): Promise<UpstreamResponse>;
  /** Closes the kept connections. */
  close(): void;
}

/** Where a virtual router serves metadata. */
const METADATA_PORT = 80;

/** Idle connections, over all routers; more are closed after use. */
const MAX_KEPT = 32;

/** Creates a client. Tests hand in a `connect` that reaches other ports, and deadlines on a clock of their own. */
export function createClient(
  limits: ClientLimits,
  connect: Connect = Deno.connect,
  deadlines: Deadlines = createDeadlines(),
): Client {
  const dial = createDial({ connect, deadlines, timeoutMs: limits.connectTimeoutMs });
  const kept: { readonly server: Server; readonly connection: Connection }[] = [];

  /** The connection to that server that was used last: the one least likely to be closed meanwhile. */
  const takeKept = ({ address, port }: Server): Connection | undefined => {
    const index = kept.findLastIndex(({ server }) => server.address === address && server.port === port);
    return index < 0 ? undefined : kept.splice(index, 1)[0]!.connection;
  };

  const open = async (server: Server, signal: AbortSignal): Promise<Connection> => {
    const conn = await dial(server, signal);
    if (isOwnAddress(conn, server)) {
      conn.close();
      throw new UpstreamError("unreachable", "The address is this machine's own");
    }
    return new Connection(conn, {
      limits,
      deadlines,
      onFree(connection) {
        if (kept.length < MAX_KEPT) kept.push({ server, connection });
        else connection.close();
      },
      onClosed(connection) {
        const index = kept.findIndex((entry) => entry.connection === connection);
        if (index >= 0) kept.splice(index, 1);
      },
    });
  };

  return {
    async request(address, head, { signal, fresh = false, port = METADATA_PORT, onSent }) {
      signal.throwIfAborted();
      const server = { address, port };
      const request = encodeRequestHead(head, port === METADATA_PORT ? address : `${address}:${port}`);
      const ask = (connection: Connection, reused: boolean) => {
        const answer = connection.exchange(request, { method: head.method, signal });
        onSent?.({ reused });
        return answer;
      };

      const old = fresh ? undefined : takeKept(server);
      if (old !== undefined) {
        try {
          const response = await ask(old, true);
          // Said as it closed an idle connection (RFC 9110 section 15.5.9): not to this request.
          if (response.status !== STATUS_CODE.RequestTimeout) return response;
          response.body.cancel();
        } catch (error) {
          if (!(error instanceof UpstreamError)) throw error;
          // Closed by the router in the moment it was taken: nothing was heard, so nothing is lost. What is no HTTP may be
          // late bytes of the answer before, beyond its length.
          const isOfBefore = error.kind === "malformed" || error.kind === "reset" && !old.heard;
          if (!isOfBefore) throw error;
        }
      }
      return await ask(await open(server, signal), false);
    },

    close() {
      for (const { connection } of [...kept]) connection.close();
      deadlines.close();
    },
  };
}

/** Whether a connection leads back to this machine, whatever an interface, a route or a rule made of the address. */
function isOwnAddress({ localAddr }: Deno.Conn, { address }: Server): boolean {
  return localAddr?.transport === "tcp" && localAddr.hostname === address;
}
