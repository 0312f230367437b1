import { assertEquals } from "@std/assert";
import { fromInner } from "../../../lib/proxy/gate/response.ts";
import { emptyResponse, toResponse } from "../../../lib/proxy/server/responder.ts";
import { fromLatin1 } from "../../support/latin1.ts";
import { test } from "../../support/test.ts";

const ASKED = { method: "GET", host: "own:39724" } as const;

test("emptyResponse has no body, says what may be done, and ends the connection of who is refused", () => {
  const table = [
    [400, { connection: "close" }],
    [401, {}],
    [404, {}],
    [405, { allow: "GET, HEAD", connection: "close" }],
    [503, { "retry-after": "1" }],
  ] as const;
  for (const [status, fields] of table) {
    const response = emptyResponse(status);
    assertEquals([response.status, response.body, Object.fromEntries(response.headers)], [status, null, fields]);
  }
});

test("toResponse leaves the length of a HEAD open where the router did, and only where there could be a body", () => {
  for (
    const [method, status, fields, isOpen] of [
      ["HEAD", 200, [], true],
      ["HEAD", 299, [], true],
      ["HEAD", 300, [], false],
      ["HEAD", 404, [], false],
      ["HEAD", 200, [["content-length", "5"]], false],
      ["GET", 200, [], false],
    ] as const
  ) {
    const response = toResponse({ status, headers: fields, address: "10.1.1.1" }, undefined, { ...ASKED, method });
    assertEquals([method, status, response.body !== null], [method, status, isOpen]);
  }
});

test("toResponse points a Location at this program where the router named itself, and passes all else", () => {
  const headers = [["location", "http://10.1.1.1/x"], ["x", "a"], ["x", "http://10.1.1.1/"]] as const;
  const of = (address: string | undefined) =>
    fromInner([...toResponse({ status: 301, headers, address }, fromLatin1(""), ASKED).headers]);
  const others = "x: a\r\nx: http://10.1.1.1/\r\n";
  assertEquals(of("10.1.1.1"), `location: http://own:39724/x\r\n${others}`);
  assertEquals(of("10.1.1.2"), `location: http://10.1.1.1/x\r\n${others}`);
  assertEquals(of(undefined), `location: http://10.1.1.1/x\r\n${others}`);
});

test("toResponse has the runtime frame a stream by the router's length, and only tells that of what is in hand or spoken of", () => {
  const headers = [["content-length", "4"]] as const;
  const of = (method: "GET" | "HEAD", body?: Parameters<typeof toResponse>[1]) => {
    const fields = [...toResponse({ status: 200, headers, address: undefined }, body, { ...ASKED, method }).headers];
    return [new Headers(fields).get("content-length"), fromInner(fields)];
  };
  const line = "content-length: 4\r\n";
  assertEquals(of("GET", new ReadableStream()), ["4", line]);
  assertEquals(of("GET", fromLatin1("text")), [null, line]);
  assertEquals(of("HEAD"), [null, line]);
});
