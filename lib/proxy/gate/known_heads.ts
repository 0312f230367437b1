/**
 * Remembers heads by their very bytes: programs ask the same again and again, and need not be read again.
 *
 * @module
 */

import type { ClientHead } from "./request_head.ts";

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

/** Of these alone a text is made by one sequence of bytes and no other. */
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
