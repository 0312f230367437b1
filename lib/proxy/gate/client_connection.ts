/**
 * One connection of a client: a head comes, it is answered, and again (RFC 9112 section 9).
 *
 * | state | what it waits for | is cut after |
 * |---|---|---|
 * | `waiting` | a head, or the rest of one | the idle timeout, from its last use or from the first byte of the head |
 * | `answering` | the server behind the gate | the transfer timeout, from the request |
 * | `sending` | the client, that it takes what is written | the idle timeout, from the last piece that it took |
 * | `closing` | the client's end of the connection, so that it can read the last answer | a second |
 *
 * One request at a time; what a client sends ahead waits in its buffer, and beyond that in the kernel. Answers are ready
 * bytes, or are passed on from the server behind the gate as they come. Knows nothing of what is asked and answered.
 *
 * @module
 */

import { latin1 } from "../../http1/message.ts";
import { ClientGoneError, ClientTimeoutError } from "./errors.ts";
import type { Inner, InnerExchange, InnerHead } from "./inner.ts";
import { encodeResponse, encodeResponseHead, fromInner } from "./response.ts";
import type { EncodedResponse, OwnResponse, Recipient } from "./response.ts";
import { countEmptyLines, decodeRequestHead, findRequestEnd, maxHeadBytes } from "./request_head.ts";
import type { ClientHead, HeadLimits, KnownHeads } from "./request_head.ts";
import type { RefusalKind } from "./refusal.ts";

/** Answers what need not be asked inside, and keeps account. */
export interface Handler {
  /** The answer to what is refused. The connection ends with it, unless it is a whole request that finds no room. */
  refuse(kind: RefusalKind, refused: Refused): OwnResponse;
  /** What an answer to the head is stored under; `undefined` if it always has to be asked for. */
  keyOf(head: ClientHead): string | undefined;
  /** The answer stored under a key, if it may be given without asking; or, where nobody can be asked, instead of an error. */
  ready(key: string, recipient: ReadyRecipient, need: "fresh" | "usable"): EncodedResponse | undefined;
  /** Answers itself what is not ready, where there is no server behind. */
  readonly own?: (head: ClientHead) => Promise<OwnResponse>;
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

/** The limits of a connection. */
export interface ConnectionLimits extends HeadLimits {
  readonly idleTimeoutMs: number;
  readonly transferTimeoutMs: number;
}

/** What a connection works with, and whom it tells. */
export interface ConnectionOptions {
  readonly limits: ConnectionLimits;
  readonly handler: Handler;
  readonly known: KnownHeads;
  /** What answers behind the gate, if anything does. */
  readonly inner: Inner | undefined;
  /** Whether one more request may be asked inside. Makes room if it can. */
  readonly mayAsk: () => boolean;
  readonly dateText: () => string;
  readonly now: () => number;
  /** Whether the program stops: no connection stays open behind an answer. */
  readonly isStopping: () => boolean;
  /** Called with every head that is complete. */
  readonly onRequest: () => void;
  /** Called once. */
  readonly onClosed: (connection: ClientConnection) => void;
}

/** What a connection is doing. */
export type ConnectionState = "waiting" | "answering" | "sending" | "closing";

/** Holds an ordinary head; an idle connection costs no more than this. */
const BUFFER_BYTES = 2_048;

/** How long a client may take to close after its last answer; what it sends meanwhile is thrown away. */
const CLOSING_MS = 1_000;

/** The server behind the gate has the same limit, and knows better what to say when it is over: it goes first. */
const INNER_FIRST_MS = 500;

const NO_BUFFER = new Uint8Array(0);
const CR = 0x0d;

/** A connection that is served. */
export class ClientConnection {
  /** The client's address. */
  readonly peer: string;
  readonly #conn: Deno.Conn;
  readonly #with: ConnectionOptions;
  #state: ConnectionState = "waiting";
  #since: number;
  /** What came and was not used yet is between start and end. */
  #buffer = new Uint8Array(BUFFER_BYTES);
  #start = 0;
  #end = 0;
  /** How much of it was searched for the end of a head. */
  #searched = 0;
  /** Whether nothing has come since it is in its state. */
  #isUntouched = true;
  /** A read under way. */
  #arrival: Promise<boolean> | undefined;
  /** Whether the client has closed its own side. */
  #hasEnded = false;
  /** The request under way, what an answer to it is stored under, and when it came. */
  #head: ClientHead | undefined;
  #key: string | undefined;
  #startedAt = 0;
  #inner: InnerExchange | undefined;
  #closed: { readonly reason: unknown } | undefined;

  constructor(conn: Deno.Conn, peer: string, options: ConnectionOptions) {
    this.#conn = conn;
    this.peer = peer;
    this.#with = options;
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
    return this.#state === "waiting" && this.#start < this.#end;
  }

  /** Whether it is being answered behind the gate. */
  get isInside(): boolean {
    return this.#inner !== undefined;
  }

  /** Whether it is answered to a client that may have gone: one that closed its side, or sends more than is held. */
  get isUnheard(): boolean {
    return this.#state === "answering" && this.isInside && (this.#hasEnded || this.#arrival === undefined);
  }

  /** Serves the client until one of both closes. Never rejects. */
  serve(): Promise<void> {
    return this.#toTheEnd(async () => {
      for (;;) {
        const next = this.#takeHead();
        const goesOn = await (next === undefined ? this.#more() : this.#respond(next));
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

  /** Cuts it if it has been waited for too long. */
  expire(now: number): void {
    const { idleTimeoutMs, transferTimeoutMs } = this.#with.limits;
    const waitedMs = now - this.#since;
    switch (this.#state) {
      case "waiting":
        if (waitedMs >= idleTimeoutMs) this.cut(new ClientTimeoutError("The client sent nothing"));
        return;
      case "closing":
        if (waitedMs >= CLOSING_MS) this.cut(new ClientTimeoutError("The client did not close"));
        return;
      case "sending":
        if (waitedMs >= idleTimeoutMs + (this.isInside ? INNER_FIRST_MS : 0)) {
          return this.#cutAnswer(new ClientTimeoutError(`The client took nothing for ${idleTimeoutMs} ms`));
        }
    }
    if (now - this.#startedAt >= transferTimeoutMs + INNER_FIRST_MS) {
      this.#cutAnswer(new ClientTimeoutError(`The transfer took longer than ${transferTimeoutMs} ms`));
    }
  }

  /** Ends it, whatever it is doing, for a reason. */
  cut(reason: unknown): void {
    if (this.#state === "sending" || this.#state === "answering") this.#cutAnswer(reason);
    else this.#close(reason);
  }

  #cutAnswer(reason: unknown): void {
    if (this.#closed === undefined) this.#with.handler.onCut(this.#head?.target ?? "", reason);
    this.#close(reason);
  }

  async #toTheEnd(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.#close(new ClientGoneError("The client closed the connection"));
    } catch (error) {
      // The client is gone, or was cut, or the server behind cut its answer: all that is left is to close.
      this.#close(error);
    }
  }

  /** Answers what was taken; whether there may be another request. */
  #respond(next: ClientHead | EncodedResponse | RefusalKind): Promise<boolean> {
    if (typeof next === "string") return this.#refuse(next);
    if ("first" in next) return this.#send(next);
    const { handler: { own }, mayAsk } = this.#with;
    if (own !== undefined) return this.#answer(next, own);
    if (mayAsk()) return this.#ask(next);
    const standIn = this.#ready(next, "usable");
    return standIn === undefined ? this.#refuse("busy", next) : this.#send(standIn);
  }

  /** The next head, a ready answer to it, or why it is refused; `undefined` while it has not come. */
  #takeHead(): ClientHead | EncodedResponse | RefusalKind | undefined {
    if (this.#start === this.#end) return undefined;
    const { limits, known } = this.#with;
    let bytes = this.#bytes();
    if (this.#searched === 0) {
      // Nearly always one head comes alone, and was read before.
      const whole = known.find(bytes);
      if (whole !== undefined) {
        this.#start = this.#end;
        return this.#begin(whole.head, whole.key);
      }
      this.#start += countEmptyLines(bytes);
      bytes = this.#bytes();
    }
    const end = findRequestEnd(bytes, limits, this.#searched);
    if (typeof end === "string") return end;
    // Of an empty line in front the half may have come: it is passed over when the other half is there.
    this.#searched = end === -1 && bytes[0] !== CR ? bytes.length : 0;
    if (end === -1) return undefined;
    this.#start += end;
    const text = latin1(bytes.subarray(0, end));
    const head = decodeRequestHead(text);
    if (typeof head === "string") return head;
    const key = this.#with.handler.keyOf(head);
    known.add(text, { head, key });
    return this.#begin(head, key);
  }

  #begin(head: ClientHead, key: string | undefined): ClientHead | EncodedResponse {
    const { now, onRequest } = this.#with;
    this.#head = head;
    this.#key = key;
    this.#startedAt = now();
    onRequest();
    return this.#ready(head, "fresh") ?? head;
  }

  #ready(head: ClientHead, need: "fresh" | "usable"): EncodedResponse | undefined {
    if (this.#key === undefined) return undefined;
    const { method, target, minor } = head;
    const recipient = { method, target, minor, persistent: this.#stays(head), startedAt: this.#startedAt };
    return this.#with.handler.ready(this.#key, recipient, need);
  }

  #stays({ persistent }: ClientHead): boolean {
    return persistent && !this.#with.isStopping();
  }

  async #refuse(kind: RefusalKind, head?: ClientHead): Promise<boolean> {
    const { handler, dateText, now } = this.#with;
    if (head === undefined) {
      this.#head = undefined;
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

  async #answer(head: ClientHead, own: (head: ClientHead) => Promise<OwnResponse>): Promise<boolean> {
    this.#enter("answering");
    const response = await own(head);
    return await this.#send(
      encodeResponse(response, { ...head, persistent: this.#stays(head) }, this.#with.dateText()),
    );
  }

  /** Has the server behind answer; whether there may be another request. */
  async #ask(head: ClientHead): Promise<boolean> {
    const { inner, limits } = this.#with;
    this.#enter("answering");
    this.#listen();
    const exchange = this.#inner = inner!.open();
    const response = await exchange.ask(head, maxInnerHeadBytes(limits)).catch(() => undefined);
    if (this.#closed !== undefined) throw this.#closed.reason;
    // Out of descriptors, or between two servers: nothing was said yet, and the client may come back.
    if (response === undefined) {
      this.#releaseInner();
      return await this.#refuse("inner", head);
    }
    const persistent = await this.#relay(exchange, response, head);
    this.#releaseInner();
    return this.#next(persistent);
  }

  /** Passes an answer on as it comes: what the client does not take is not read. Whether the connection may stay. */
  async #relay(
    inner: InnerExchange,
    { status, headers, framing }: InnerHead,
    head: ClientHead,
  ): Promise<boolean> {
    // A client of HTTP/1.0 knows no chunks: it gets what is in them, and the end of the connection as the end.
    const isUnchunked = framing === "chunked" && head.minor === 0;
    const lines = fromInner(isUnchunked ? headers.filter(([name]) => name !== "transfer-encoding") : headers);
    const persistent = this.#stays(head) && !isUnchunked && !headers.some(isClose);
    const form = isUnchunked ? "content" : "framed";

    let piece = encodeResponseHead({ status, lines, behind: inner.takeBody(form) }, { minor: head.minor, persistent });
    for (;;) {
      this.#enter("sending");
      await this.#write(piece);
      if (inner.isDone) return persistent;
      this.#enter("answering");
      await inner.more();
      piece = inner.takeBody(form);
    }
  }

  /** What comes behind an answer: another request, or the end. */
  #next(persistent: boolean): boolean | Promise<boolean> {
    if (!persistent) return this.#closeBehind();
    this.#enter("waiting");
    return true;
  }

  /** Waits until the client has read the last answer. */
  async #closeBehind(): Promise<false> {
    // Closed with unread bytes, the connection would be reset, and the client might never read its answer.
    this.#enter("closing");
    await this.#conn.closeWrite();
    do this.#start = this.#end; while (await this.#more());
    return false;
  }

  #write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.#conn.write(bytes).then((count) => {
      this.#since = this.#with.now();
      if (count < bytes.length) return this.#write(bytes.subarray(count));
    });
  }

  #bytes(): Uint8Array {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  /** Waits for more bytes; whether there are any. */
  #more(): Promise<boolean> {
    const arrival = this.#arrive();
    this.#arrival = undefined;
    return arrival ?? Promise.resolve(false);
  }

  /** Starts to read, unless that is under way, or no more can be held; whether anything came. It never rejects. */
  #arrive(): Promise<boolean> | undefined {
    if (this.#arrival !== undefined) return this.#arrival;
    if (!this.#makeRoom()) return undefined;
    return this.#arrival = this.#conn.read(this.#buffer.subarray(this.#end)).then(this.#arrived, this.#reset);
  }

  /**
   * Reads on while an answer is waited for: so it is noticed when the client resets the connection. That it closes its own
   * side says little: it may well be waiting for the answer.
   */
  #listen(): void {
    const arrival = this.#arrive();
    arrival?.then((isMore) => {
      if (!isMore || this.#arrival !== arrival || !this.isInside) return;
      this.#arrival = undefined;
      this.#listen();
    });
  }

  // Made once: an asynchronous function for each read would cost as much as a ready answer.
  readonly #arrived = (count: number | null): boolean => {
    if (count === null) {
      this.#hasEnded = true;
      return false;
    }
    // From here on a head is under way, and has its own time.
    if (this.#state === "waiting" && this.#isUntouched) this.#since = this.#with.now();
    this.#isUntouched = false;
    this.#end += count;
    return true;
  };
  readonly #reset = (cause: unknown): boolean => {
    this.#close(new ClientGoneError("The client went away", { cause }));
    return false;
  };

  /** Makes room for more bytes, as long as a head within the limits may need it. */
  #makeRoom(): boolean {
    if (this.#start === this.#end) {
      this.#start = this.#end = 0;
      if (this.#buffer.length > BUFFER_BYTES) this.#buffer = new Uint8Array(BUFFER_BYTES);
    }
    if (this.#end < this.#buffer.length) return true;
    const held = this.#bytes();
    if (held.length > maxHeadBytes(this.#with.limits)) return false;
    const buffer = new Uint8Array(Math.max(BUFFER_BYTES, held.length * 2));
    buffer.set(held);
    this.#buffer = buffer;
    this.#start = 0;
    this.#end = held.length;
    return true;
  }

  #enter(state: ConnectionState): void {
    this.#state = state;
    this.#isUntouched = true;
    this.#since = this.#with.now();
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
    this.#buffer = NO_BUFFER as Uint8Array<ArrayBuffer>;
    this.#conn.close();
    this.#with.onClosed(this);
  }
}

/** The router's head is bounded by the same limit as a client's; the runtime adds a field or two. */
function maxInnerHeadBytes({ maxHeaderBytes }: HeadLimits): number {
  return 2 * maxHeaderBytes + 4_096;
}

const isClose = ([name, value]: readonly [string, string]) => name === "connection" && /\bclose\b/i.test(value);
