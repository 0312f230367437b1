/**
 * Answers behind the gate without a server: pages about the program, and metadata where there is no folder for a socket that
 * only this program can reach. Any other socket would be open to all users of the machine, who could take up its connections
 * for ever.
 *
 * Slower than `Deno.serve`, and answers alike, but for a body of which nobody says the length: it does not count what is in hand.
 *
 * @module
 */

import { endsWithHead, toBytes } from "../../http1/message.ts";
import type { Framing, Header } from "../../http1/message.ts";
import type { Inner, InnerExchange, InnerHandler, InnerHead, Served } from "../gate/inner.ts";
import type { ClientHead } from "../gate/request_head.ts";
import { fromInner } from "../gate/response.ts";

/** What answering needs. */
export interface DirectServerOptions {
  /** The answer to a request that could not be handled, or whose body was cut. */
  readonly onError: (error: unknown) => Response;
  readonly dateText: () => string;
}

/** Creates what answers. */
export function createDirectServer(handler: InnerHandler, options: DirectServerOptions): Inner {
  let used = 0;
  return {
    get used() {
      return used;
    },
    open() {
      used++;
      return new DirectExchange(handler, options, () => used--);
    },
    rest() {},
    close() {},
  };
}

type Piece = Uint8Array<ArrayBuffer>;

const NOTHING: Piece = new Uint8Array(0);
const LINE_END = toBytes("\r\n");
const LAST_CHUNK = toBytes("0\r\n\r\n");

class DirectExchange implements InnerExchange {
  readonly #handler: InnerHandler;
  readonly #options: DirectServerOptions;
  readonly #onReleased: () => void;
  readonly #client = new AbortController();
  #body: ReadableStreamDefaultReader<Piece> | undefined;
  #framing: Framing = 0;
  #piece = NOTHING;
  #isOver = false;
  #isReleased = false;

  constructor(handler: InnerHandler, options: DirectServerOptions, onReleased: () => void) {
    this.#handler = handler;
    this.#options = options;
    this.#onReleased = onReleased;
  }

  get isDone(): boolean {
    return this.#isOver && this.#piece.length === 0;
  }

  async ask(head: ClientHead): Promise<InnerHead> {
    let passed: readonly Header[] | undefined;
    const response = await this.#respond(head, (fields) => passed = fields);
    const headers: Header[] = [...response.headers];
    if (!headers.some(([name]) => name === "date")) headers.push(["date", this.#options.dateText()]);

    const isBodiless = head.method === "HEAD" || endsWithHead(response.status);
    const length = fromInner({ headers, passed }).find(([name]) => name === "content-length")?.[1];
    if (isBodiless || response.body === null) {
      if (!isBodiless && length === undefined) headers.push(["content-length", "0"]);
      this.#isOver = true;
      void response.body?.cancel();
    } else {
      this.#body = response.body.getReader() as ReadableStreamDefaultReader<Piece>;
      this.#framing = length === undefined ? "chunked" : Number(length);
      if (length === undefined) headers.push(["transfer-encoding", "chunked"]);
      this.#isOver = this.#framing === 0;
    }
    // The client may have gone meanwhile.
    if (this.#isReleased) this.#giveUp();
    return { status: response.status, headers, framing: this.#framing, passed };
  }

  async #respond(head: ClientHead, pass: Served["pass"]): Promise<Response> {
    try {
      return await this.#handler(head, { signal: this.#client.signal, pass });
    } catch (error) {
      return this.#options.onError(error);
    }
  }

  takeBody(form: "framed" | "content"): Piece {
    const piece = this.#piece;
    this.#piece = NOTHING;
    if (form === "content" || this.#framing !== "chunked") return piece;
    const chunk = piece.length === 0 ? NOTHING : concat(toBytes(`${piece.length.toString(16)}\r\n`), piece, LINE_END);
    return this.#isOver && this.#body !== undefined ? concat(chunk, LAST_CHUNK) : chunk;
  }

  async more(): Promise<void> {
    const { done, value = NOTHING } = await this.#body!.read();
    if (typeof this.#framing === "number") {
      if (done || value.length > this.#framing) throw new Error("The body has not the length that was said");
      this.#framing -= value.length;
    }
    this.#piece = value;
    this.#isOver = done || this.#framing === 0;
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#onReleased();
    this.#giveUp();
  }

  /** Ends what is not over. */
  #giveUp(): void {
    if (this.#isOver) return;
    this.#client.abort();
    this.#body?.cancel().catch(() => {});
  }
}

function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
