/**
 * A router's web server on loopback that does what a test tells it to, byte by byte, and notes what it was sent.
 *
 * @module
 */

import { fromLatin1, latin1 } from "../latin1.ts";

/** One request as it arrived, and the means to answer it in any way. */
export interface Heard {
  /** The request's head, up to and with the empty line; a character is a byte. */
  readonly head: string;
  readonly path: string;
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

/** Starts a scripted server on a free port of loopback. */
export function startUpstream(script: Script): ScriptedServer {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
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
      const buffer = new Uint8Array(4096);
      for (let length; (length = await connection.read(buffer).catch(() => null)) !== null; wake()) {
        heard += latin1(buffer.subarray(0, length));
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
        if (end < 0) break;
        const head = heard.slice(0, end + 4);
        heard = heard.slice(end + 4);
        heads.push(head);
        const write = async (data: string | Uint8Array) => {
          const bytes = typeof data === "string" ? fromLatin1(data) : data;
          for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
        };
        if (await script({ head, path: head.split(" ")[1] ?? "", count: ++count, write, closed }) === "close") break;
      }
    } catch {
      // The other side has closed while it was written to; the test sees to what that means.
    }
    close(connection);
    await reading;
  };

  const accepting = (async () => {
    for await (const connection of listener) {
      accepted++;
      connections.add(connection);
      served.push(serve(connection));
      changed();
    }
  })();

  return {
    port: listener.addr.port,
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
