/**
 * The bytes of one TCP connection: read into a buffer that is used again, written, and closed for a reason.
 *
 * Knows nothing of what the bytes mean.
 *
 * @module
 */

import { UpstreamError } from "./error.ts";

/** Holds an ordinary head and body in one piece; an idle connection costs no more than this. */
const BUFFER_BYTES = 16_384;

/** What is read at once where much is expected. */
const LARGE_BUFFER_BYTES = 131_072;

/** One connection to a router, as bytes. */
export class Transport {
  readonly #conn: Deno.Conn;
  #buffer = new Uint8Array(BUFFER_BYTES);
  #start = 0;
  #end = 0;
  #closed = false;
  #reason: unknown;

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /** How many bytes were read and not taken yet. */
  get available(): number {
    return this.#end - this.#start;
  }

  /** What was read and not taken yet: a view that is good until the next read. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Takes bytes from the front. */
  take(count: number): void {
    this.#start += count;
  }

  /**
   * Reads more.
   *
   * @returns whether there was more; `false` at the end of the stream
   * @throws {UpstreamError} of kind `reset`
   * @throws the reason, if it is closed on this side
   */
  read(): Promise<boolean> {
    if (this.#start === this.#end) this.#start = this.#end = 0;
    if (this.#end === this.#buffer.length) this.#grow();
    const room = this.#end === 0 ? this.#buffer : this.#buffer.subarray(this.#end);
    return this.#conn.read(room).then(this.#arrived, this.#failed);
  }

  // Made once: an asynchronous function for each read, and what it remembers, would be a tenth of what a request allocates.
  readonly #arrived = (count: number | null): boolean => {
    if (this.#closed) throw this.#reason;
    this.#end += count ?? 0;
    return count !== null;
  };
  readonly #failed = (cause: unknown): never => {
    throw this.#closed ? this.#reason : new UpstreamError("reset", "The server reset the connection", { cause });
  };

  /** Writes all of the bytes. Failure is left to the next read to tell, and an answer may come even so. */
  write(bytes: Uint8Array): void {
    this.#conn.write(bytes).then((sent) => {
      if (sent < bytes.length) this.write(bytes.subarray(sent));
    }, ignore);
  }

  /** Chooses the size of the buffer, if it is empty, by how many bytes are still to come: a small one to wait with. */
  expect(bytes: number): void {
    const size = bytes > BUFFER_BYTES ? LARGE_BUFFER_BYTES : BUFFER_BYTES;
    if (this.#start === this.#end && this.#buffer.length !== size) this.#buffer = new Uint8Array(size);
  }

  /** Closes it; whoever reads from it then gets the reason. */
  close(reason: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reason = reason;
    this.#conn.close();
  }

  /** Makes room behind what was not taken yet. */
  #grow(): void {
    const rest = this.bytes;
    const larger = new Uint8Array(Math.max(this.#buffer.length, rest.length * 2));
    larger.set(rest);
    this.#buffer = larger;
    this.#start = 0;
    this.#end = rest.length;
  }
}

function ignore(): void {}
