/**
 * The parts of an HTTP/1.1 message that pass through the program (RFC 9112).
 *
 * @module
 */

/** A header field: the name in lower case, and the value without surrounding blanks. */
export type Header = readonly [name: string, value: string];

/** A request without a body: the program sends no other. */
export interface RequestHead {
  readonly method: "GET" | "HEAD";
  /** Origin form (RFC 9112 section 3.2.1): an absolute path with its query, sent as it is. */
  readonly target: string;
  /** Without `Host`, which the client writes itself. */
  readonly headers: readonly Header[];
}

/** A response whose head was read and whose body waits to be. */
export interface UpstreamResponse {
  readonly status: number;
  readonly headers: readonly Header[];
  readonly body: ResponseBody;
}

/** A body to be read once. */
export interface ResponseBody {
  /** Bytes still to come, where the message says so. */
  readonly length: number | undefined;
  /** All of it, if it has come already and its end is known; the body is over then. */
  takeWhole(): Uint8Array<ArrayBuffer> | undefined;
  /**
   * The next bytes, never empty; `undefined` at the end.
   *
   * @throws {UpstreamError} If it is cut short, malformed or stands still.
   */
  read(): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Gives up the rest; closes the connection unless the rest has come already. */
  cancel(): void;
}
