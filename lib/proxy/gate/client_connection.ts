/**
 * One connection of a client: a head comes, it is answered, and again (RFC 9112 section 9).
 *
 * One request at a time; what a client sends ahead waits in its buffer, and beyond that in the kernel. Answers are ready
 * bytes, or are passed on from the server behind the gate as they come. Knows nothing of what is asked and answered.
 *
 * @module
 */

import { isExhausted } from "../../http1/error.ts";
import { ClientGoneError } from "./errors.ts";
import { beginRelay, encodeResponse } from "./response.ts";
import type { EncodedResponse } from "./response.ts";
import type { Inner, InnerExchange, InnerHead } from "./inner.ts";
import { HeadReader } from "./head_reader.ts";
import type { KnownHead, KnownHeads } from "./head_reader.ts";
import type { ClientHead, HeadLimits } from "./request_head.ts";
import type { Handler } from "./handler.ts";
import { overdue } from "./patience.ts";
import type { ConnectionState, PatienceLimits } from "./patience.ts";
import type { RefusalKind } from "./refusal.ts";

/** The limits of a connection. */
export interface ConnectionLimits extends HeadLimits, PatienceLimits {}

/** What a connection works with, and whom it tells. */
export interface ConnectionOptions {
  readonly limits: ConnectionLimits;
  readonly handler: Handler;
  readonly known: KnownHeads;
  /** What answers behind the gate. */
  readonly inner: Inner;
  /** Whether one more request may be asked inside. Makes room if it can. */
  readonly mayAsk: () => boolean;
  readonly dateText: () => string;
  readonly now: () => number;
  /** Whether the program stops: no connection stays open behind an answer. */
  readonly isStopping: () => boolean;
  /** Called with every head that is complete. */
  readonly onRequest: () => void;
  /** Called with what is the doing of no client and of no server. */
  readonly onFault: (error: unknown) => void;
  /** Called once. */
  readonly onClosed: (connection: ClientConnection) => void;
}

/** A connection that is served. */
export class ClientConnection {
  /** The client's address. */
  readonly peer: string;
  readonly #conn: Deno.Conn;
  readonly #with: ConnectionOptions;
  #state: ConnectionState = "waiting";
  #since: number;
  readonly #reader: HeadReader;
  /** Whether nothing has come since it is in its state. */
  #isUntouched = true;
  /** The request under way, and when it came. */
  #request: KnownHead | undefined;
  #startedAt = 0;
  #letWaitMs = 0;
  #inner: InnerExchange | undefined;
  #closed: { readonly reason: unknown } | undefined;

  constructor(conn: Deno.Conn, peer: string, options: ConnectionOptions) {
    this.#conn = conn;
    this.peer = peer;
    this.#with = options;
    const { limits, known, handler: { keyOf } } = options;
    this.#reader = new HeadReader(conn, { limits, known, keyOf, onBytes: this.#onBytes, onReset: this.#onReset });
    this.#since = options.now();
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Since when it is in that state, or when the client last took something. */
  get since(): number {
    return this.#since;
  }

  /** Whether a part of a head has come. */
  get isHalfHeaded(): boolean {
    return this.#state === "waiting" && this.#reader.length > 0;
  }

  /** Whether no whole request has come yet. */
  get isNew(): boolean {
    return this.#state === "waiting" && this.#request === undefined;
  }

  /** Whether it is being answered behind the gate. */
  get isInside(): boolean {
    return this.#inner !== undefined;
  }

  /** Whether it is answered to a client that may have gone: one that closed its side, or sends more than is held. */
  get mayBeGone(): boolean {
    return this.#state === "answering" && this.isInside && this.#reader.hasStopped;
  }

  /** Serves the client until one of both closes. Never rejects. */
  serve(): Promise<void> {
    return this.#toTheEnd(async () => {
      for (;;) {
        const next = this.#reader.take();
        const goesOn = await (next === undefined ? this.#reader.more() : this.#respond(next));
        if (!goesOn) return;
      }
    });
  }

  /** Says to a client why it is not served, and closes. Never rejects. */
  turnAway(kind: RefusalKind): Promise<void> {
    return this.#toTheEnd(async () => {
      await this.#refuse(kind);
    });
  }

  /** When the request under way came. */
  get startedAt(): number {
    return this.#startedAt;
  }

  /** For how long it has had answers wait to be taken, but for the piece that waits now. */
  get letWaitMs(): number {
    return this.#letWaitMs;
  }

  /** Cuts it if it has been waited for too long. */
  expire(now: number): void {
    const reason = overdue(this, now, this.#with.limits);
    if (reason !== undefined) this.cut(reason);
  }

  /** Ends it, whatever it is doing, for a reason. */
  cut(reason: unknown): void {
    if (this.#state === "sending" || this.#state === "answering") this.#cutAnswer(reason);
    else this.#close(reason);
  }

  #cutAnswer(reason: unknown): void {
    if (this.#closed === undefined) this.#with.handler.onCut(this.#request?.head.target ?? "", reason);
    this.#close(reason);
  }

  async #toTheEnd(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.#close(new ClientGoneError("The client closed the connection"));
    } catch (error) {
      // The client is gone, or was cut, or the server behind cut its answer: all that is left is to close.
      if (this.#closed === undefined && isFault(error)) this.#with.onFault(error);
      this.#close(error);
    }
  }

  /** Answers what was taken; whether there may be another request. */
  #respond(next: KnownHead | RefusalKind): Promise<boolean> {
    if (typeof next === "string") return this.#refuse(next);
    const { mayAsk, now, onRequest } = this.#with;
    const { head } = this.#request = next;
    this.#startedAt = now();
    onRequest();
    const ready = this.#ready(next, "fresh");
    if (ready !== undefined) return this.#send(ready);
    if (mayAsk()) return this.#ask(head);
    const stale = this.#ready(next, "usable");
    return stale === undefined ? this.#refuse("busy", head) : this.#send(stale);
  }

  #ready({ head, key }: KnownHead, need: "fresh" | "usable"): EncodedResponse | undefined {
    if (key === undefined) return undefined;
    const { method, target, minor } = head;
    const recipient = { method, target, minor, persistent: this.#stays(head), startedAt: this.#startedAt };
    return this.#with.handler.ready(key, recipient, need);
  }

  #stays({ persistent }: ClientHead): boolean {
    return persistent && !this.#with.isStopping();
  }

  async #refuse(kind: RefusalKind, head?: ClientHead): Promise<boolean> {
    const { handler, dateText, now } = this.#with;
    if (head === undefined) {
      this.#request = undefined;
      this.#startedAt = now();
    }
    const response = handler.refuse(kind, { peer: this.peer, head });
    const recipient = {
      method: head?.method ?? "GET",
      minor: head?.minor ?? 1,
      persistent: head !== undefined && this.#stays(head),
    };
    return await this.#send(encodeResponse(response, recipient, dateText()));
  }

  /** Writes an answer that is in hand; whether there may be another request. */
  async #send({ first, rest, persistent }: EncodedResponse): Promise<boolean> {
    this.#enter("sending");
    await this.#write(first);
    if (rest !== undefined) await this.#write(rest);
    return this.#next(persistent);
  }

  /** Has the server behind answer; whether there may be another request. */
  async #ask(head: ClientHead): Promise<boolean> {
    this.#enter("answering", this.#startedAt);
    this.#reader.listen(this.#isWaiting);
    const exchange = this.#inner = this.#with.inner.open();
    const response = await exchange.ask(head).catch((error: Error) => error);
    if (this.#closed !== undefined) throw this.#closed.reason;
    // Out of descriptors, or between two servers: nothing was said yet, and the client may come back.
    if (response instanceof Error) {
      this.#releaseInner();
      return await this.#refuse(isExhausted(response) ? "exhausted" : "inner", head);
    }
    const persistent = await this.#relay(exchange, response, head);
    this.#releaseInner();
    return this.#next(persistent);
  }

  /** Passes an answer on as it comes: what the client does not take is not read. Whether the connection may stay. */
  async #relay(exchange: InnerExchange, response: InnerHead, head: ClientHead): Promise<boolean> {
    const recipient = { minor: head.minor, persistent: this.#stays(head) };
    const { first, form, persistent } = beginRelay(exchange, response, recipient);
    for (let piece = first;; piece = exchange.takeBody(form)) {
      this.#enter("sending");
      await this.#write(piece);
      if (exchange.isDone) return persistent;
      this.#enter("answering");
      await exchange.more();
    }
  }

  /** What comes behind an answer: another request, or the end. */
  #next(persistent: boolean): boolean | Promise<boolean> {
    // The program may have begun to stop behind the head of the answer. What the client sent ahead is answered still.
    if (!persistent || (this.#with.isStopping() && this.#reader.length === 0)) return this.#closeBehind();
    // Since it was written.
    this.#enter("waiting", this.#since);
    return true;
  }

  /** Waits until the client has read the last answer. */
  async #closeBehind(): Promise<false> {
    // Closed with unread bytes, the connection would be reset, and the client might never read its answer.
    this.#enter("closing");
    await this.#conn.closeWrite();
    do this.#reader.skip(); while (await this.#reader.more());
    return false;
  }

  #write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.#conn.write(bytes).then((count) => {
      const now = this.#with.now();
      this.#letWaitMs += now - this.#since;
      this.#since = now;
      if (count < bytes.length) return this.#write(bytes.subarray(count));
    });
  }

  readonly #onBytes = (): void => {
    // From here on a head is under way, and has its own time.
    if (this.#state === "waiting" && this.#isUntouched) this.#since = this.#with.now();
    this.#isUntouched = false;
  };
  readonly #isWaiting = (): boolean => this.isInside;
  readonly #onReset = (cause: unknown): void => {
    this.#close(new ClientGoneError("The client went away", { cause }));
  };

  #enter(state: ConnectionState, since = this.#with.now()): void {
    this.#state = state;
    this.#isUntouched = true;
    this.#since = since;
  }

  #releaseInner(): void {
    const inner = this.#inner;
    this.#inner = undefined;
    inner?.release();
  }

  #close(reason: unknown): void {
    if (this.#closed !== undefined) return;
    this.#closed = { reason };
    this.#releaseInner();
    this.#reader.free();
    this.#conn.close();
    this.#with.onClosed(this);
  }
}

/** Whether an error is the program's own: what connections and servers fail with is of other classes. */
function isFault(error: unknown): boolean {
  return [TypeError, RangeError, ReferenceError].some((kind) => error instanceof kind);
}
