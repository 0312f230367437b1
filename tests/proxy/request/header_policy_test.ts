import { assertEquals } from "@std/assert";
import type { Header } from "../../../lib/http1/message.ts";
import { forClient, forRouter, localLocation } from "../../../lib/proxy/request/header_policy.ts";
import { test } from "../../support/test.ts";

const names = (headers: readonly Header[]) => headers.map(([name]) => name);
const fields = (text: string): Header[] => text.split(" ").map((name) => [name, "x"]);

test("forRouter passes what a router may want to know, in its order", () => {
  const headers = fields(
    "accept accept-encoding authorization cache-control cookie domu_request if-none-match range user-agent x-custom",
  );
  assertEquals(forRouter(headers), headers);
});

test("forRouter drops what concerns this hop only", () => {
  const headers = fields(
    "connection keep-alive proxy-connection proxy-authorization te trailer transfer-encoding upgrade",
  );
  assertEquals(forRouter(headers), []);
});

test("forRouter drops what a client says of who it is", () => {
  const headers = fields(
    "via forwarded x-forwarded-for x-forwarded-host x-forwarded-anything x-real-ip x-client-ip client-ip true-client-ip " +
      "x-cluster-client-ip cf-connecting-ip fastly-client-ip x-originating-ip x-remote-ip x-remote-addr proxy",
  );
  assertEquals(forRouter(headers), []);
});

test("forRouter drops what this proxy says itself or keeps for itself", () => {
  const headers = fields("host content-length expect x-aws-ec2-metadata-token x-aws-ec2-metadata-token-ttl-seconds");
  assertEquals(forRouter(headers), []);
});

test("forRouter and forClient drop what Connection names", () => {
  const headers: Header[] = [["connection", "X-One , x-two"], ["x-one", "1"], ["x-two", "2"], ["x-three", "3"]];
  assertEquals(names(forRouter(headers)), ["x-three"]);
  assertEquals(names(forClient(headers, { bodyDropped: false })), ["x-three"]);
});

test("forClient passes what the router says, twice where it says it twice", () => {
  const headers: Header[] = [
    ["date", "Sun, 22 Nov 2026 10:51:59 GMT"],
    ["server", "Apache"],
    ["set-cookie", "a=1"],
    ["set-cookie", "b=2"],
    ["content-type", "text/plain"],
    ["content-length", "5"],
    ["via", "1.1 router"],
  ];
  assertEquals(forClient(headers, { bodyDropped: false }), headers);
});

test("forClient keeps a length that Connection names", () => {
  const headers: Header[] = [["connection", "content-length"], ["content-length", "5"]];
  assertEquals(names(forClient(headers, { bodyDropped: false })), ["content-length"]);
});

test("forClient drops with a body what describes it, and keeps what describes the error", () => {
  const headers = fields(
    "content-type content-length content-encoding content-language etag last-modified accept-ranges " +
      "date retry-after www-authenticate allow content-range set-cookie",
  );
  assertEquals(
    names(forClient(headers, { bodyDropped: true })),
    ["date", "retry-after", "www-authenticate", "allow", "content-range", "set-cookie"],
  );
});

const LOCATIONS: readonly (readonly [location: string, local: string])[] = [
  ["http://10.1.1.1/a?b#c", "http://proxy:1/a?b#c"],
  ["http://10.1.1.1:80/a", "http://proxy:1/a"],
  ["HTTP://10.1.1.1", "http://proxy:1/"],
  ["http://10.1.1.1?b", "http://proxy:1/?b"],
  ["//10.1.1.1//a", "http://proxy:1//a"],
  ["/a", "/a"],
  ["a/b", "a/b"],
  ["", ""],
  ["http://10.1.1.1:8080/a", "http://10.1.1.1:8080/a"],
  ["https://10.1.1.1/a", "https://10.1.1.1/a"],
  ["http://10.1.1.10/a", "http://10.1.1.10/a"],
  ["http://10.1.1.1.evil.example/a", "http://10.1.1.1.evil.example/a"],
  ["http://10.1.1.1@evil.example/a", "http://10.1.1.1@evil.example/a"],
  ["http://evil.example/http://10.1.1.1/", "http://evil.example/http://10.1.1.1/"],
  ["http://data-server/a", "http://data-server/a"],
  ["\\\\10.1.1.1\\a", "\\\\10.1.1.1\\a"],
];

for (const [location, local] of LOCATIONS) {
  test(`localLocation makes ${JSON.stringify(local)} of ${JSON.stringify(location)}`, () => {
    assertEquals(localLocation(location, { address: "10.1.1.1", host: "proxy:1" }), local);
  });
}

test("localLocation gives a path alone to a client that did not say how it knows this proxy", () => {
  assertEquals(localLocation("http://10.1.1.1/a?b", { address: "10.1.1.1", host: undefined }), "/a?b");
});
