import { assertEquals } from "@std/assert";
import { readClientRequest } from "../../../lib/proxy/request/client_request.ts";
import { createHostCheck } from "../../../lib/proxy/request/hosts.ts";
import { test } from "../../support/test.ts";

const OWN = "127.0.0.1:39724";
const RULES = {
  isOwnHost: createHostCheck({ hostname: "127.0.0.1", port: 39724 }, []),
  maxUrlBytes: 100,
  maxHeaderBytes: 200,
};

/** Reads a request as the runtime hands it over: its URL is put together of Host and target, and not normalised. */
function read(
  { method = "GET", host = OWN, target = "/latest/vm-id", url = `http://${host}${target}`, headers = {} }: {
    readonly method?: string;
    readonly host?: string;
    readonly target?: string;
    readonly url?: string;
    readonly headers?: Readonly<Record<string, string>>;
  },
) {
  const request = { method, url, headers: new Headers({ host, ...headers }) };
  return readClientRequest(request as unknown as Request, RULES);
}

const key = (headers: Readonly<Record<string, string>>, target?: string) => {
  const request = read({ headers, ...(target !== undefined && { target }) });
  return typeof request === "number" ? request : request.plainKey;
};

for (
  const target of [
    "/",
    "/a?b=c",
    "//a//b",
    "/a/../b/./c",
    "/%2e%2e/%00",
    "/a?",
    "/?http://evil/",
    "/a%zz",
    '/{}|^`"<>\\',
  ]
) {
  test(`readClientRequest takes the target ${JSON.stringify(target)} as it is`, () => {
    const request = read({ target });
    assertEquals(typeof request === "number" ? request : request.target, target);
  });
}

test("readClientRequest cuts off a fragment", () => {
  const request = read({ target: "/a?b#c?d/e" });
  assertEquals(typeof request === "number" ? request : request.target, "/a?b");
});

const REFUSED: readonly (readonly [what: string, request: Parameters<typeof read>[0], status: number])[] = [
  ["POST", { method: "POST" }, 405],
  ["TRACE", { method: "TRACE" }, 405],
  ["CONNECT", { method: "CONNECT", url: "http://evil:443" }, 405],
  ["OPTIONS of everything", { method: "OPTIONS", target: "/*" }, 405],
  ["a method in lower case", { method: "get" }, 405],
  ["another Host", { host: "evil.example" }, 421],
  ["an empty Host", { host: "" }, 421],
  ["two Hosts", { host: `${OWN}, evil.example`, url: `http://${OWN}/` }, 421],
  ["a request line that names another server", { url: "http://evil.example/latest" }, 400],
  ["a request line that names another scheme", { url: `https://${OWN}/latest` }, 400],
  ["a request line that hides another server", { url: `http://${OWN}@evil.example/latest` }, 400],
  ["a request line without a path", { url: `http://${OWN}` }, 400],
  ["a control character in the target", { target: "/a\x01" }, 400],
  ["a blank in the target", { target: "/a b" }, 400],
  ["a target beyond ASCII", { target: "/\xe9" }, 400],
  ["too long a target", { target: `/${"a".repeat(100)}` }, 414],
  ["too many headers", { headers: { "x-a": "a".repeat(200) } }, 431],
  ["X-Forwarded-For", { headers: { "x-forwarded-for": "1.2.3.4" } }, 403],
  ["Forwarded", { headers: { forwarded: "for=1.2.3.4" } }, 403],
  ["a PUT with X-Forwarded-For", { method: "PUT", headers: { "x-forwarded-for": "1.2.3.4" } }, 403],
  ["a body with a length", { headers: { "content-length": "1" } }, 413],
  ["a body in chunks", { headers: { "transfer-encoding": "chunked" } }, 413],
];

for (const [what, request, status] of REFUSED) {
  test(`readClientRequest refuses ${what} with ${status}`, () => assertEquals(read(request), status));
}

test("readClientRequest refuses another server also where there is no Host", () => {
  const request = { method: "GET", url: "http://evil.example/", headers: new Headers() };
  assertEquals(readClientRequest(request as unknown as Request, RULES), 421);
});

test("readClientRequest takes a request without a Host, and one that names this proxy in its request line", () => {
  const request = { method: "GET", url: `http://${OWN}/a`, headers: new Headers() };
  const { target, host } = readClientRequest(request as unknown as Request, RULES) as { target: string; host?: string };
  assertEquals([target, host], ["/a", undefined]);
  assertEquals(typeof read({ url: "http://localhost/a" }), "object");
});

test("readClientRequest takes a body of no bytes for none", () => {
  assertEquals(typeof read({ headers: { "content-length": "0" } }), "object");
});

test("readClientRequest gives equal keys to requests that can only have equal answers", () => {
  const plain = key({ accept: "*/*" });
  assertEquals(typeof plain, "string");
  assertEquals(key({ accept: "*/*", "user-agent": "curl", connection: "close" }), plain);
});

test("readClientRequest gives different keys where an answer may be negotiated", () => {
  const keys = [
    key({}),
    key({}, "/latest/vm-id?"),
    key({ accept: "text/html" }),
    key({ "accept-encoding": "gzip" }),
    key({ "accept-encoding": "br" }),
    key({ "accept-language": "gzip" }),
  ];
  assertEquals(new Set(keys).size, keys.length);
});

for (
  const name of [
    "authorization",
    "cookie",
    "range",
    "if-none-match",
    "if-modified-since",
    "cache-control",
    "pragma",
    "domu_request",
    "x-anything",
  ]
) {
  test(`readClientRequest gives no key to a request with ${name}`, () => assertEquals(key({ [name]: "x" }), undefined));
}
