/**
 * The body of one response, read from a connection piece by piece (RFC 9112 section 6).
 *
 * @module
 */

import type { Deadlines } from "../time/deadlines.ts";
import type { BodyDecoder } from "./body_decoder.ts";
import { UpstreamError } from "./error.ts";
import type { ResponseBody } from "./message.ts";
import type { Transport } from "./transport.ts";

/** What a body needs. */
export interface BodyOptions {
  readonly transport: Transport;
  readonly decoder: BodyDecoder;
  readonly deadlines: Deadlines;
  readonly idleTimeoutMs: number;
  /** Called once: the body is over, and whether it came to its end. */
  readonly onEnd: (complete: boolean) => void;
}

/** More than this is read in large pieces. */
const SMALL_BYTES = 16_384;

/** A body to be read once. */
export class Body implements ResponseBody {
  readonly #options: BodyOptions;
  #over = false;

  constructor(options: BodyOptions) {
    this.#options = options;
    if (options.decoder.done) this.#end(true);
  }

  get length(): number | undefined {
    return this.#options.decoder.remaining;
  }

  takeWhole(): Uint8Array<ArrayBuffer> | undefined {
    const { transport, decoder } = this.#options;
    if (this.#over || decoder.remaining === undefined || decoder.remaining > transport.available) return undefined;
    const whole = transport.bytes.slice(0, decoder.remaining);
    transport.take(whole.length);
    this.#end(true);
    return whole;
  }

  async read(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const { transport, decoder } = this.#options;
    try {
      while (!this.#over) {
        if (transport.available === 0 && !await this.#readInTime()) {
          if (!decoder.endsAtClose) {
            throw new UpstreamError("cut_short", "The router closed the connection within its answer");
          }
          this.#end(true);
          return undefined;
        }
        const piece = this.#decodeAvailable();
        if (decoder.done) this.#end(true);
        if (piece.length > 0) return piece;
      }
      return undefined;
    } catch (error) {
      this.#end(false);
      throw error;
    }
  }

  /** The content among all that has come, in one piece: a router could send it in chunks of a byte, and a piece costs more. */
  #decodeAvailable(): Uint8Array<ArrayBuffer> {
    const { transport, decoder } = this.#options;
    const decode = () => {
      const { used, content } = decoder.decode(transport.bytes);
      transport.take(used);
      return content;
    };
    const first = decode();
    if (decoder.done || transport.available === 0) return first.slice();
    const pieces = new Uint8Array(first.length + transport.available);
    let length = 0;
    for (let content = first;; content = decode()) {
      pieces.set(content, length);
      length += content.length;
      if (decoder.done || transport.available === 0) return pieces.slice(0, length);
    }
  }

  cancel(): void {
    if (this.takeWhole() === undefined) this.#end(false);
  }

  async #readInTime(): Promise<boolean> {
    const { transport, decoder, deadlines, idleTimeoutMs } = this.#options;
    if ((decoder.remaining ?? Infinity) > SMALL_BYTES) transport.expect("much");
    const deadline = deadlines.set(
      idleTimeoutMs,
      () =>
        transport.close(new UpstreamError("idle_timeout", `The router's answer stood still for ${idleTimeoutMs} ms`)),
    );
    try {
      return await transport.read();
    } finally {
      deadline.cancel();
    }
  }

  #end(complete: boolean): void {
    if (this.#over) return;
    this.#over = true;
    this.#options.onEnd(complete);
  }
}
