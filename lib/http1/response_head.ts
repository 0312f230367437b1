/**
 * Decodes the head of an HTTP/1.1 response, and tells how its body is delimited (RFC 9112 sections 4, 5 and 6.3).
 *
 * Strict: what two readers could understand differently (a folded line, a bare CR or LF, a blank before the colon, two
 * lengths) is malformed, because a proxy that guesses can be made to hand one client's answer to another. Pure; leaves
 * the reading of bytes and the decoding of the body to others.
 *
 * @module
 */

import { UpstreamError } from "./error.ts";
import type { Header, RequestHead } from "./message.ts";

/** How many bytes of body follow: a known number, chunks, or all until the connection closes. */
export type Framing = number | "chunked" | "close";

/** The head of a response. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: readonly Header[];
  readonly framing: Framing;
  /** Whether the connection may carry another request after this response. */
  readonly persistent: boolean;
}

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?\r\n/;
const FIELD_LINE = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n/y;

const CR = 0x0d;
const LF = 0x0a;

/** Finds the empty line that ends a head: the index behind it, or -1 while it has not come. */
export function findHeadEnd(bytes: Uint8Array): number {
  for (let lf = bytes.indexOf(LF); lf >= 0; lf = bytes.indexOf(LF, lf + 1)) {
    if (bytes[lf + 1] === CR && bytes[lf + 2] === LF) return lf + 3;
  }
  return -1;
}

/**
 * Decodes a whole head, up to and with the empty line that ends it.
 *
 * @param method the request's, because an answer to HEAD has no body whatever it says
 * @throws {UpstreamError} of kind `malformed`
 */
export function decodeResponseHead(bytes: Uint8Array, method: RequestHead["method"]): ResponseHead {
  const text = latin1(bytes);
  const [statusLine, minor, code] = STATUS_LINE.exec(text) ?? malformed("does not begin with a status line of HTTP/1");
  const status = Number(code);
  const headers = decodeFields(text, statusLine.length);

  const framing = framingOf(status, method, headers);
  const connection = itemsOf(headers, "connection");
  return {
    status,
    headers,
    framing,
    persistent: framing !== "close" && !connection.includes("close") &&
      (minor === "1" || connection.includes("keep-alive")),
  };
}

function decodeFields(text: string, from: number): Header[] {
  const headers: Header[] = [];
  let at = FIELD_LINE.lastIndex = from;
  // No groups: the arrays that `exec` makes of them would be most of what a head costs.
  while (FIELD_LINE.test(text)) {
    const colon = text.indexOf(":", at);
    const end = FIELD_LINE.lastIndex;
    headers.push([text.slice(at, colon).toLowerCase(), trimBlanks(text.slice(colon + 1, end - 2))]);
    at = end;
  }
  if (text.slice(at) !== "\r\n") malformed(`has an improper line in its head, after ${headers.length} fields`);
  return headers;
}

/** RFC 9112 section 6.3, the rules in their order; stricter where it lets a recipient choose. */
function framingOf(status: number, method: RequestHead["method"], headers: readonly Header[]): Framing {
  const codings = itemsOf(headers, "transfer-encoding");
  const lengths = itemsOf(headers, "content-length");
  const length = lengths[0];
  if (codings.length > 0 && length !== undefined) malformed("has both a length and a transfer coding");
  if (lengths.some((other) => other !== length)) malformed("has two different lengths");
  if (length !== undefined && !/^\d{1,15}$/.test(length)) malformed("has a length that is not a number");

  if (method === "HEAD" || status < 200 || status === 204 || status === 304) return 0;
  // Whatever else it may be coded with was not asked for (no TE was sent).
  if (codings.length > 0) return codings.join() === "chunked" ? "chunked" : malformed("has an unknown transfer coding");
  return length === undefined ? "close" : Number(length);
}

/** The items of a comma-separated field in all its occurrences, in lower case. */
function itemsOf(headers: readonly Header[], name: string): string[] {
  const items: string[] = [];
  for (const [key, value] of headers) {
    if (key !== name) continue;
    for (const item of value.toLowerCase().split(",")) items.push(item.trim());
  }
  return items;
}

/** Spaces and tabs only: `trim` would also take a no-break space, which is part of a value. */
function trimBlanks(text: string): string {
  let from = 0;
  let end = text.length;
  while (from < end && isBlank(text.charCodeAt(from))) from++;
  while (end > from && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(from, end);
}

const isBlank = (code: number) => code === 0x20 || code === 0x09;

const ASCII = new TextDecoder();

/** One character for each byte. (What TextDecoder calls "latin1" is windows-1252.) */
function latin1(bytes: Uint8Array): string {
  // By index: an iterator over bytes would take longer than all the rest of a head.
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i]! >= 0x80) return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  }
  return ASCII.decode(bytes);
}

function malformed(what: string): never {
  throw new UpstreamError("malformed", `The router's answer ${what}`);
}
