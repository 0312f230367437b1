/**
 * A web server that does what a test tells it to, byte by byte, and notes what it was sent: on loopback for unit tests, and port 80 of
 * the scripted router.
 *
 * @module
 */

import { fromLatin1, latin1 } from "../latin1.ts";
import { writeAll } from "../net/relay.ts";

/** One request as it arrived, and the means to answer it in any way. */
export interface Heard {
  /** The request's head, up to and with the empty line; a character is a byte. */
  readonly head: string;
  readonly path: string;
  /** The address that the connection comes from. */
  readonly remote: string;
  /** How many requests this connection has carried, with this one. */
  readonly count: number;
  /** Writes bytes, or text, of which a character is a byte. */
  write(data: string | Uint8Array): Promise<void>;
  /** Resolves when the other side closes the connection. */
  readonly closed: Promise<void>;
}

/** Answers a request. The connection stays open until the script throws or says so by returning `"close"`. */
export type Script = (heard: Heard) => Promise<void | "close"> | void | "close";

/** A scripted server. */
export interface ScriptedServer extends AsyncDisposable {
  readonly port: number;
  /** The heads of all requests, in the order they came. */
  readonly heads: readonly string[];
  /** How many connections were accepted. */
  readonly accepted: number;
  /** How many of them are open. */
  readonly open: number;
  /** Resolves when so many connections are open. */
  untilOpen(count: number): Promise<void>;
}

/** What is different from the usual. */
export interface ScriptedOptions {
  /** Where to listen (default: a free port of loopback). */
  readonly hostname?: string;
  readonly port?: number;
  /** A request that begins like this has its connection reset. */
  readonly resets?: RegExp;
  /** Called with what a connection brought behind its last head: a body, or half a request. */
  readonly onRest?: (text: string) => void;
}

/** Starts a scripted server. */
export function startScriptedServer(script: Script, options: ScriptedOptions = {}): ScriptedServer {
  const { hostname = "127.0.0.1", port = 0, resets, onRest } = options;
  const listener = Deno.listen({ hostname, port });
  const connections = new Set<Deno.Conn>();
  const heads: string[] = [];
  const served: Promise<void>[] = [];
  let watchers: (() => void)[] = [];
  let accepted = 0;

  const changed = () => {
    const woken = watchers;
    watchers = [];
    for (const wake of woken) wake();
  };

  const close = (connection: Deno.Conn) => {
    if (connections.delete(connection)) connection.close();
    changed();
  };

  const serve = async (connection: Deno.Conn) => {
    const { promise: closed, resolve: end } = Promise.withResolvers<void>();
    let heard = "";
    let count = 0;
    let wake = () => {};
    let over = false;
    // Read all the time, so that the other side's closing is noticed whatever the script is waiting for.
    const reading = (async () => {
      // To close a connection with something unread in it is to reset it: little is read at once where that is wanted.
      const buffer = new Uint8Array(resets === undefined ? 4_096 : 64);
      for (let length; (length = await connection.read(buffer).catch(() => null)) !== null; wake()) {
        heard += latin1(buffer.subarray(0, length));
        if (resets?.test(heard)) break;
      }
      over = true;
      end();
      wake();
    })();
    try {
      for (;;) {
        let end;
        while ((end = heard.indexOf("\r\n\r\n")) < 0 && !over) {
          await new Promise<void>((resolve) => wake = resolve);
        }
        if (end < 0) {
          if (heard !== "") onRest?.(heard);
          break;
        }
        const head = heard.slice(0, end + 4);
        heard = heard.slice(end + 4);
        heads.push(head);
        const write = (data: string | Uint8Array) =>
          writeAll(connection, typeof data === "string" ? fromLatin1(data) : data);
        const path = head.split(" ")[1] ?? "";
        const remote = (connection.remoteAddr as Deno.NetAddr).hostname;
        if (await script({ head, path, remote, count: ++count, write, closed }) === "close") break;
      }
    } catch {
      // The other side has closed while it was written to; the test sees to what that means.
    }
    close(connection);
    await reading;
  };

  const accepting = (async () => {
    for await (const connection of listener) {
      // As web servers do: else a body waits 40 ms for the other side to have acknowledged its head.
      connection.setNoDelay(true);
      accepted++;
      connections.add(connection);
      served.push(serve(connection));
      changed();
    }
  })();

  return {
    port: (listener.addr as Deno.NetAddr).port,
    heads,
    get accepted() {
      return accepted;
    },
    get open() {
      return connections.size;
    },
    async untilOpen(count) {
      while (connections.size !== count) await new Promise<void>((resolve) => watchers.push(resolve));
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      for (const connection of connections) close(connection);
      await Promise.all(served);
    },
  };
}

/** An ordinary answer with a length. */
export function ok(body: string, headers = ""): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n${headers}\r\n${body}`;
}
