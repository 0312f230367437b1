/**
 * Reads what a client sends, and finds the heads in it. Programs ask the same again and again: nearly every head was read
 * before, and is recognised by its bytes.
 *
 * @module
 */

import { latin1 } from "../../http1/message.ts";
import type { RefusalKind } from "./refusal.ts";
import { countEmptyLines, decodeRequestHead, findRequestEnd, maxHeadBytes } from "./request_head.ts";
import type { ClientHead, HeadLimits } from "./request_head.ts";

/** A head that was read before. */
export interface KnownHead {
  readonly head: ClientHead;
  /** What an answer to it is stored under; `undefined` if it always has to be asked for. */
  readonly key: string | undefined;
}

/** Heads by their text. */
export interface KnownHeads {
  /** The head that is all of the bytes. */
  find(bytes: Uint8Array): KnownHead | undefined;
  /** @param text a character for each byte */
  add(text: string, known: KnownHead): void;
}

/** Far more than the programs of a VM send; a client that sends others all the time gains nothing by it. */
const MAX_HEADS = 256;
const MAX_LENGTH = 1_024;

/** Only a text of these characters comes of one sequence of bytes and no other. */
const ASCII = /^[\r\n\t -~]*$/;
const TEXT = new TextDecoder("utf-8", { ignoreBOM: true });

/** Creates an empty memory. When it is full it begins anew. */
export function createKnownHeads(): KnownHeads {
  const heads = new Map<string, KnownHead>();
  return {
    find: (bytes) => bytes.length > MAX_LENGTH ? undefined : heads.get(TEXT.decode(bytes)),
    add(text, known) {
      if (text.length > MAX_LENGTH || !ASCII.test(text)) return;
      if (heads.size >= MAX_HEADS) heads.clear();
      heads.set(text, known);
    },
  };
}

/** What a reader works with, and whom it tells. */
export interface HeadReaderOptions {
  readonly limits: HeadLimits;
  readonly known: KnownHeads;
  /** What an answer to a head is stored under; `undefined` if it always has to be asked for. */
  readonly keyOf: (head: ClientHead) => string | undefined;
  readonly onBytes: () => void;
  /** The client has reset the connection, or it was closed on this side. */
  readonly onReset: (cause: unknown) => void;
}

const CR = 0x0d;

/** Holds an ordinary head; an idle connection costs no more than this. */
const BUFFER_BYTES = 2_048;

/** What a client sends: it is read ahead, and the heads in it are taken. */
export class HeadReader {
  readonly #conn: Pick<Deno.Conn, "read">;
  readonly #with: HeadReaderOptions;
  /** What came and was not used yet is between start and end. */
  #buffer = new Uint8Array(BUFFER_BYTES);
  #start = 0;
  #end = 0;
  /** How much of it was searched for the end of a head. */
  #searched = 0;
  /** A read under way. */
  #arrival: Promise<boolean> | undefined;
  #hasEnded = false;
  #isFree = false;

  constructor(conn: Pick<Deno.Conn, "read">, options: HeadReaderOptions) {
    this.#conn = conn;
    this.#with = options;
  }

  /** How many bytes wait. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** Whether nothing more is read, so that nothing would tell that the client has gone: it closed its side, or sent more than is held. */
  get hasStopped(): boolean {
    return this.#hasEnded || this.#arrival === undefined;
  }

  /** Waits for more bytes; whether there are any. It never rejects. */
  more(): Promise<boolean> {
    const arrival = this.#arrive();
    this.#arrival = undefined;
    return arrival ?? Promise.resolve(false);
  }

  /**
   * Reads on while an answer is waited for: so it is noticed when the client resets the connection. That it closes its own
   * side says little: it may well be waiting for the answer.
   */
  listen(isWaiting: () => boolean): void {
    const arrival = this.#arrive();
    arrival?.then((isMore) => {
      if (!isMore || this.#arrival !== arrival || !isWaiting()) return;
      this.#arrival = undefined;
      this.listen(isWaiting);
    });
  }

  /** Starts to read, unless that is under way, or no more can be held; whether anything came. */
  #arrive(): Promise<boolean> | undefined {
    if (this.#arrival !== undefined) return this.#arrival;
    const room = this.#isFree ? undefined : this.#makeRoom();
    return this.#arrival = room && this.#conn.read(room).then(this.#arrived, this.#reset);
  }

  // Made once: an asynchronous function for each read would cost as much as a ready answer.
  readonly #arrived = (count: number | null): boolean => {
    // What came in the moment in which the connection was closed has nowhere to be.
    if (count === null || this.#isFree) {
      this.#hasEnded = true;
      return false;
    }
    this.#end += count;
    this.#with.onBytes();
    return true;
  };
  readonly #reset = (cause: unknown): boolean => {
    this.#with.onReset(cause);
    return false;
  };

  /** Where more bytes are to be read to; `undefined` if more are held than a head within the limits can have. */
  #makeRoom(): Uint8Array<ArrayBuffer> | undefined {
    if (this.length === 0) {
      this.#start = this.#end = 0;
      if (this.#buffer.length > BUFFER_BYTES) this.#buffer = new Uint8Array(BUFFER_BYTES);
    }
    if (this.#end === this.#buffer.length) {
      const held = this.#bytes();
      const most = maxHeadBytes(this.#with.limits);
      if (held.length > most) return undefined;
      // In one step: malloc keeps what small ones leave behind, while a large one is a mapping of its own.
      const buffer = new Uint8Array(most + BUFFER_BYTES);
      buffer.set(held);
      this.#buffer = buffer;
      this.#start = 0;
      this.#end = held.length;
    }
    return this.#end === 0 ? this.#buffer : this.#buffer.subarray(this.#end);
  }

  /** Throws away what waits. */
  skip(): void {
    this.#start = this.#end;
  }

  /** Takes the next head, or says why it is refused; `undefined` while it has not come. */
  take(): KnownHead | RefusalKind | undefined {
    if (this.length === 0) return undefined;
    const { limits, known, keyOf } = this.#with;
    let bytes = this.#bytes();
    if (this.#searched === 0) {
      // Nearly always one head comes alone, and was read before.
      const whole = known.find(bytes);
      if (whole !== undefined) {
        this.skip();
        return whole;
      }
      this.#start += countEmptyLines(bytes);
      bytes = this.#bytes();
    }
    const end = findRequestEnd(bytes, limits, this.#searched);
    if (typeof end === "string") return end;
    // Half of an empty line in front may have come: it is skipped when the other half is there.
    this.#searched = end === -1 && bytes[0] !== CR ? bytes.length : 0;
    if (end === -1) return undefined;
    this.#start += end;
    const text = latin1(bytes.subarray(0, end));
    const head = decodeRequestHead(text);
    if (typeof head === "string") return head;
    const read = { head, key: keyOf(head) };
    known.add(text, read);
    return read;
  }

  /** Gives up what it holds, for good: nothing comes any more. */
  free(): void {
    this.#isFree = true;
    this.#start = this.#end = 0;
    this.#buffer = new Uint8Array(0);
  }

  #bytes(): Uint8Array {
    return this.#buffer.subarray(this.#start, this.#end);
  }
}
