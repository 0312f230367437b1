import { assertEquals } from "@std/assert";
import { emptyResponse } from "../../../lib/proxy/server/own_response.ts";
import { fieldsFor, toResponse } from "../../../lib/proxy/server/responder.ts";
import type { Header } from "../../../lib/http1/message.ts";
import { createFedBody } from "../../support/fakes/upstream_fakes.ts";
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
      ["HEAD", 204, [], false],
      ["HEAD", 205, [], false],
      ["HEAD", 200, [["content-length", "5"]], false],
      ["GET", 200, [], false],
    ] as const
  ) {
    const response = toResponse({ status, headers: fields }, undefined, { method });
    assertEquals([method, status, response.body !== null], [method, status, isOpen]);
  }
});

test("fieldsFor points a Location at this program where the router named itself, and passes all else", () => {
  const others = [["x", "a"], ["x", "http://10.1.1.1/"]] as const;
  const headers = [["location", "http://10.1.1.1/x"], ...others] as const;
  const body = fromLatin1("");
  assertEquals(fieldsFor({ headers, address: "10.1.1.1", body }, ASKED), [
    ["location", "http://own:39724/x"],
    ...others,
  ]);
  assertEquals(fieldsFor({ headers, address: "10.1.1.2", body }, ASKED), headers);
  assertEquals(fieldsFor({ headers, address: undefined, body }, ASKED), headers);
});

test("toResponse has the runtime frame a stream by the router's length, and says no length of what is in hand, spoken of or not there", () => {
  const headers = [["content-length", "4"]] as const;
  const of = (method: "GET" | "HEAD", body?: Parameters<typeof toResponse>[1]) =>
    toResponse({ status: 200, headers }, body, { method }).headers.get("content-length");
  const lengths = [of("GET", new ReadableStream()), of("GET", fromLatin1("text")), of("GET"), of("HEAD")];
  assertEquals(lengths, ["4", null, null, null]);
});

test("fieldsFor leaves it to the runtime to say the length of a stream and of nothing, and says that of all else", () => {
  const length: Header = ["content-length", "4"];
  const of = (method: "GET" | "HEAD", body?: Parameters<typeof fieldsFor>[0]["body"]) =>
    fieldsFor({ headers: [length], address: undefined, body }, { ...ASKED, method });
  assertEquals([of("GET"), of("GET", createFedBody()), of("GET", fromLatin1("text")), of("HEAD")], [[], [], [length], [
    length,
  ]]);
});
