/**
 * The body of one response: its content told from its framing, and read from a connection piece by piece (RFC 9112
 * sections 6 and 7). The decoder is pure: bytes in, bytes out.
 *
 * @module
 */

import type { Deadlines } from "../time/clock.ts";
import { UpstreamError } from "./error.ts";
import type { Framing, ResponseBody } from "./message.ts";
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
            throw new UpstreamError("cut_short", "The server closed the connection within its answer");
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
    transport.expect(decoder.remaining ?? Infinity);
    const deadline = deadlines.set(
      idleTimeoutMs,
      () => transport.close(new UpstreamError("idle_timeout", `The answer stood still for ${idleTimeoutMs} ms`)),
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

/** What a decoder made of some bytes. */
export interface Decoded {
  /** How many of the bytes it used up. */
  readonly used: number;
  /** The content among them, a view; may be empty. */
  readonly content: Uint8Array;
}

/** Reads one body, given its bytes in pieces of any size. */
export interface BodyDecoder {
  /**
   * Takes bytes from the front. Uses up all that belong to the body, or stops behind the first run of content.
   *
   * @throws {UpstreamError} of kind `malformed`
   */
  decode(bytes: Uint8Array): Decoded;
  /** Whether the body is over. */
  readonly done: boolean;
  /** Whether it ends where the connection does. */
  readonly endsAtClose: boolean;
  /** Bytes of content still to come, where that is known. */
  readonly remaining: number | undefined;
}

const NOTHING = new Uint8Array(0);
const CR = 0x0d;
const LF = 0x0a;
/** The longest chunk-size line: 13 hexadecimal digits (RFC 9112 wants overflow guarded) and room for extensions. */
const MAX_SIZE_LINE = 1024;
const MAX_TRAILER_BYTES = 16_384;

/** Creates the decoder for a framing. */
export function createBodyDecoder(framing: Framing): BodyDecoder {
  if (framing === "chunked") return createChunkedDecoder();
  if (framing === "close") return UNTIL_CLOSE;
  return new LengthDecoder(framing);
}

const UNTIL_CLOSE: BodyDecoder = Object.freeze({
  decode: (bytes: Uint8Array) => ({ used: bytes.length, content: bytes }),
  done: false,
  endsAtClose: true,
  remaining: undefined,
});

class LengthDecoder implements BodyDecoder {
  readonly endsAtClose = false;

  constructor(public remaining: number) {}

  get done(): boolean {
    return this.remaining === 0;
  }

  decode(bytes: Uint8Array): Decoded {
    const content = bytes.subarray(0, this.remaining);
    this.remaining -= content.length;
    return { used: content.length, content };
  }
}

/** RFC 9112 section 7.1. Extensions and trailers are dropped: nobody asked for them. */
function createChunkedDecoder(): BodyDecoder {
  let state: "size" | "extension" | "size-lf" | "data" | "data-cr" | "data-lf" | "trailer" | "done" = "size";
  let size = 0;
  let digits = 0;
  let lineBytes = 0;
  let trailerBytes = 0;

  /** Takes one byte of what stands around the content. */
  const take = (byte: number) => {
    switch (state) {
      case "size":
      case "extension": {
        if (++lineBytes > MAX_SIZE_LINE) malformed("a line that is too long");
        if (byte === CR) {
          if (digits === 0) malformed("no size");
          state = "size-lf";
          return;
        }
        if (state === "extension") return byte === LF ? malformed("a bare LF") : undefined;
        const digit = hexDigit(byte);
        if (digit !== undefined) {
          if (++digits > 13) malformed("too large a size");
          size = size * 16 + digit;
        } else if (byte === 0x3b || byte === 0x20 || byte === 0x09) {
          state = "extension";
        } else {
          malformed("a size that is not a number");
        }
        return;
      }
      case "size-lf":
        if (byte !== LF) malformed("a bare CR");
        state = size === 0 ? "trailer" : "data";
        lineBytes = digits = 0;
        return;
      case "data-cr":
        if (byte !== CR) malformed("more data than its size");
        state = "data-lf";
        return;
      case "data-lf":
        if (byte !== LF) malformed("more data than its size");
        state = "size";
        return;
      case "trailer":
        // Lines up to an empty one; only their ends matter.
        if (++trailerBytes > MAX_TRAILER_BYTES) malformed("a trailer that is too long");
        if (byte !== LF) {
          if (byte !== CR) lineBytes++;
          return;
        }
        if (lineBytes === 0) state = "done";
        lineBytes = 0;
    }
  };

  return {
    decode(bytes) {
      let at = 0;
      while (at < bytes.length && state !== "done") {
        if (state === "data") {
          const content = bytes.subarray(at, at + size);
          size -= content.length;
          if (size === 0) state = "data-cr";
          return { used: at + content.length, content };
        }
        take(bytes[at++]!);
      }
      return { used: at, content: NOTHING };
    },
    get done() {
      return state === "done";
    },
    endsAtClose: false,
    remaining: undefined,
  };
}

function hexDigit(byte: number): number | undefined {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : undefined;
}

function malformed(what: string): never {
  throw new UpstreamError("malformed", `The answer has a chunk with ${what}`);
}
