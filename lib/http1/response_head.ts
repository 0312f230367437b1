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
import { decodeFields, itemsOf, latin1, READ_FIELDS } from "./fields.ts";
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

const CR = 0x0d;
const LF = 0x0a;

/** What every head begins with. */
const VERSION = Uint8Array.from("HTTP/1.", (char) => char.charCodeAt(0));

/**
 * Finds the empty line that ends a head: the index behind it; `undefined` while it has not come.
 *
 * @throws {UpstreamError} of kind `malformed`, as soon as no more bytes could make it a head: nobody has to wait for the
 * end of what will have none
 */
export function findHeadEnd(bytes: Uint8Array): number | undefined {
  for (let i = 0; i < VERSION.length && i < bytes.length; i++) {
    if (bytes[i] !== VERSION[i]) malformed("does not begin with a status line of HTTP/1");
  }
  for (let at = 0;;) {
    const lf = bytes.indexOf(LF, at);
    const cr = bytes.indexOf(CR, at);
    if (lf === -1) return cr === -1 || cr === bytes.length - 1 ? undefined : malformed("has a bare CR in its head");
    if (cr !== lf - 1) malformed("has a bare CR or LF in its head");
    if (cr === at) return lf + 1;
    at = lf + 1;
  }
}

/**
 * Decodes a whole head, up to and with the empty line that ends it.
 *
 * @param method the request's, because an answer to HEAD has no body whatever it says
 * @throws {UpstreamError} of kind `malformed`, or `too_large` if it has too many fields
 */
export function decodeResponseHead(bytes: Uint8Array, method: RequestHead["method"]): ResponseHead {
  const text = latin1(bytes);
  const [statusLine, minor, code] = STATUS_LINE.exec(text) ?? malformed("does not begin with a status line of HTTP/1");
  const status = Number(code);
  const headers = decodeHeaders(text, statusLine.length);

  const lengths = itemsOf(headers, "content-length");
  const framing = framingOf(status, method, { lengths, codings: itemsOf(headers, "transfer-encoding") });
  const connection = itemsOf(headers, "connection");
  return {
    status,
    headers: lengths.length < 2 ? headers : withOneLength(headers, lengths[0]!),
    framing,
    // HTTP/1.0 knows no chunks: who sends them there may delimit otherwise what comes behind (RFC 9112 section 6.1).
    persistent: framing !== "close" && !connection.includes("close") &&
      (minor === "1" || connection.includes("keep-alive") && framing !== "chunked"),
  };
}

function decodeHeaders(text: string, from: number): Header[] {
  const headers = decodeFields(text, from);
  if (headers === READ_FIELDS) {
    throw new UpstreamError("too_large", `The head of the router's answer has more than ${READ_FIELDS} fields`);
  }
  return typeof headers === "number" ? malformed(`has an improper line in its head, after ${headers} fields`) : headers;
}

/** Says a length once that was said more than once alike: whoever gets it on might not take it otherwise. */
function withOneLength(headers: readonly Header[], length: string): readonly Header[] {
  return [...headers.filter(([name]) => name !== "content-length"), ["content-length", length]];
}

/** RFC 9112 section 6.3, the rules in their order; stricter where it lets a recipient choose. */
function framingOf(
  status: number,
  method: RequestHead["method"],
  { lengths, codings }: { readonly lengths: readonly string[]; readonly codings: readonly string[] },
): Framing {
  const length = lengths[0];
  if (codings.length > 0 && length !== undefined) malformed("has both a length and a transfer coding");
  if (lengths.some((other) => other !== length)) malformed("has two different lengths");
  if (length !== undefined && !/^\d{1,15}$/.test(length)) malformed("has a length that is not a number");

  if (method === "HEAD" || status < 200 || status === 204 || status === 304) return 0;
  // Whatever else it may be coded with was not asked for (no TE was sent).
  if (codings.length > 0) return codings.join() === "chunked" ? "chunked" : malformed("has an unknown transfer coding");
  return length === undefined ? "close" : Number(length);
}

function malformed(what: string): never {
  throw new UpstreamError("malformed", `The router's answer ${what}`);
}
