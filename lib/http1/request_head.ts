/**
 * Encodes the head of an HTTP/1.1 request (RFC 9112 sections 3 and 5). Pure.
 *
 * @module
 */

import { toBytes } from "./fields.ts";
import type { RequestHead } from "./message.ts";

/** Origin form: a path and perhaps a query, of visible ASCII characters; a fragment is never sent. */
const TARGET = /^\/[!"$-~]*$/;
const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Encodes a request, one byte for each character, with `host` as its Host.
 *
 * @throws {TypeError} If the target or a header could be read as anything but what it is.
 */
export function encodeRequestHead({ method, target, headers }: RequestHead, host: string): Uint8Array<ArrayBuffer> {
  if (!TARGET.test(target)) throw new TypeError("Cannot encode the request: its target is not in origin form");
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
