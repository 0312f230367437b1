/**
 * Connections to the server behind the gate: opened when needed, used again, closed when nobody needs them; and what of a
 * request goes over them: all but what concerns the client's connection only.
 *
 * @module
 */

import { createBodyDecoder } from "../../http1/body.ts";
import type { BodyDecoder } from "../../http1/body.ts";
import { decodeResponseHead, findHeadEnd, toBytes } from "../../http1/message.ts";
import type { Header, RequestHead, ResponseHead } from "../../http1/message.ts";
import { Transport } from "../../http1/transport.ts";
import type { Clock } from "../../time/clock.ts";
import { NOTICED_AFTER_MS } from "./inner.ts";
import type { Inner, InnerExchange } from "./inner.ts";
import type { ClientHead } from "./request_head.ts";

/** Connects to the server behind. @throws {Error} If it cannot be reached. */
export type InnerConnect = () => Promise<Deno.Conn>;

/** Enough for what a boot asks at once; each costs two descriptors. */
const MAX_IDLE = 16;

/** More than this is read in large pieces. */
const SMALL_BYTES = 16_384;

/** Creates an empty pool. */
export function createInnerPool(connect: InnerConnect, clock: Clock): Inner {
  const pool: Pool = { idle: [], leaving: new Set(), connect, clock, used: 0, isClosed: false };
  const rest = () => {
    for (const transport of pool.idle.splice(0)) close(transport);
  };
  return {
    get used() {
      return pool.used;
    },
    open: () => new SocketExchange(pool),
    rest,
    close() {
      pool.isClosed = true;
      rest();
      for (const leave of [...pool.leaving]) leave();
    },
  };
}

interface Pool {
  readonly idle: Transport[];
  /** What ends the exchanges whose clients have just left. */
  readonly leaving: Set<() => void>;
  readonly connect: InnerConnect;
  readonly clock: Clock;
  used: number;
  isClosed: boolean;
}

class SocketExchange implements InnerExchange {
  readonly #pool: Pool;
  #transport: Transport | undefined;
  #decoder: BodyDecoder | undefined;
  #isPersistent = false;
  #isReleased = false;
  /** When the request was sent that is not answered yet. */
  #sentAt: number | undefined;
  /** Ends it, when the client has left and that could not be noticed behind the gate yet. */
  #leave: (() => void) | undefined;

  constructor(pool: Pool) {
    this.#pool = pool;
    pool.used++;
  }

  get isDone(): boolean {
    return this.#decoder?.done ?? false;
  }

  async ask(head: ClientHead, maxHeadBytes: number): Promise<ResponseHead> {
    const request = encodedOnce(head);
    const limits = { method: head.method === "HEAD" ? "HEAD" : "GET", maxHeadBytes } as const;
    const kept = this.#pool.idle.pop();
    if (kept !== undefined) {
      try {
        return await this.#askOn(kept, request, limits);
      } catch (error) {
        // It died while nobody used it: nothing was heard, and no request has a body that could be gone.
        if (this.#isReleased || kept.available > 0) throw error;
        close(kept);
      }
    }
    const fresh = new Transport(await this.#pool.connect());
    return await this.#askOn(fresh, request, limits);
  }

  async #askOn(
    transport: Transport,
    request: Uint8Array<ArrayBuffer>,
    { method, maxHeadBytes }: { readonly method: RequestHead["method"]; readonly maxHeadBytes: number },
  ): Promise<ResponseHead> {
    this.#transport = transport;
    // The client may have gone while it was connected.
    if (this.#isReleased) close(transport);
    else transport.write(request);
    this.#sentAt = this.#pool.clock.now();
    try {
      for (;;) {
        if (!await transport.read()) throw new Error("The server behind the gate closed the connection");
        const { bytes } = transport;
        const end = findHeadEnd(bytes);
        if (end === undefined) {
          if (bytes.length <= maxHeadBytes) continue;
          throw new Error("The answer of the server behind has no end of head");
        }
        const head = withLength(decodeResponseHead(bytes.subarray(0, end), method));
        transport.take(end);
        this.#decoder = createBodyDecoder(head.framing);
        this.#isPersistent = head.persistent;
        return head;
      }
    } finally {
      this.#sentAt = undefined;
      this.#leave?.();
    }
  }

  takeBody(form: "framed" | "content"): Uint8Array<ArrayBuffer> {
    const transport = this.#transport!;
    const decoder = this.#decoder!;
    const { bytes } = transport;
    let used = 0;
    let kept = 0;
    while (used < bytes.length && !decoder.done) {
      const { used: taken, content } = decoder.decode(bytes.subarray(used));
      used += taken;
      if (form === "framed") continue;
      bytes.set(content, kept);
      kept += content.length;
    }
    transport.take(used);
    return bytes.subarray(0, form === "framed" ? used : kept);
  }

  async more(): Promise<void> {
    const transport = this.#transport!;
    if ((this.#decoder!.remaining ?? Infinity) > SMALL_BYTES) transport.expect("much");
    if (!await transport.read()) throw new Error("The answer was cut short");
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    const { clock: { now, schedule }, isClosed, leaving } = this.#pool;
    const leftMs = this.#sentAt === undefined || isClosed ? 0 : this.#sentAt + NOTICED_AFTER_MS - now();
    if (leftMs <= 0) return this.#end();
    const leave = this.#leave = () => {
      timer.cancel();
      if (leaving.delete(leave)) this.#end();
    };
    const timer = schedule(leftMs, leave);
    leaving.add(leave);
  }

  #end(): void {
    const pool = this.#pool;
    pool.used--;
    const transport = this.#transport;
    if (transport === undefined) return;
    transport.expect("little");
    const isReusable = this.isDone && this.#isPersistent && transport.available === 0;
    if (isReusable && !pool.isClosed && pool.idle.length < MAX_IDLE) pool.idle.push(transport);
    else close(transport);
  }
}

/** A head that the gate knows is sent again and again. */
const encoded = new WeakMap<ClientHead, Uint8Array<ArrayBuffer>>();

function encodedOnce(head: ClientHead): Uint8Array<ArrayBuffer> {
  let bytes = encoded.get(head);
  if (bytes === undefined) encoded.set(head, bytes = encodeInnerHead(head));
  return bytes;
}

function close(transport: Transport): void {
  transport.close(new Error("The connection to the server behind the gate was closed"));
}

/**
 * The runtime delimits every body that there is; of a 205 it says nothing, and a client would wait for the end of the
 * connection (RFC 9110 section 15.3.6).
 */
function withLength(head: ResponseHead): ResponseHead {
  if (head.framing !== "close") return head;
  const persistent = !head.headers.some(([name, value]) => name === "connection" && value === "close");
  return { ...head, headers: [...head.headers, ["content-length", "0"]], framing: 0, persistent };
}

/** Fields for this hop only. (One runtime took `Upgrade: h2c` with a length, as Java's client sends it, for an error.) */
const HOP_ONLY: ReadonlySet<string> = new Set([
  "content-length",
  "expect",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/** What a Connection may list that is settled at the gate; what else it names is for whoever passes the request on. */
const SETTLED: ReadonlySet<string> = new Set(["close", "http2-settings", "keep-alive", "upgrade"]);

/** Encodes a client's head for the server behind the gate, where every connection stays open. */
export function encodeInnerHead({ method, target, headers }: ClientHead): Uint8Array<ArrayBuffer> {
  const lines = [`${method} ${target} HTTP/1.1\r\n`];
  for (const [name, value] of toInner(headers)) lines.push(name, ": ", value, "\r\n");
  lines.push("\r\n");
  return toBytes(lines.join(""));
}

/** Picks what of a client's fields is not settled at the gate. */
export function toInner(headers: readonly Header[]): Header[] {
  const kept: Header[] = [];
  for (const field of headers) {
    const [name, value] = field;
    if (HOP_ONLY.has(name)) continue;
    if (name !== "connection") {
      kept.push(field);
      continue;
    }
    const rest = withoutSettled(value);
    if (rest !== undefined) kept.push([name, rest]);
  }
  return kept;
}

function withoutSettled(connection: string): string | undefined {
  const items = connection.split(",").map((item) => item.trim());
  const kept = items.filter((item) => item !== "" && !SETTLED.has(item.toLowerCase()));
  return kept.length === 0 ? undefined : kept.join(", ");
}
