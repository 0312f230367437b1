/**
 * The header fields of an HTTP/1.1 message (RFC 9112 section 5), read alike on both sides of the program. Pure.
 *
 * Strict: a folded line, a bare CR or LF, a blank before the colon are what two readers could understand differently.
 *
 * @module
 */

import type { Header } from "./message.ts";

const FIELD_LINE = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n/y;

/** The most fields that a router or a client may send: as objects they cost far more than their bytes. Apache takes as many. */
export const MAX_FIELDS = 100;

/** The most that are read: what passes between the gate and the server behind it has a few more. That one takes as many. */
export const READ_FIELDS = 128;

/**
 * Decodes field lines up to and with the empty line that has to end the text.
 *
 * @param text a character for each byte
 * @returns the fields in their order; or, if a line is improper, how many stood before it, `READ_FIELDS` if there are more
 */
export function decodeFields(text: string, from: number): Header[] | number {
  const headers: Header[] = [];
  let at = FIELD_LINE.lastIndex = from;
  // No groups: the arrays that `exec` makes of them would be most of what a head costs.
  while (FIELD_LINE.test(text)) {
    if (headers.length === READ_FIELDS) return READ_FIELDS;
    const colon = text.indexOf(":", at);
    const end = FIELD_LINE.lastIndex;
    headers.push([text.slice(at, colon).toLowerCase(), sliceTrimmed(text, colon + 1, end - 2)]);
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
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  if (behind !== undefined) bytes.set(behind, text.length);
  return bytes;
}
