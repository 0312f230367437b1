/**
 * Connections to the server behind the gate: opened when needed, used again, closed when nobody needs them.
 *
 * @module
 */

import { createBodyDecoder } from "../../http1/body_decoder.ts";
import type { BodyDecoder } from "../../http1/body_decoder.ts";
import type { Header, RequestHead } from "../../http1/message.ts";
import { decodeResponseHead, findHeadEnd } from "../../http1/response_head.ts";
import type { ResponseHead } from "../../http1/response_head.ts";
import { Transport } from "../../http1/transport.ts";

/** The server behind the gate, as far as the gate knows it. */
export interface InnerServer {
  connect(): Promise<Deno.Conn>;
  /** What a request has to carry, where others than the gate could connect. */
  readonly secret: Header | undefined;
}

/** Where the gate gets its connections. */
export interface InnerPool {
  readonly secret: Header | undefined;
  /** How many are in use. */
  readonly used: number;
  /** @throws {Error} If the server cannot be reached. */
  take(): Promise<InnerConnection>;
  /** Closes those that nobody needs. */
  rest(): void;
  /** Closes them, and keeps none any more. */
  close(): void;
}

/** Enough for what a boot asks at once; each costs two descriptors. */
const MAX_IDLE = 16;

/** More than this is read in large pieces. */
const SMALL_BYTES = 16_384;

/** Creates an empty pool. */
export function createInnerPool(server: InnerServer): InnerPool {
  const idle: InnerConnection[] = [];
  let used = 0;
  let closed = false;
  const release = (connection: InnerConnection, isReusable: boolean) => {
    used--;
    if (isReusable && !closed && idle.length < MAX_IDLE) idle.push(connection);
    else connection.close();
  };
  const rest = () => {
    for (const connection of idle.splice(0)) connection.close();
  };
  return {
    secret: server.secret,
    get used() {
      return used;
    },
    async take() {
      used++;
      try {
        return idle.pop()?.renew() ?? new InnerConnection(await server.connect(), release);
      } catch (error) {
        used--;
        throw error;
      }
    },
    rest,
    close() {
      closed = true;
      rest();
    },
  };
}

/** One connection to the server behind the gate: a request out, an answer in. */
export class InnerConnection {
  readonly #transport: Transport;
  readonly #onReleased: (connection: InnerConnection, isReusable: boolean) => void;
  #decoder: BodyDecoder | undefined;
  #isPersistent = false;
  #isReleased = false;

  constructor(conn: Deno.Conn, onReleased: (connection: InnerConnection, isReusable: boolean) => void) {
    this.#transport = new Transport(conn);
    this.#onReleased = onReleased;
  }

  /** Makes it ready for another request. */
  renew(): this {
    this.#isReleased = false;
    this.#decoder = undefined;
    return this;
  }

  /** Whether the whole answer was taken. */
  get isDone(): boolean {
    return this.#decoder?.done ?? false;
  }

  /**
   * Sends a request and reads the head of its answer.
   *
   * @throws {UpstreamError} If the server behind does not answer as it should.
   */
  async ask(
    request: Uint8Array<ArrayBuffer>,
    { method, maxHeadBytes }: { readonly method: RequestHead["method"]; readonly maxHeadBytes: number },
  ): Promise<ResponseHead> {
    const transport = this.#transport;
    transport.write(request);
    for (;;) {
      if (!await transport.read()) throw new Error("The server behind the gate closed the connection");
      const { bytes } = transport;
      const end = findHeadEnd(bytes);
      if (end < 0 && bytes.length > maxHeadBytes) throw new Error("The answer of the server behind has no end of head");
      if (end < 0) continue;
      const head = withLength(decodeResponseHead(bytes.subarray(0, end), method));
      transport.take(end);
      this.#decoder = createBodyDecoder(head.framing);
      this.#isPersistent = head.persistent;
      return head;
    }
  }

  /**
   * Takes what has come of the body: as it is framed, or its content only. A view that is good until the next read;
   * may be empty.
   */
  takeBody(form: "framed" | "content"): Uint8Array<ArrayBuffer> {
    const decoder = this.#decoder!;
    const { bytes } = this.#transport;
    let used = 0;
    let kept = 0;
    while (used < bytes.length && !decoder.done) {
      const { used: taken, content } = decoder.decode(bytes.subarray(used));
      used += taken;
      if (form === "framed") continue;
      bytes.set(content, kept);
      kept += content.length;
    }
    this.#transport.take(used);
    return bytes.subarray(0, form === "framed" ? used : kept);
  }

  /** Waits for more of the body. @throws {Error} If there is none although there should be. */
  async more(): Promise<void> {
    if ((this.#decoder!.remaining ?? Infinity) > SMALL_BYTES) this.#transport.expect("much");
    if (!await this.#transport.read()) throw new Error("The answer was cut short");
  }

  /** Gives it back. What is not over is cut, which the server behind notices. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#transport.expect("little");
    this.#onReleased(this, this.isDone && this.#isPersistent && this.#transport.available === 0);
  }

  close(): void {
    this.#transport.close(new Error("The connection to the server behind the gate was closed"));
  }
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
