import { assertEquals } from "@std/assert";
import type { Header } from "../../../lib/http1/message.ts";
import {
  cacheKeyOf,
  forClient,
  forRouter,
  isVariedBy,
  localLocation,
  refusalFor,
} from "../../../lib/proxy/request/header_policy.ts";
import { filePath } from "../../../tools/file_path.ts";
import { test } from "../../support/test.ts";

const names = (headers: readonly Header[]) => headers.map(([name]) => name);
const fields = (text: string): Header[] => text.split(" ").map((name) => [name, "x"]);

const PASSED = fields(
  "accept accept-encoding accept-language authorization cache-control cookie if-none-match range user-agent x-custom",
);

test("forRouter passes what a router may want to know, in its order", () => {
  assertEquals(forRouter(PASSED), PASSED);
});

const OF_THIS_HOP = fields(
  "connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding upgrade",
);

test("forRouter and forClient drop what concerns this hop only", () => {
  assertEquals(forRouter([...OF_THIS_HOP, ["http2-settings", "x"]]), []);
  assertEquals(forClient(OF_THIS_HOP, { bodyDropped: false }), []);
});

const OF_THIS_PROXY = fields(
  "host content-length expect proxy x-aws-ec2-metadata-token x-aws-ec2-metadata-token-ttl-seconds domu_request",
);

test("forRouter drops what this proxy says itself or keeps for itself", () => {
  assertEquals(forRouter(OF_THIS_PROXY), []);
});

const THROUGH_PROXY = fields(
  "via forwarded x-forwarded x-forwarded-for x-forwarded-host x-forwarded-anything x-real-ip x-client-ip client-ip " +
    "true-client-ip x-cluster-client-ip cf-connecting-ip fastly-client-ip x-originating-ip x-remote-ip x-remote-addr " +
    "x-original-forwarded-for x-envoy-external-address cdn-loop",
);

for (const field of THROUGH_PROXY) {
  test(`refusalFor refuses ${field[0]}, which a proxy says of whom it serves`, () => {
    assertEquals([refusalFor(field), forRouter([field])], ["through_proxy", []]);
  });
}

const REFUSALS: readonly (readonly [field: Header, refusal: string | undefined])[] = [
  [["origin", "https://evil.example"], "from_web_page"],
  [["origin", "null"], "from_web_page"],
  [["sec-fetch-site", "cross-site"], "from_web_page"],
  [["sec-fetch-site", "same-site"], "from_web_page"],
  [["sec-fetch-site", "same-origin"], undefined],
  [["sec-fetch-site", "none"], undefined],
  [["proxy-connection", "keep-alive"], undefined],
  [["x-custom", "forwarded"], undefined],
];

for (const [field, refusal] of REFUSALS) {
  test(`refusalFor says ${refusal} of ${field.join(": ")}`, () => assertEquals(refusalFor(field), refusal));
}

const TARGETS: readonly (readonly [target: string, storable: boolean])[] = [
  ["/latest/meta-data/vm-id", true],
  ["/latest/user-data?a=b", true],
  ["/latest/", true],
  ["/latest", false],
  ["/", false],
  ["/secret/latest/x", false],
  ["//latest/x", false],
  ["/latest/../secret", false],
  ["/latest/%2e%2e/secret", false],
  ["/Latest/x", false],
];

for (const [target, storable] of TARGETS) {
  test(`cacheKeyOf gives ${storable ? "a" : "no"} key to ${target}`, () => {
    assertEquals(cacheKeyOf({ target, headers: [] }) !== undefined, storable);
  });
}

const key = (headers: Readonly<Record<string, string>>, target = "/latest/vm-id") =>
  cacheKeyOf({ target, headers: Object.entries(headers) });

test("cacheKeyOf gives equal keys to requests that can only have equal answers", () => {
  const plain = key({ accept: "*/*" });
  assertEquals(typeof plain, "string");
  for (
    const more of [
      { "user-agent": "curl", connection: "close", host: "localhost" },
      { "x-aws-ec2-metadata-token": "x", "content-length": "0" },
      { connection: "Upgrade, HTTP2-Settings", upgrade: "h2c", "http2-settings": "" },
    ]
  ) assertEquals(key({ ...more, accept: "*/*" }), plain);
});

test("cacheKeyOf gives different keys where an answer may be negotiated", () => {
  const keys = [
    key({}),
    key({}, "/latest/vm-id?"),
    key({ accept: "text/html" }),
    key({ accept: "" }),
    key({ "accept-encoding": "gzip" }),
    key({ "accept-encoding": "br" }),
    key({ "accept-language": "gzip" }),
  ];
  assertEquals(new Set(keys).size, keys.length);
});

test("cacheKeyOf heeds every value of a field that comes more than once", () => {
  const twice = (first: string, second: string) =>
    cacheKeyOf({ target: "/latest/vm-id", headers: [["accept", first], ["accept", second]] });
  assertEquals(new Set([twice("a", "b"), twice("b", "a"), key({ accept: "a" }), key({ accept: "b" })]).size, 4);
});

for (const connection of ["accept", "close, Accept-Encoding", "user-agent"]) {
  test(`cacheKeyOf gives no key where Connection: ${connection} keeps from the router what it would hold`, () => {
    assertEquals(key({ accept: "x", connection }), undefined);
  });
}

for (
  const name of [
    "authorization",
    "cookie",
    "range",
    "if-none-match",
    "if-modified-since",
    "cache-control",
    "pragma",
    "sec-fetch-site",
    "domu_request",
    "x-anything",
  ]
) {
  test(`cacheKeyOf gives no key to a request with ${name}`, () => assertEquals(key({ [name]: "x" }), undefined));
}

test("isVariedBy knows what cacheKeyOf holds", () => {
  const names = ["accept", "accept-encoding", "accept-language", "user-agent", "host", "cookie", "x-anything"];
  assertEquals(names.map(isVariedBy), [true, true, true, false, false, false, false]);
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

const OF_A_BODY = fields(
  "content-type content-length content-encoding content-language etag last-modified accept-ranges " +
    "content-digest content-disposition content-location content-md5 digest repr-digest",
);

test("forClient drops with a body what describes it, and keeps what describes the error", () => {
  const ofTheError = fields("date retry-after www-authenticate allow content-range set-cookie");
  assertEquals(forClient([...OF_A_BODY, ...ofTheError], { bodyDropped: true }), ofTheError);
  assertEquals(forClient(OF_A_BODY, { bodyDropped: false }), OF_A_BODY);
});

test("every row of the table of header policy is asked for by a test of this file", async () => {
  const policy = await Deno.readTextFile(filePath("../../../lib/proxy/request/header_policy.ts", import.meta.url));
  const rows = [...policy.matchAll(/^ {2}\["([\w-]+)", \[/gm)].map(([, name]) => name!);
  const asked = new Set([
    ...names([...PASSED, ...OF_THIS_HOP, ...OF_THIS_PROXY, ...THROUGH_PROXY, ...OF_A_BODY]),
    ...REFUSALS.map(([[name]]) => name),
    "http2-settings",
  ]);
  assertEquals(rows.length > 0 && rows.filter((name) => !asked.has(name)), []);
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
