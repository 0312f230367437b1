/**
 * What is behind the gate, as far as the gate knows it: a request in, an answer out, as much of it at a time as is taken.
 *
 * @module
 */

import type { Header, ResponseHead } from "../../http1/message.ts";
import type { ClientHead } from "./request_head.ts";

/** What answers that is not ready at the gate. */
export interface Inner {
  /** How many exchanges are under way. */
  readonly used: number;
  /** Begins one. */
  open(): InnerExchange;
  /** Gives up what is kept for later. */
  rest(): void;
  /** The same, and for good. */
  close(): void;
}

/** What is known of an answer before its body. */
export interface InnerHead extends Pick<ResponseHead, "status" | "headers" | "framing"> {
  /** The fields that the client is to get as they are, where `headers` is only what the server adds. */
  readonly passed?: readonly Header[] | undefined;
}

/**
 * How long a request must have been under way before the server behind can notice that its client leaves. A client that
 * leaves sooner keeps its place until then; otherwise the router could be asked for any number of clients that are gone.
 */
export const NOTICED_AFTER_MS = 100;

/** A request and its answer. */
export interface InnerExchange {
  /** Whether the whole answer was taken. */
  readonly isDone: boolean;
  /**
   * Asks, and waits for the head of the answer. Once.
   *
   * @throws {Error} If there is none.
   */
  ask(head: ClientHead): Promise<InnerHead>;
  /** Takes what has come of the body: as it is framed, or its content only. Good until the next is waited for; may be empty. */
  takeBody(form: "framed" | "content"): Uint8Array<ArrayBuffer>;
  /** Waits for more of the body. @throws {Error} If there is none although there should be. */
  more(): Promise<void>;
  /** Ends it: what is not over is cut, which whoever answers notices. Harmless when done before. */
  release(): void;
}

/** Answers what is asked behind the gate. */
export type InnerHandler = (head: ClientHead, served: Served) => Response | Promise<Response>;

/** What is known of a request besides its head. */
export interface Served {
  /** Aborts when the client has gone away. */
  readonly signal: AbortSignal;
  /** Has the client get these fields as they are; what the response itself says is then the server's own. */
  pass(fields: readonly Header[]): void;
}
