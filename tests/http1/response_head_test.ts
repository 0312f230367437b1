import { assertEquals, assertThrows } from "@std/assert";
import { UpstreamError } from "../../lib/http1/error.ts";
import { decodeResponseHead, findHeadEnd } from "../../lib/http1/message.ts";
import type { Framing } from "../../lib/http1/message.ts";
import { fromLatin1 } from "../support/latin1.ts";
import { test } from "../support/test.ts";

function decode(text: string, method: "GET" | "HEAD" = "GET") {
  return decodeResponseHead(fromLatin1(text), method);
}

test("decodeResponseHead reads what Apache sends", () => {
  const head = decode(
    "HTTP/1.1 200 OK\r\n" +
      "Date: Sun, 22 Nov 2026 10:51:59 GMT\r\n" +
      "Server: Apache/2.4.57 (Debian)\r\n" +
      'ETag: "8-60b0a1"\r\n' +
      "Content-Length: 8\r\n" +
      "Keep-Alive: timeout=5, max=100\r\n" +
      "Connection: Keep-Alive\r\n" +
      "\r\n",
  );
  assertEquals(head, {
    status: 200,
    headers: [
      ["date", "Sun, 22 Nov 2026 10:51:59 GMT"],
      ["server", "Apache/2.4.57 (Debian)"],
      ["etag", '"8-60b0a1"'],
      ["content-length", "8"],
      ["keep-alive", "timeout=5, max=100"],
      ["connection", "Keep-Alive"],
    ],
    framing: 8,
    persistent: true,
  });
});

test("decodeResponseHead keeps every byte of a value but the blanks around it", () => {
  const value = "\xa0caf\xe9\t\x80 \xff\xa0";
  assertEquals(decode(`HTTP/1.1 200 OK\r\nX-A: \t ${value} \t\r\nX-A:\r\n\r\n`).headers, [["x-a", value], ["x-a", ""]]);
});

test("decodeResponseHead reads the first byte beyond ASCII as the others", () => {
  assertEquals(decode("HTTP/1.1 200 OK\r\nX-A: \x80\r\n\r\n").headers, [["x-a", "\x80"]]);
});

test("decodeResponseHead reads a long head", () => {
  const value = "x".repeat(100_000);
  assertEquals(decode(`HTTP/1.1 200 OK\r\nX-A: ${value}\r\n\r\n`).headers, [["x-a", value]]);
});

const STATUS_LINES: readonly (readonly [line: string, status: number | undefined])[] = [
  ["HTTP/1.1 200 OK", 200],
  ["HTTP/1.0 404 Not Found", 404],
  ["HTTP/1.1 204 ", 204],
  ["HTTP/1.1 204", 204],
  ["HTTP/1.1 599 Caf\xe9", 599],
  ["HTTP/1.1 099 No", undefined],
  ["HTTP/1.1 600 No", undefined],
  ["HTTP/1.1 2000 No", undefined],
  ["HTTP/1.1 20 No", undefined],
  ["HTTP/1.1  200 No", undefined],
  ["HTTP/1.2 200 No", undefined],
  ["HTTP/2 200 No", undefined],
  ["http/1.1 200 No", undefined],
  ["ICY 200 OK", undefined],
  [" HTTP/1.1 200 OK", undefined],
  ["HTTP/1.1 200 O\x00K", undefined],
  ["HTTP/1.1 200 O\nK", undefined],
  ["SSH-2.0-OpenSSH_9.2p1", undefined],
  ["", undefined],
];

for (const [line, status] of STATUS_LINES) {
  test(`decodeResponseHead ${status === undefined ? "rejects" : "reads"} the status line ${JSON.stringify(line)}`, () => {
    if (status !== undefined) assertEquals(decode(`${line}\r\n\r\n`).status, status);
    else assertMalformed(`${line}\r\n\r\n`);
  });
}

const IMPROPER_LINES: readonly string[] = [
  "no colon",
  ": no name",
  "Name : a blank before the colon",
  "Na me: a blank in the name",
  "N\xe4me: beyond ASCII",
  " Folded: line",
  "X: y\r\n folded onto the one before",
  "X: y\nZ: a bare LF",
  "X: y\rZ: a bare CR",
  "X: y\r",
  "X: \x00",
  "X: \x7f",
  "X: \x1b[31m",
  "X: y\r\n\r\nZ: after the end",
];

for (const line of IMPROPER_LINES) {
  test(`decodeResponseHead rejects the line ${JSON.stringify(line)}`, () => {
    assertMalformed(`HTTP/1.1 200 OK\r\nA: b\r\n${line}\r\n\r\n`);
  });
}

/** RFC 9112 section 6.3. */
const FRAMINGS: readonly (readonly [headers: string, framing: Framing | undefined, status?: number])[] = [
  ["Content-Length: 5", 5],
  ["Content-Length: 0", 0],
  ["Content-Length: 000000000000005", 5],
  ["Content-Length: 5\r\nContent-Length: 5", 5],
  ["Content-Length: 5, 5", 5],
  ["Content-Length: 5\r\nContent-Length: 6", undefined],
  ["Content-Length: 5, 6", undefined],
  ["Content-Length: 5,", undefined],
  ["Content-Length:", undefined],
  ["Content-Length: -5", undefined],
  ["Content-Length: +5", undefined],
  ["Content-Length: 5 5", undefined],
  ["Content-Length: 0x5", undefined],
  ["Content-Length: 5.0", undefined],
  ["Content-Length: 9999999999999999", undefined],
  ["Transfer-Encoding: chunked", "chunked"],
  ["TRANSFER-ENCODING: Chunked", "chunked"],
  ["Transfer-Encoding: gzip, chunked", undefined],
  ["Transfer-Encoding: chunked, chunked", undefined],
  ["Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", undefined],
  ["Transfer-Encoding: identity", undefined],
  ["Transfer-Encoding: xchunked", undefined],
  ["Transfer-Encoding:", undefined],
  ["Transfer-Encoding: chunked\r\nContent-Length: 5", undefined],
  ["X: y", "close"],
  ["Content-Length: 5", 0, 204],
  ["Content-Length: 5", 0, 304],
  ["X: y", 0, 304],
  ["X: y", 0, 100],
];

for (const [headers, framing, status = 200] of FRAMINGS) {
  const behaviour = framing === undefined ? "rejects" : `takes as ${framing}`;
  test(`decodeResponseHead ${behaviour} the framing of ${status} with ${JSON.stringify(headers)}`, () => {
    const text = `HTTP/1.1 ${status} X\r\n${headers}\r\n\r\n`;
    if (framing === undefined) return assertMalformed(text);
    assertEquals(decode(text).framing, framing);
    assertEquals(decode(text, "HEAD").framing, 0);
  });
}

const PERSISTENCE: readonly (readonly [version: string, headers: string, persistent: boolean])[] = [
  ["1.1", "Content-Length: 5", true],
  ["1.1", "Content-Length: 5\r\nConnection: close", false],
  ["1.1", "Content-Length: 5\r\nConnection: X-A, Close", false],
  ["1.1", "Content-Length: 5\r\nConnection: X-A\r\nConnection: close", false],
  ["1.1", "Transfer-Encoding: chunked", true],
  ["1.1", "X: y", false],
  ["1.0", "Content-Length: 5", false],
  ["1.0", "Content-Length: 5\r\nConnection: keep-alive", true],
  ["1.0", "Transfer-Encoding: chunked\r\nConnection: keep-alive", false],
  ["1.0", "Connection: keep-alive", false],
];

for (const [version, headers, persistent] of PERSISTENCE) {
  const verb = persistent ? "keeps" : "does not keep";
  test(`decodeResponseHead ${verb} the connection after HTTP/${version} with ${JSON.stringify(headers)}`, () => {
    assertEquals(decode(`HTTP/${version} 200 OK\r\n${headers}\r\n\r\n`).persistent, persistent);
  });
}

test("findHeadEnd finds the first empty line, or that it has not come", () => {
  const text = "HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody\r\n\r\n";
  const end = text.indexOf("body");
  assertEquals(findHeadEnd(fromLatin1(text)), end);
  for (let length = 0; length < end; length++) assertEquals(findHeadEnd(fromLatin1(text.slice(0, length))), undefined);
  assertEquals(findHeadEnd(fromLatin1(text + "\n\r")), end);
});

const HOPELESS: readonly string[] = [
  "SSH-2.0-OpenSSH_9.2p1",
  "S",
  "HTTP/2 200",
  "HTTP/1/",
  "\r\nHTTP/1.1 200 OK\r\n",
  "\n",
  "\x16\x03\x01",
  "http/1.1 200 OK\r\n",
  "HTTP/1.1 200 OK\n",
  "HTTP/1.1 200 OK\r\nA: b\n",
  "HTTP/1.1 200 OK\r\nA: b\n\r\n",
  "HTTP/1.1 200 OK\r\nA: b\r\n\n",
  "HTTP/1.1 200 OK\r\nA: b\rC",
  "HTTP/1.1 200 OK\r\nA: b\r\r\n\r\n",
  "HTTP/1.1 200 OK\r\nA: b\r\n\rC",
];

for (const text of HOPELESS) {
  test(`findHeadEnd waits for no more of ${JSON.stringify(text)}`, () => {
    assertEquals(assertThrows(() => findHeadEnd(fromLatin1(text)), UpstreamError).kind, "malformed");
  });
}

test("decodeResponseHead says a length once that was said more than once", () => {
  for (const fields of ["Content-Length: 5, 5\r\nA: b\r\n", "Content-Length: 5\r\nA: b\r\nContent-Length: 5\r\n"]) {
    const { headers, framing } = decode(`HTTP/1.1 200 OK\r\n${fields}\r\n`);
    assertEquals([headers, framing], [[["a", "b"], ["content-length", "5"]], 5]);
  }
  assertEquals(decode("HTTP/1.1 200 OK\r\nContent-Length: 5,5\r\n\r\n", "HEAD").headers, [["content-length", "5"]]);
});

test("decodeResponseHead takes 100 fields and no more", () => {
  const head = (count: number) => `HTTP/1.1 200 OK\r\n${"A: b\r\n".repeat(count)}\r\n`;
  assertEquals(decode(head(100)).headers.length, 100);
  assertEquals(assertThrows(() => decode(head(101)), UpstreamError).kind, "too_large");
  // Not for what is wrong within them.
  assertEquals(
    assertThrows(() => decode(head(101).replace(/A: b\r\n\r\n$/, "x\r\n\r\n")), UpstreamError).kind,
    "malformed",
  );
});

test("decodeResponseHead throws nothing but UpstreamError at mutated heads", () => {
  const original = fromLatin1("HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\n");
  let state = 20;
  const below = (limit: number) => (state = (state * 48271) % 2147483647) % limit;
  for (let round = 0; round < 20_000; round++) {
    const mutated = original.slice();
    for (let i = below(4); i >= 0; i--) mutated[below(mutated.length)] = below(256);
    try {
      const { status, framing } = decodeResponseHead(mutated, "GET");
      if (status < 100 || status > 599 || (typeof framing === "number" && framing < 0)) throw new Error("nonsense");
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
    }
  }
});

function assertMalformed(text: string): void {
  assertEquals(assertThrows(() => decode(text), UpstreamError).kind, "malformed");
}
