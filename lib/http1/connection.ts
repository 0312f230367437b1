/**
 * One connection to a router: a request out, a response in, and again (RFC 9112 section 9).
 *
 * Knows whether the connection may be used again; leaves making connections and choosing among them to the client.
 *
 * @module
 */

import type { Deadlines, Timer } from "../time/clock.ts";
import { Body, createBodyDecoder } from "./body.ts";
import { UpstreamError } from "./error.ts";
import { decodeResponseHead, findHeadEnd } from "./message.ts";
import type { RequestHead, ResponseHead, UpstreamResponse } from "./message.ts";
import { Transport } from "./transport.ts";

/** The limits that a connection keeps. */
export interface ConnectionLimits {
  readonly responseTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxHeaderBytes: number;
}

/** What a connection works with, and whom it tells. */
export interface ConnectionOptions {
  readonly limits: ConnectionLimits;
  readonly deadlines: Deadlines;
  /** It is ready for another request. */
  readonly onFree: (connection: Connection) => void;
  readonly onClosed: (connection: Connection) => void;
}

/** How long a connection is kept for another request: less than the 5 s after which Apache closes it. */
const KEEP_MS = 3_000;

/** One connection to a router. */
export class Connection {
  readonly #transport: Transport;
  readonly #options: ConnectionOptions;
  #heard = false;
  #interimBytes = 0;
  #idle: { readonly expiry: Timer; readonly arrival: Promise<boolean> } | undefined;
  /** Ends the exchange under way, its body included. */
  #signal: AbortSignal | undefined;

  constructor(conn: Deno.Conn, options: ConnectionOptions) {
    this.#transport = new Transport(conn);
    this.#options = options;
  }

  /** Whether any byte of the latest answer has come. */
  get heard(): boolean {
    return this.#heard;
  }

  /**
   * Sends a request and reads the head of its response.
   *
   * @param request the encoded head
   * @throws {UpstreamError} If the router does not answer as it should; the connection is closed then.
   * @throws the signal's reason, if it aborts first; the connection is closed then, also while the body is read
   */
  async exchange(
    request: Uint8Array<ArrayBuffer>,
    { method, signal }: { readonly method: RequestHead["method"]; readonly signal: AbortSignal },
  ): Promise<UpstreamResponse> {
    const { limits: { responseTimeoutMs }, deadlines } = this.#options;
    const firstArrival = this.#idle?.arrival ?? this.#transport.read();
    this.#idle?.expiry.cancel();
    this.#idle = undefined;
    this.#heard = false;
    this.#interimBytes = 0;
    if (this.#transport.available > 0) {
      // It came in this very moment, before anything was asked: no answer.
      const error = new UpstreamError("reset", "The server sent what it was not asked for");
      this.close(error);
      throw error;
    }

    this.#signal = signal;
    signal.addEventListener("abort", this.#abort);
    // It may have aborted in the moment in which the connection came about.
    if (signal.aborted) this.#abort();
    const deadline = deadlines.set(responseTimeoutMs, () =>
      this.close(
        new UpstreamError("response_timeout", `The server did not begin its answer in ${responseTimeoutMs} ms`),
      ));
    try {
      this.#transport.write(request);
      for (let arrival = firstArrival;; arrival = this.#transport.read()) {
        if (!await arrival) {
          throw this.#heard
            ? new UpstreamError("cut_short", "The server closed the connection within the head of its answer")
            : new UpstreamError("reset", "The server closed the connection without an answer");
        }
        this.#heard = true;
        const head = this.#takeHead(method);
        if (head === undefined) continue;
        return { status: head.status, headers: head.headers, body: this.#bodyOf(head) };
      }
    } catch (error) {
      this.close(error);
      throw error;
    } finally {
      deadline.cancel();
    }
  }

  readonly #abort = () => this.close(this.#signal!.reason);

  /** Closes it; whoever waits for it gets the reason. */
  close(reason: unknown = new UpstreamError("reset", "The connection was closed")): void {
    if (this.#transport.closed) return;
    this.#endExchange();
    this.#idle?.expiry.cancel();
    this.#transport.close(reason);
    this.#options.onClosed(this);
  }

  /** Takes the head of the final response, if it has come; interim ones (RFC 9110 section 15.2) are skipped. */
  #takeHead(method: RequestHead["method"]): ResponseHead | undefined {
    const { maxHeaderBytes } = this.#options.limits;
    for (;;) {
      const { bytes } = this.#transport;
      const length = findHeadEnd(bytes);
      if (this.#interimBytes + (length ?? bytes.length) > maxHeaderBytes) {
        throw new UpstreamError("too_large", `The head of the answer is over ${maxHeaderBytes} bytes`);
      }
      if (length === undefined) return undefined;
      const head = decodeResponseHead(bytes.subarray(0, length), method);
      this.#transport.take(length);
      if (head.status === 101) {
        throw new UpstreamError("malformed", "The server switched protocols, which it was not asked to");
      }
      if (head.status >= 200) return head;
      this.#interimBytes += length;
    }
  }

  #bodyOf({ framing, persistent }: ResponseHead): Body {
    const transport = this.#transport;
    return new Body({
      transport,
      decoder: createBodyDecoder(framing),
      deadlines: this.#options.deadlines,
      idleTimeoutMs: this.#options.limits.idleTimeoutMs,
      onEnd: (complete) => {
        // Bytes that nobody asked for would be taken for the next answer.
        if (complete && persistent && transport.available === 0 && !transport.closed) this.#rest();
        else this.close();
      },
    });
  }

  /**
   * Waits for the next request. A read is under way meanwhile, so that the router's closing is noticed at once, and
   * that bytes which come unasked are never taken for an answer.
   */
  #rest(): void {
    this.#endExchange();
    this.#transport.expect(0);
    const arrival = this.#transport.read();
    const expiry = this.#options.deadlines.set(KEEP_MS, () => this.close());
    const resting = this.#idle = { expiry, arrival };
    const surprise = () => {
      if (this.#idle === resting) this.close();
    };
    arrival.then(surprise, surprise);
    this.#options.onFree(this);
  }

  #endExchange(): void {
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#signal = undefined;
  }
}
