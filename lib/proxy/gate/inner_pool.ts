/**
 * Connections to the server behind the gate: opened when needed, used again, closed when nobody needs them.
 *
 * Heads are read once, at the gate, and those of routers' answers once, by the client: over these connections goes the number
 * under which whoever answers is handed the one, and hands back the other.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { createBodyDecoder } from "../../http1/body.ts";
import type { BodyDecoder } from "../../http1/body.ts";
import { decodeResponseHead, findHeadEnd, toBytes } from "../../http1/message.ts";
import type { Header, ResponseHead } from "../../http1/message.ts";
import { Transport } from "../../http1/transport.ts";
import type { Clock } from "../../time/clock.ts";
import { NOTICED_AFTER_MS } from "./inner.ts";
import type { Inner, InnerExchange, InnerHandler, InnerHead, Served } from "./inner.ts";
import type { ClientHead } from "./request_head.ts";

/** Connects to the server behind. @throws {Error} If it cannot be reached. */
export type InnerConnect = () => Promise<Deno.Conn>;

/** Enough for what a boot asks at once; each costs two descriptors. */
const MAX_IDLE = 16;

/** What the server says of its own, without the fields that pass, takes a fraction of it. */
const MAX_HEAD_BYTES = 4_096;

/** A request that is asked behind the gate. */
interface AskedRequest {
  readonly head: ClientHead;
  /** The fields of its answer that pass as they are, once whoever answers has said so. */
  passed: readonly Header[] | undefined;
}

/** The requests on their way to the server behind the gate, by the targets that they have there. */
export class AskedRequests {
  readonly #requests = new Map<string, AskedRequest>();
  #last = 0;

  /** Takes a request in. */
  add(request: AskedRequest): string {
    const target = `/${++this.#last}`;
    this.#requests.set(target, request);
    return target;
  }

  /** Gives a request out, once. */
  take(target: string): AskedRequest | undefined {
    const request = this.#requests.get(target);
    this.#requests.delete(target);
    return request;
  }

  /** Has a handler answer what the server behind the gate is asked. */
  serve(handler: InnerHandler): Deno.ServeHandler<Deno.Addr> {
    return (request) => {
      const { url } = request;
      const asked = this.take(url.slice(url.lastIndexOf("/")));
      // Its client has left meanwhile.
      if (asked === undefined) return new Response(null, { status: STATUS_CODE.NotFound });
      return handler(asked.head, new ServedByRuntime(asked, request));
    };
  }
}

/** The runtime's signal is looked at only where it is needed: that takes longer than a usual answer. */
class ServedByRuntime implements Served {
  constructor(readonly asked: AskedRequest, readonly request: Request) {}

  get signal(): AbortSignal {
    return this.request.signal;
  }

  pass(fields: readonly Header[]): void {
    this.asked.passed = fields;
  }
}

/** What a pool works with. */
export interface InnerPoolOptions {
  readonly connect: InnerConnect;
  /** Where the server behind finds what it is asked. */
  readonly asked: AskedRequests;
  readonly clock: Clock;
}

/** Creates an empty pool. */
export function createInnerPool({ connect, asked, clock }: InnerPoolOptions): Inner {
  const pool: Pool = { idle: [], leaving: new Set(), connect, asked, clock, used: 0, isClosed: false };
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

interface Pool extends InnerPoolOptions {
  readonly idle: Transport[];
  /** What ends the exchanges whose clients have just left. */
  readonly leaving: Set<() => void>;
  used: number;
  isClosed: boolean;
}

class SocketExchange implements InnerExchange {
  readonly #pool: Pool;
  #transport: Transport | undefined;
  #decoder: BodyDecoder | undefined;
  #isPersistent = false;
  #isReleased = false;
  /** Whether the request has come to whoever answers. */
  #isTaken = false;
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

  async ask(head: ClientHead): Promise<InnerHead> {
    const kept = this.#pool.idle.pop();
    if (kept !== undefined) {
      try {
        return await this.#askOn(kept, head);
      } catch (error) {
        // It died while nobody used it. Whoever had taken the request may have done what must not be done twice.
        if (this.#isReleased || this.#isTaken) throw error;
        close(kept);
      }
    }
    const fresh = new Transport(await this.#pool.connect());
    return await this.#askOn(fresh, head);
  }

  async #askOn(transport: Transport, head: ClientHead): Promise<InnerHead> {
    const { asked, clock } = this.#pool;
    const { method } = head;
    const request: AskedRequest = { head, passed: undefined };
    const target = asked.add(request);
    this.#transport = transport;
    // The client may have gone while it was connected.
    if (this.#isReleased) close(transport);
    else transport.write(toBytes(`${method} ${target} HTTP/1.1\r\nHost: gate\r\n\r\n`));
    this.#sentAt = clock.now();
    try {
      for (;;) {
        if (!await transport.read()) throw new Error("The server behind the gate closed the connection");
        const { bytes } = transport;
        const end = findHeadEnd(bytes);
        if (end === undefined) {
          if (bytes.length <= MAX_HEAD_BYTES) continue;
          throw new Error("The answer of the server behind has no end of head");
        }
        const { status, headers, framing, persistent } = withLength(
          decodeResponseHead(bytes.subarray(0, end), method === "HEAD" ? "HEAD" : "GET"),
        );
        transport.take(end);
        this.#decoder = createBodyDecoder(framing);
        this.#isPersistent = persistent;
        return { status, headers, framing, passed: request.passed };
      }
    } finally {
      this.#isTaken = asked.take(target) === undefined;
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
    transport.expect(this.#decoder!.remaining ?? Infinity);
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
    transport.expect(0);
    const isReusable = this.isDone && this.#isPersistent && transport.available === 0;
    if (isReusable && !pool.isClosed && pool.idle.length < MAX_IDLE) pool.idle.push(transport);
    else close(transport);
  }
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
