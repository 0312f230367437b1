/**
 * Whoever answers what the gate lets in, as far as the gate knows it.
 *
 * @module
 */

import type { RefusalKind } from "./refusal.ts";
import type { ClientHead } from "./request_head.ts";
import type { EncodedResponse, OwnResponse, Recipient } from "./response.ts";

/** Answers what need not be asked inside, and takes note of what was refused or cut. */
export interface Handler {
  /** The answer to what is refused. The connection ends with it, unless it is to a whole request. */
  refuse(kind: RefusalKind, refused: Refused): OwnResponse;
  /** What an answer to the head is stored under; `undefined` if it always has to be asked for. */
  keyOf(head: ClientHead): string | undefined;
  /** The answer stored under a key, if it may be given without asking; or, where nobody can be asked, instead of an error. */
  ready(key: string, recipient: ReadyRecipient, need: "fresh" | "usable"): EncodedResponse | undefined;
  /** A client was cut within its answer. */
  onCut(target: string, reason: unknown): void;
}

/** What is known of what is refused. */
export interface Refused {
  /** The client's address. */
  readonly peer: string;
  readonly head: ClientHead | undefined;
}

/** Who gets what is stored. */
export interface ReadyRecipient extends Recipient {
  readonly target: string;
  /** When the request came, by the gate's clock. */
  readonly startedAt: number;
}
