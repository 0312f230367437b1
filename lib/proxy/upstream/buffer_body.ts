/**
 * Takes in a body that has not come with its head. Metadata is small and comes at once: taken whole, it can be answered in one
 * write, shared, kept, and asked for again if the router cuts it short. A body that is large or slow goes on as a stream.
 *
 * @module
 */

import type { ResponseBody } from "../../http1/message.ts";
import type { Deadlines } from "../../time/clock.ts";

/** Holds the largest user-data that CloudStack takes (32 KB), in base64 too. */
export const MAX_BUFFERED_BYTES = 65_536;

/** A local router sends such a body within a few milliseconds. */
const PATIENCE_MS = 200;

const NOTHING = new Uint8Array(0);
const LATE = Symbol();

/** A body that was taken whole, or one that is still to be read. */
export type BufferedBody = Uint8Array<ArrayBuffer> | ResponseBody;

/**
 * Reads a body to its end, if it is small and comes soon.
 *
 * @returns the bytes; or, of a body that is large or slow, all of it as a body again
 * @throws {UpstreamError} If it is cut short or malformed.
 */
export async function bufferBody(body: ResponseBody, deadlines: Deadlines): Promise<BufferedBody> {
  const { promise: late, resolve } = Promise.withResolvers<typeof LATE>();
  const deadline = deadlines.set(PATIENCE_MS, () => resolve(LATE));
  try {
    for (const taken = new Gathered();;) {
      const next = body.read();
      const piece = await Promise.race([next, late]);
      if (piece === LATE) return resume(taken, next, body);
      if (piece === undefined) return taken.whole();
      taken.add(piece);
      if (taken.length > MAX_BUFFERED_BYTES) return resume(taken, undefined, body);
    }
  } finally {
    deadline.cancel();
  }
}

/** Bytes that came one after another, in one place: as pieces they could cost a hundred times more. */
class Gathered {
  #bytes = NOTHING;
  length = 0;

  add(piece: Uint8Array<ArrayBuffer>): void {
    if (this.length === 0) {
      this.#bytes = piece;
    } else {
      if (this.length + piece.length > this.#bytes.length) this.#grow(this.length + piece.length);
      this.#bytes.set(piece, this.length);
    }
    this.length += piece.length;
  }

  whole(): Uint8Array<ArrayBuffer> {
    return this.length === this.#bytes.length ? this.#bytes : this.#bytes.slice(0, this.length);
  }

  #grow(length: number): void {
    const larger = new Uint8Array(2 * length);
    larger.set(this.#bytes.subarray(0, this.length));
    this.#bytes = larger;
  }
}

/** Puts back what was read, and the read that is under way. */
function resume(
  taken: Gathered,
  pending: Promise<Uint8Array<ArrayBuffer> | undefined> | undefined,
  rest: ResponseBody,
): ResponseBody {
  // Whoever reads on gets the error; until then it is not unhandled.
  pending?.catch(() => {});
  let first = taken.length === 0 ? undefined : taken.whole();
  return {
    length: undefined,
    takeWhole: () => undefined,
    read() {
      if (first !== undefined) {
        const piece = first;
        first = undefined;
        return Promise.resolve(piece);
      }
      const next = pending ?? rest.read();
      pending = undefined;
      return next;
    },
    cancel: () => rest.cancel(),
  };
}
