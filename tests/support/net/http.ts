/**
 * Speaks HTTP/1.1 over a connection byte by byte, to see what really passes: nothing is decoded, followed or repaired.
 *
 * @module
 */

import { latin1 } from "../latin1.ts";
import { PATIENCE_MS } from "./process.ts";
import { writeAll } from "./relay.ts";

/** A response as it came. */
export interface RawResponse {
  readonly status: number;
  /** In the order they came, names in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The content, freed of chunks. */
  readonly body: Uint8Array;
  /** How its end was marked. */
  readonly framing: "none" | "length" | "chunked" | "close";
}

/** A connection on which requests are written and responses read, one after the other. */
export interface Exchange {
  send(text: string | Uint8Array): Promise<void>;
  /**
   * Reads the next response.
   *
   * @param method that of the request: the answer to HEAD has no body
   * @throws {Error} If the connection ends before one is complete.
   */
  receive(method?: string): Promise<RawResponse>;
  /** Waits until something has come, and leaves it there. @throws {Error} If the connection ends instead. */
  peek(): Promise<void>;
  /** Reads until the other end closes; what came. */
  rest(): Promise<Uint8Array>;
}

/** Creates an exchange on a connection. Whoever reads gets an error if it stands still for longer than the test's patience. */
export function createExchange(connection: Deno.Conn): Exchange {
  return {
    send: (text) => writeAll(connection, typeof text === "string" ? new TextEncoder().encode(text) : text),
    ...createReader(connection),
  };
}

/** Creates what reads, and sends nothing. */
export function createReader(connection: Pick<Deno.Conn, "read" | "close">): Omit<Exchange, "send"> {
  let buffered = new Uint8Array();

  const more = async (): Promise<boolean> => {
    const chunk = new Uint8Array(262_144);
    let isOver = false;
    const timer = setTimeout(() => {
      isOver = true;
      connection.close();
    }, PATIENCE_MS);
    // A connection that is reset has ended too.
    const count = await connection.read(chunk).catch(() => null).finally(() => clearTimeout(timer));
    if (isOver) throw new Error(`Nothing came within ${PATIENCE_MS} ms, and the connection is still open`);
    if (count === null) return false;
    buffered = concat([buffered, chunk.subarray(0, count)]);
    return true;
  };
  const take = (count: number): Uint8Array => {
    const taken = buffered.subarray(0, count);
    buffered = buffered.slice(count);
    return taken;
  };
  const takeExactly = async (count: number): Promise<Uint8Array> => {
    const parts: Uint8Array[] = [];
    for (let wanted = count; wanted > 0;) {
      if (buffered.length === 0 && !await more()) throw new Error(`The body ended ${wanted} bytes early`);
      const part = take(Math.min(wanted, buffered.length));
      parts.push(part);
      wanted -= part.length;
    }
    return concat(parts);
  };
  /** Takes up to and including the mark, and returns what stood before it. */
  const takeUntil = async (mark: string): Promise<string> => {
    for (;;) {
      const text = latin1(buffered);
      const at = text.indexOf(mark);
      if (at >= 0) return latin1(take(at + mark.length)).slice(0, at);
      if (!await more()) {
        throw new Error(`The connection ended before a response was complete: ${JSON.stringify(text)}`);
      }
    }
  };
  const takeChunks = async (): Promise<Uint8Array> => {
    const parts: Uint8Array[] = [];
    for (;;) {
      const size = parseInt(await takeUntil("\r\n"), 16);
      parts.push(await takeExactly(size));
      if (await takeUntil("\r\n") !== "") throw new Error("A chunk is longer than it says");
      if (size === 0) return concat(parts);
    }
  };
  const takeRest = async (): Promise<Uint8Array> => {
    while (await more());
    return take(buffered.length);
  };

  return {
    rest: takeRest,

    async peek() {
      if (buffered.length === 0 && !await more()) throw new Error("The connection ended before anything came");
    },

    async receive(method = "GET") {
      const [statusLine = "", ...fields] = (await takeUntil("\r\n\r\n")).split("\r\n");
      const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(statusLine)?.[1]);
      const headers = fields.map((field) => {
        const [, name = "", value = ""] = /^([^:]+):[ \t]*(.*?)[ \t]*$/.exec(field) ?? [];
        return [name.toLowerCase(), value] as const;
      });
      const header = (name: string) => headers.find(([key]) => key === name)?.[1];
      const length = header("content-length");
      if (method === "HEAD" || status === 204 || status === 304) {
        return { status, headers, framing: "none", body: new Uint8Array() };
      }
      if (header("transfer-encoding") === "chunked") {
        return { status, headers, framing: "chunked", body: await takeChunks() };
      }
      if (length !== undefined) return { status, headers, framing: "length", body: await takeExactly(Number(length)) };
      return { status, headers, framing: "close", body: await takeRest() };
    },
  };
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
