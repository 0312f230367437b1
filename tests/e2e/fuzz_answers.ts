/**
 * Makes answers that no decent router would give, from a seed.
 *
 * Their bodies consist of one byte that no head and no framing has, and no change makes: whoever gets it knows whose
 * answer it was.
 *
 * @module
 */

import { mutate } from "./fuzz_requests.ts";
import type { Chance } from "./fuzz_requests.ts";

/** The byte that the body of an answer consists of, by the number of its request. */
export function markOf(number: number): number {
  return FIRST_MARK + number % MARKS;
}

/** Whether a byte is such a mark. */
export function isMark(byte: number): boolean {
  return byte >= FIRST_MARK;
}

const FIRST_MARK = 0x80;
const MARKS = 0x80;

const STATUS_LINES = [
  ...["HTTP/1.0 200 OK", "HTTP/1.1 200", "HTTP/1.1 200 ", "HTTP/2 200", "HTTP/1.1 2000 OK", "HTTP/1.1 099 x", "200 OK"],
  ...["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK", "HTTP/1.1 101 Switching Protocols", "HTTP/1.1 204 No Content"],
  ...["HTTP/1.1 206 Partial Content", "HTTP/1.1 301 Moved", "HTTP/1.1 304 Not Modified", "HTTP/1.1 404 Not Found"],
  ...["HTTP/1.1 500 Oh", "HTTP/1.1 503 Busy", "HTTP/1.1 999 ?", "http/1.1 200 ok", "HTTP/1.1  200 OK", ""],
] as const;

const FIELDS = [
  ...["Content-Length: 0", "Content-Length: 1", "Content-Length: -1", "Content-Length: +5", "Content-Length: 5, 5"],
  ...["Content-Length: 99999999999999999999", "Transfer-Encoding: chunked", "Transfer-Encoding: gzip, chunked"],
  ...["Transfer-Encoding: identity", "Transfer-Encoding : chunked", "Connection: close", "Connection: Content-Length"],
  ...["Connection: keep-alive", "Keep-Alive: timeout=0", "Trailer: X", "Upgrade: h2c", "Content-Encoding: gzip"],
  ...["Content-Encoding: what", "Content-Range: bytes 0-0/9", "Content-Type: text/html", "Set-Cookie: a=b", "Vary: *"],
  ...["Cache-Control: max-age=9, private", "Age: -1", "Date: yesterday", "Expires: 0", "ETag: W/x", "Location: //x/"],
  ...["NoColon", ": no-name", "X Y: z", "X\x00: y", "X: \x00", "X: a\nY: b", "X: a\r\n b", "X:\x7f", "X-Empty:"],
] as const;

/** Writes one answer to the request of a number: a character is a byte. Most of it is as it should be. */
export function composeAnswer(chance: Chance, number: number): string {
  const body = String.fromCharCode(markOf(number)).repeat(chance.pick([0, 1, 7, 100, chance.below(40_000)]));
  const seldom = <T>(usual: T, others: readonly T[]) => chance.below(5) === 0 ? chance.pick(others) : usual;
  const [framing, framed] = chance.pick([
    [`Content-Length: ${body.length}`, body],
    [`Content-Length: ${body.length + chance.below(3) - 1}`, body],
    ["Connection: close", body],
    ["Transfer-Encoding: chunked", chunked(body, chance)],
    ["Transfer-Encoding: chunked", chunked(body, chance)],
  ]);
  const fields = Array.from({ length: chance.below(3) }, () => chance.pick(FIELDS));
  const head = [seldom("HTTP/1.1 200 OK", STATUS_LINES), framing, ...fields, "", ""];
  const end = seldom("\r\n", ["\n", "\r", "\r\r\n"]);
  // Of bodies only the framing may change: their bytes say whose they are.
  return mutate(head.join(end), chance, MAX_CHANGE) + framed + seldom("", ["\r\n", "HTTP/1.1 200 OK\r\n\r\n", "\0"]);
}

const MAX_CHANGE = FIRST_MARK;

function chunked(body: string, chance: Chance): string {
  const seldom = <T>(usual: T, others: readonly T[]) => chance.below(12) === 0 ? chance.pick(others) : usual;
  let text = "";
  for (let at = 0; at < body.length;) {
    const length = Math.min(body.length - at, 1 + chance.below(20_000));
    const size = length.toString(16);
    const line = seldom(size, [
      `${size};a=b`,
      `0${size}`,
      size.toUpperCase(),
      `${size} `,
      `0x${size}`,
      "",
      "-1",
      "fffffffff",
    ]);
    text += `${line}${seldom("\r\n", ["\n", "\r"])}${body.slice(at, at + length)}${seldom("\r\n", ["\n", "", "x"])}`;
    at += length;
  }
  return `${text}${seldom("0", ["", "00", "1"])}\r\n${seldom("", ["X: y\r\n", "Content-Length: 5\r\n"])}${
    seldom("\r\n", ["", "\n"])
  }`;
}
