/**
 * One connection to a router: a request out, a response in, and again (RFC 9112 section 9).
 *
 * Knows bytes, limits and whether the connection may be used again; leaves making connections and choosing among them
 * to the client.
 *
 * @module
 */

import type { Alarm, Alarms } from "./alarm.ts";
import { createBodyDecoder } from "./body_decoder.ts";
import type { BodyDecoder } from "./body_decoder.ts";
import { UpstreamError } from "./error.ts";
import type { RequestHead, ResponseBody, UpstreamResponse } from "./message.ts";
import { decodeResponseHead, findHeadEnd } from "./response_head.ts";
import type { ResponseHead } from "./response_head.ts";

/** The limits that a connection keeps. */
export interface ConnectionLimits {
  readonly responseTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxHeaderBytes: number;
}

/** One connection to a router. */
export interface Connection {
  /**
   * Sends a request and reads the head of its response.
   *
   * @param request the encoded head
   * @throws {UpstreamError} If the router does not answer as it should; the connection is closed then.
   * @throws the signal's reason, if it aborts first; the connection is closed then
   */
  exchange(
    request: Uint8Array<ArrayBuffer>,
    options: { readonly method: RequestHead["method"]; readonly signal: AbortSignal },
  ): Promise<UpstreamResponse>;
  /** Whether any byte of the latest answer has come. */
  readonly heard: boolean;
  close(): void;
}

/** What a connection tells its owner. */
export interface ConnectionEvents {
  /** It is ready for another request. */
  onFree(connection: Connection): void;
  onClosed(connection: Connection): void;
}

/** Holds an ordinary head and body in one piece; an idle connection costs no more than this. */
const BUFFER_BYTES = 16_384;

/** What is read at once of a body that is larger. */
const LARGE_BUFFER_BYTES = 65_536;

/** How long a connection is kept for another request: less than the 5 s after which Apache closes it. */
const KEEP_MS = 3_000;

/** Wraps an established connection. */
export function createConnection(
  conn: Deno.Conn,
  { limits, alarms, onFree, onClosed }: ConnectionEvents & { limits: ConnectionLimits; alarms: Alarms },
): Connection {
  let buffer = new Uint8Array(BUFFER_BYTES);
  let start = 0;
  let end = 0;
  let used = false;
  let heard = false;
  let closed = false;
  let failure: unknown;
  let idle: { readonly expiry: Alarm; readonly arrival: Promise<boolean> } | undefined;

  /** Closes it; whoever reads from it then gets `reason`. */
  const close = (reason: unknown = new UpstreamError("reset", "The connection was closed")) => {
    if (closed) return;
    closed = true;
    failure = reason;
    idle?.expiry.cancel();
    conn.close();
    onClosed(connection);
  };

  /** Takes another buffer if this one is empty and has not the wanted size. */
  const resize = (size: number) => {
    if (start === end && buffer.length !== size) buffer = new Uint8Array(size);
  };

  /** Reads more into the buffer; `false` at the end of the stream. */
  const fill = async (): Promise<boolean> => {
    if (start === end) start = end = 0;
    if (end === buffer.length) {
      const larger = new Uint8Array(buffer.length * 2);
      larger.set(buffer);
      buffer = larger;
    }
    try {
      const count = await conn.read(buffer.subarray(end));
      if (closed) throw failure;
      if (count !== null) end += count;
      return count !== null;
    } catch (error) {
      if (closed) throw failure;
      throw new UpstreamError("reset", "The router reset the connection", { cause: error });
    }
  };

  const send = async (bytes: Uint8Array) => {
    for (let sent = 0; sent < bytes.length;) sent += await conn.write(bytes.subarray(sent));
  };

  const readHead = async (method: RequestHead["method"], arrival: Promise<boolean>): Promise<ResponseHead> => {
    for (let skipped = 0;;) {
      if (!await arrival) {
        if (!heard) throw new UpstreamError("reset", "The router closed the connection without an answer");
        throw new UpstreamError("cut_short", "The router closed the connection within the head of its answer");
      }
      heard = true;
      for (let length; (length = findHeadEnd(buffer.subarray(0, end))) >= 0;) {
        if (skipped + length > limits.maxHeaderBytes) break;
        const head = decodeResponseHead(buffer.subarray(0, length), method);
        if (head.status === 101) {
          throw new UpstreamError("malformed", "The router switched protocols, which it was not asked to");
        }
        if (head.status >= 200) {
          start = length;
          return head;
        }
        buffer.copyWithin(0, length, end);
        end -= length;
        skipped += length;
      }
      if (skipped + end > limits.maxHeaderBytes) {
        throw new UpstreamError("too_large", `The head of the router's answer is over ${limits.maxHeaderBytes} bytes`);
      }
      arrival = fill();
    }
  };

  const createBody = (decoder: BodyDecoder, persistent: boolean): ResponseBody => {
    let over = false;
    const finish = () => {
      over = true;
      // Bytes that nobody asked for would be taken for the next answer.
      if (persistent && start === end && !closed) rest();
      else close();
    };
    const fillInTime = async () => {
      if ((decoder.remaining ?? Infinity) > BUFFER_BYTES) resize(LARGE_BUFFER_BYTES);
      const alarm = alarms.set(
        limits.idleTimeoutMs,
        () =>
          close(new UpstreamError("idle_timeout", `The router's answer stood still for ${limits.idleTimeoutMs} ms`)),
      );
      try {
        return await fill();
      } finally {
        alarm.cancel();
      }
    };
    if (decoder.done) finish();

    return {
      get length() {
        return decoder.remaining;
      },
      takeWhole() {
        if (over || decoder.remaining === undefined || decoder.remaining > end - start) return undefined;
        const whole = buffer.slice(start, start + decoder.remaining);
        start += whole.length;
        finish();
        return whole;
      },
      async read() {
        try {
          while (!over) {
            if (start === end && !await fillInTime()) {
              if (decoder.endsAtClose) finish();
              else throw new UpstreamError("cut_short", "The router closed the connection within its answer");
              return undefined;
            }
            const { used, content } = decoder.decode(buffer.subarray(start, end));
            const piece = content.slice();
            start += used;
            if (decoder.done) finish();
            if (piece.length > 0) return piece;
          }
        } catch (error) {
          over = true;
          close(error);
          throw error;
        }
      },
      cancel() {
        if (over) return;
        if (this.takeWhole() !== undefined) return;
        over = true;
        close();
      },
    };
  };

  /**
   * Waits for the next request. A read is under way meanwhile, so that the router's closing is noticed at once, and
   * that bytes which come unasked are never taken for an answer.
   */
  const rest = () => {
    resize(BUFFER_BYTES);
    const arrival = fill();
    const expiry = alarms.set(KEEP_MS, close);
    const resting = idle = { expiry, arrival };
    const surprise = () => {
      if (idle === resting) close();
    };
    arrival.then(surprise, surprise);
    onFree(connection);
  };

  const connection: Connection = {
    async exchange(request, { method, signal }) {
      const arrival = idle?.arrival ?? fill();
      idle?.expiry.cancel();
      idle = undefined;
      heard = false;
      const reused = used;
      used = true;

      const abort = () => close(signal.reason);
      signal.addEventListener("abort", abort);
      const alarm = alarms.set(limits.responseTimeoutMs, () =>
        close(
          new UpstreamError(
            "response_timeout",
            `The router did not begin its answer in ${limits.responseTimeoutMs} ms`,
          ),
        ));
      try {
        // Not waited for: whether it failed, the read will tell, and an answer may come even so.
        send(request).catch(() => {});
        const { status, headers, framing, persistent } = await readHead(method, arrival);
        return { status, headers, reused, body: createBody(createBodyDecoder(framing), persistent) };
      } catch (error) {
        close(error);
        throw error;
      } finally {
        alarm.cancel();
        signal.removeEventListener("abort", abort);
      }
    },
    get heard() {
      return heard;
    },
    close: () => close(),
  };
  return connection;
}
