/**
 * An HTTP/1.1 message as it passes through the program: its header fields, the head of a request as it is sent and that of
 * a response as it came, and how the body behind it is delimited (RFC 9112 sections 3 to 6). Pure.
 *
 * Strict: what two readers could understand differently (a folded line, a bare CR or LF, a blank before the colon, two
 * lengths) is malformed, because a proxy that guesses can be made to hand one client's answer to another. Leaves the reading
 * of bytes and the decoding of the body to others.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { UpstreamError } from "./error.ts";

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
   * @throws the reason of the request's signal, if it aborts first
   */
  read(): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Gives up the rest; closes the connection unless it could be taken whole. */
  cancel(): void;
}

const FIELD_LINE = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n/y;

/** The most fields that a router or a client may send: as objects they cost far more than their bytes. Apache takes as many. */
export const MAX_FIELDS = 100;

/**
 * Decodes field lines up to and with the empty line that has to end the text.
 *
 * @param text a character for each byte
 * @returns the fields in their order, `MAX_FIELDS` and one of any more; or, if a line is improper, how many stood before it
 */
export function decodeFields(text: string, from: number): Header[] | number {
  const headers: Header[] = [];
  let at = FIELD_LINE.lastIndex = from;
  // No groups: the arrays that `exec` makes of them would be most of what a head costs.
  while (FIELD_LINE.test(text)) {
    const colon = text.indexOf(":", at);
    const end = FIELD_LINE.lastIndex;
    headers.push([text.slice(at, colon).toLowerCase(), sliceTrimmed(text, colon + 1, end - 2)]);
    if (headers.length > MAX_FIELDS) return headers;
    at = end;
  }
  return text.length === at + 2 && text.endsWith("\r\n") ? headers : headers.length;
}

/** The items of a comma-separated field in all its occurrences, in lower case. */
export function itemsOf(headers: readonly Header[], name: string): readonly string[] {
  let items: string[] | undefined;
  for (const [key, value] of headers) {
    if (key !== name) continue;
    items ??= [];
    for (const item of value.toLowerCase().split(",")) items.push(item.trim());
  }
  return items ?? NONE;
}

const NONE: readonly string[] = [];

/** What stands in between without spaces and tabs around it: `trim` would also take a no-break space, which is part of a value. */
function sliceTrimmed(text: string, from: number, end: number): string {
  // Each way stops at the latest at what encloses a value: the colon, and the line's end.
  while (isBlank(text.charCodeAt(from))) from++;
  while (isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(from, end);
}

const isBlank = (code: number) => code === 0x20 || code === 0x09;

const ASCII = new TextDecoder();
const ENCODER = new TextEncoder();

/** One character for each byte. (What TextDecoder calls "latin1" is windows-1252.) */
export function latin1(bytes: Uint8Array): string {
  // By index: an iterator over bytes would take longer than all the rest of a head.
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i]! >= 0x80) return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  }
  return ASCII.decode(bytes);
}

/** One byte for each character, and those that are to stand behind them. */
export function toBytes(text: string, behind?: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length + (behind?.length ?? 0));
  const { read, written } = ENCODER.encodeInto(text, bytes);
  // Of anything but ASCII it makes more than one byte.
  const isAscii = read === text.length && written === read;
  for (let i = 0; !isAscii && i < text.length; i++) bytes[i] = text.charCodeAt(i);
  if (behind !== undefined) bytes.set(behind, text.length);
  return bytes;
}

/** Origin form: a path and perhaps a query, of visible ASCII characters; a fragment is never sent. */
const TARGET = /^\/[!"$-~]*$/;
const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Whether a text can be the target of a request, as it is. */
export function isOriginForm(target: string): boolean {
  return TARGET.test(target);
}

/**
 * Encodes a request, one byte for each character, with `host` as its Host.
 *
 * @throws {TypeError} If the target or a header could be read as anything but what it is.
 */
export function encodeRequestHead({ method, target, headers }: RequestHead, host: string): Uint8Array<ArrayBuffer> {
  if (!isOriginForm(target)) throw new TypeError("Cannot encode the request: its target is not in origin form");
  let text = `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n`;
  for (const [name, value] of headers) {
    if (!FIELD_NAME.test(name) || !FIELD_VALUE.test(value)) {
      throw new TypeError("Cannot encode the request: it has an improper header");
    }
    text += `${name}: ${value}\r\n`;
  }
  text += "\r\n";
  return toBytes(text);
}

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
  // By index: `indexOf` for each line would take three times as long.
  for (let at = 0, line = 0; at < bytes.length; at++) {
    if (bytes[at] === LF) malformed("has a bare LF in its head");
    if (bytes[at] !== CR) continue;
    const end = at + 2;
    if (end > bytes.length) return undefined;
    if (bytes[at + 1] !== LF) malformed("has a bare CR in its head");
    if (at === line) return end;
    line = end;
    at++;
  }
  return undefined;
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
  if (typeof headers === "number") malformed(`has an improper line in its head, after ${headers} fields`);
  if (headers.length <= MAX_FIELDS) return headers;
  throw new UpstreamError("too_large", `The head of the answer has more than ${MAX_FIELDS} fields`);
}

/** Says a length once that was said more than once alike: whoever gets it on might not take it otherwise. */
function withOneLength(headers: readonly Header[], length: string): readonly Header[] {
  return [...headers.filter(([name]) => name !== "content-length"), ["content-length", length]];
}

/** Whether a response of this status ends with its head, whatever that says of a body (RFC 9112 section 6.3). */
export function endsWithHead(status: number): boolean {
  return status < 200 || status === STATUS_CODE.NoContent || status === STATUS_CODE.NotModified;
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

  if (method === "HEAD" || endsWithHead(status)) return 0;
  // Whatever else it may be coded with was not asked for (no TE was sent).
  if (codings.length > 0) return codings.join() === "chunked" ? "chunked" : malformed("has an unknown transfer coding");
  return length === undefined ? "close" : Number(length);
}

function malformed(what: string): never {
  throw new UpstreamError("malformed", `The answer ${what}`);
}
