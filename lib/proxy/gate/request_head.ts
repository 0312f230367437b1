/**
 * The head of a client's request: where it ends, what it says, and what is wrong with it (RFC 9112). Pure.
 *
 * Strict, because this is the only reader: a bare LF, a folded line, two lengths, two Hosts are refused. Sizes are
 * checked while the bytes come, so that no more is ever held than may be sent. No request has a body here: one that
 * announces any is refused with its head, and the rest of it is nobody's request.
 *
 * @module
 */

import { decodeFields, itemsOf, latin1, MAX_FIELDS } from "../../http1/message.ts";
import type { Header } from "../../http1/message.ts";
import type { RefusalKind } from "./refusal.ts";

/** A request as it was written. */
export interface ClientHead {
  readonly method: string;
  /** In whatever form it was sent: `/path`, `http://host/path`, `*`, `host:port`. */
  readonly target: string;
  /** All fields, names in lower case, in the order they came. */
  readonly headers: readonly Header[];
  /** HTTP/1.0 or HTTP/1.1. */
  readonly minor: 0 | 1;
  /** Whether the client wants to ask again on the same connection. */
  readonly persistent: boolean;
}

/** The most that a client may send. */
export interface HeadLimits {
  readonly maxUrlBytes: number;
  readonly maxHeaderBytes: number;
}

const CR = 0x0d;
const LF = 0x0a;

/** Room for method, version and blanks beside the URL. */
const LINE_OVERHEAD_BYTES = 64;

const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}) ([!-~]+) HTTP\/(\d)\.(\d)\r\n/;

/** What a first line looks like that some version of HTTP would understand. */
const ANY_VERSION = /^\S+ \S+ HTTP\/\d(\.\d)?\r\n/;

/** PUT is for tokens; nothing else may be done. */
const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "PUT"]);

/** The most bytes that a head within the limits can have. */
export function maxHeadBytes({ maxUrlBytes, maxHeaderBytes }: HeadLimits): number {
  return maxUrlBytes + LINE_OVERHEAD_BYTES + maxHeaderBytes;
}

/** Counts the empty lines in front of a request, which are to be passed over (RFC 9112 section 2.2): their bytes. */
export function countEmptyLines(bytes: Uint8Array): number {
  let at = 0;
  while (bytes[at] === CR && bytes[at + 1] === LF) at += 2;
  return at;
}

/**
 * Finds the end of a head as far as its bytes have come.
 *
 * @param known how many of the bytes were looked at before
 * @returns the index behind the empty line; -1 while it has not come; or why it need not be waited for
 */
export function findRequestEnd(bytes: Uint8Array, limits: HeadLimits, known = 0): number | RefusalKind {
  const firstLf = bytes.indexOf(LF);
  const lineBytes = firstLf === -1 ? bytes.length : firstLf + 1;
  const maxLineBytes = limits.maxUrlBytes + LINE_OVERHEAD_BYTES;
  if (lineBytes > maxLineBytes) return isTextual(bytes.subarray(0, maxLineBytes)) ? "long_url" : "not_http";
  // A TLS hello or the like: no more of it will make it a request.
  if (bytes.length > 0 && bytes[0] !== CR && !isTokenByte(bytes[0]!)) return "not_http";
  // An empty line may have been cut within its three bytes.
  for (let lf = bytes.indexOf(LF, Math.max(0, known - 3)); lf >= 0; lf = bytes.indexOf(LF, lf + 1)) {
    if (bytes[lf - 1] !== CR) return "bare_lf";
    if (lf + 1 - lineBytes > limits.maxHeaderBytes) return "long_header";
    if (bytes[lf + 1] === CR && bytes[lf + 2] === LF) {
      return lf + 3 - lineBytes > limits.maxHeaderBytes ? "long_header" : lf + 3;
    }
  }
  if (bytes.length - lineBytes > limits.maxHeaderBytes) return "long_header";
  if (firstLf < known) return -1;
  // What is no request by its first line, as in HTTP/0.9 or another protocol, may send nothing more, and wait for an answer.
  const line = decodeRequestLine(latin1(bytes.subarray(0, lineBytes)));
  return typeof line === "string" ? line : -1;
}

/**
 * Decodes a whole head, up to and with the empty line that ends it.
 *
 * @param text a character for each byte
 * @returns the head, or why it is refused
 */
export function decodeRequestHead(text: string): ClientHead | RefusalKind {
  const line = decodeRequestLine(text);
  if (typeof line === "string") return line;
  const { method, target, minor } = line;
  const headers = decodeFields(text, line.length);
  if (typeof headers === "number") return "bad_field";
  if (headers.length > MAX_FIELDS) return "long_header";

  const hosts = headers.reduce((count, [name]) => name === "host" ? count + 1 : count, 0);
  if (hosts > 1) return "two_hosts";
  if (hosts === 0 && minor === 1) return "no_host";
  const bodyFault = faultOfBody(headers);
  if (bodyFault !== undefined) return bodyFault;

  const connection = itemsOf(headers, "connection");
  return {
    method,
    target,
    headers,
    minor,
    persistent: !connection.includes("close") && (minor === 1 || connection.includes("keep-alive")),
  };
}

/** What the first line says. */
interface RequestLine extends Pick<ClientHead, "method" | "target" | "minor"> {
  /** In characters, with its end. */
  readonly length: number;
}

function decodeRequestLine(text: string): RequestLine | RefusalKind {
  const [line, method, target, major, minor] = REQUEST_LINE.exec(text) ?? [];
  if (line === undefined) return ANY_VERSION.test(text) ? "bad_line" : "not_http";
  if (major !== "1") return "version";
  if (!METHODS.has(method!)) return "method";
  if (!/^(\/|http:\/\/)/i.test(target!)) return "bad_target";
  return { method: method!, target: target!, minor: minor === "0" ? 0 : 1, length: line.length };
}

/** RFC 9112 section 6.3: whether a body follows, and whether two readers would agree on where it ends. */
function faultOfBody(headers: readonly Header[]): RefusalKind | undefined {
  const lengths = itemsOf(headers, "content-length");
  if (lengths.some((length) => !/^\d{1,15}$/.test(length)) || lengths.length > 1) return "bad_length";
  const isCoded = headers.some(([name]) => name === "transfer-encoding");
  if (isCoded && lengths.length > 0) return "bad_length";
  return isCoded || Number(lengths[0] ?? 0) > 0 ? "body" : undefined;
}

function isTokenByte(byte: number): boolean {
  return byte > 0x20 && byte < 0x7f;
}

function isTextual(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0x20 || isTokenByte(byte));
}
