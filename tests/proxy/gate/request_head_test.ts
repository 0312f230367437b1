import { assertEquals } from "@std/assert";
import { toBytes } from "../../../lib/http1/message.ts";
import {
  countEmptyLines,
  decodeRequestHead,
  findRequestEnd,
  maxHeadBytes,
} from "../../../lib/proxy/gate/request_head.ts";
import { test } from "../../support/test.ts";

const LIMITS = { maxUrlBytes: 100, maxHeaderBytes: 60 };
const LINE = "GET / HTTP/1.1\r\n";

test("findRequestEnd finds the end, that it has not come, or why it need not be waited for", () => {
  const table: readonly (readonly [text: string, expected: ReturnType<typeof findRequestEnd>])[] = [
    ["", -1],
    ["\r", -1],
    ["GET / HT", -1],
    [`${LINE}Host: x\r\n`, -1],
    [`${LINE}Host: x\r\n\r`, -1],
    [`${LINE}Host: x\r\n\r\n`, 27],
    [`${LINE}\r\nGET`, 18],
    ["GET / HTTP/1.1\nHost: x\r\n\r\n", "bare_lf"],
    [`${LINE}Host: x\n\n`, "bare_lf"],
    ["\x16\x03\x01\x00\xa5", "not_http"],
    [" GET / HTTP/1.1\r\n", "not_http"],
    ["\x7fGET", "not_http"],
    ["GET /" + "a".repeat(159), -1],
    ["GET /" + "a".repeat(160), "long_url"],
    ["GET /" + "a".repeat(160) + "\r\nX: y\r\n\r\n", "long_url"],
    ["G\x80" + "\x80".repeat(200), "not_http"],
    [LINE + "X: " + "a".repeat(53) + "\r\n\r\n", 76],
    [LINE + "X: " + "a".repeat(54) + "\r\n\r\n", "long_header"],
    [LINE + "X: " + "a".repeat(57), -1],
    [LINE + "X: " + "a".repeat(58), "long_header"],
    [LINE + "X: y\r\n".repeat(11), "long_header"],
    // Its first line is no request's: nothing more need come.
    ["GET /\r\n", "not_http"],
    ["EHLO x\r\n", "not_http"],
    ["SSH-2.0-OpenSSH_9.2\r\n", "not_http"],
    ["GET  / HTTP/1.1\r\nHost", "not_http"],
    ["G/T / HTTP/1.1\r\n", "bad_line"],
    ["PRI * HTTP/2.0\r\n", "version"],
    ["POST / HTTP/1.1\r\n", "method"],
    ["GET * HTTP/1.1\r\n", "bad_target"],
  ];
  for (const [text, expected] of table) assertEquals(findRequestEnd(toBytes(text), LIMITS), expected, text);
});

test("findRequestEnd finds the same end whatever the pieces are that the bytes come in", () => {
  const bytes = toBytes(`${LINE}Host: x\r\nX: y\r\n\r\n`);
  for (let cut = 0; cut < bytes.length; cut++) {
    assertEquals(findRequestEnd(bytes.subarray(0, cut), LIMITS), -1, String(cut));
    assertEquals(findRequestEnd(bytes, LIMITS, cut), bytes.length, String(cut));
  }
});

test("maxHeadBytes is what a head within the limits may take, and countEmptyLines what may stand before one", () => {
  assertEquals(maxHeadBytes(LIMITS), 224);
  for (
    const [text, count] of [["", 0], ["\r\n", 2], ["\r\n\r\nGET", 4], ["\r", 0], ["\n", 0], ["GET\r\n", 0]] as const
  ) {
    assertEquals(countEmptyLines(toBytes(text)), count, text);
  }
});

const head = (line: string, ...fields: string[]) => [line, ...fields, "", ""].join("\r\n");

test("decodeRequestHead reads what a client asks for", () => {
  assertEquals(decodeRequestHead(head("GET /a?b HTTP/1.1", "Host:  x ", "X-A:1", "x-a: 2")), {
    method: "GET",
    target: "/a?b",
    headers: [["host", "x"], ["x-a", "1"], ["x-a", "2"]],
    minor: 1,
    persistent: true,
  });
  assertEquals(decodeRequestHead(head("PUT http://x/ HTTP/1.0", "Content-Length: 0")), {
    method: "PUT",
    target: "http://x/",
    headers: [["content-length", "0"]],
    minor: 0,
    persistent: false,
  });
});

test("decodeRequestHead knows whether a client stays", () => {
  const table: readonly (readonly [version: string, connection: string, stays: boolean])[] = [
    ["1.1", "keep-alive", true],
    ["1.1", "Close", false],
    ["1.1", "x, close", false],
    ["1.0", "x", false],
    ["1.0", "Keep-Alive", true],
    ["1.0", "keep-alive, close", false],
  ];
  for (const [version, connection, stays] of table) {
    const decoded = decodeRequestHead(head(`GET / HTTP/${version}`, "Host: x", `Connection: ${connection}`));
    assertEquals(typeof decoded === "string" ? decoded : decoded.persistent, stays, `${version} ${connection}`);
  }
});

test("decodeRequestHead says why a head is refused", () => {
  const table: readonly (readonly [reason: string, text: string])[] = [
    ["not_http", "hello\r\n\r\n"],
    ["not_http", "GET /\r\n\r\n"],
    ["bad_line", head("G(T / HTTP/1.1", "Host: x")],
    ["bad_line", head("GET /\u00e4 HTTP/1.1", "Host: x")],
    ["version", head("PRI * HTTP/2.0")],
    ["version", head("GET / HTTP/0.9", "Host: x")],
    ["method", head("POST / HTTP/1.1", "Host: x", "Content-Length: 3")],
    ["method", head("get / HTTP/1.1", "Host: x")],
    ["method", head("CONNECT x:80 HTTP/1.1", "Host: x")],
    ["bad_target", head("GET * HTTP/1.1", "Host: x")],
    ["bad_target", head("GET https://x/ HTTP/1.1", "Host: x")],
    ["bad_field", head("GET / HTTP/1.1", "Host: x", "X Y: z")],
    ["bad_field", head("GET / HTTP/1.1", "Host: x", " folded")],
    ["bad_field", head("GET / HTTP/1.1", "Host: x", ...Array<string>(99).fill("A: b"), "x")],
    ["long_header", head("GET / HTTP/1.1", "Host: x", ...Array<string>(100).fill("A: b"), "x")],
    ["no_host", head("GET / HTTP/1.1", "X: y")],
    ["two_hosts", head("GET / HTTP/1.1", "Host: x", "Host: x")],
    ["two_hosts", head("GET / HTTP/1.0", "Host: x", "Host: y")],
    ["body", head("GET / HTTP/1.1", "Host: x", "Content-Length: 5")],
    ["body", head("GET / HTTP/1.1", "Host: x", "Transfer-Encoding: chunked")],
    ["bad_length", head("GET / HTTP/1.1", "Host: x", "Content-Length: 5, 5")],
    ["bad_length", head("GET / HTTP/1.1", "Host: x", "Content-Length: 0", "Content-Length: 0")],
    ["bad_length", head("GET / HTTP/1.1", "Host: x", "Content-Length: -1")],
    ["bad_length", head("GET / HTTP/1.1", "Host: x", "Content-Length: 0", "Transfer-Encoding: chunked")],
  ];
  for (const [reason, text] of table) {
    assertEquals(decodeRequestHead(text), reason as ReturnType<typeof decodeRequestHead>, text);
  }
});
