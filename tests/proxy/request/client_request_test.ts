import { assertEquals } from "@std/assert";
import { REFUSALS } from "../../../lib/proxy/gate/refusal.ts";
import type { Refusal, RefusalKind } from "../../../lib/proxy/gate/refusal.ts";
import { createHostCheck, readClientRequest } from "../../../lib/proxy/request/client_request.ts";
import type { MetadataRequest } from "../../../lib/proxy/request/client_request.ts";
import { cacheKeyOf } from "../../../lib/proxy/request/header_policy.ts";
import { test } from "../../support/test.ts";

const OWN = "127.0.0.1:39724";
const RULES = {
  isOwnHost: createHostCheck({ hostname: "127.0.0.1", port: 39724 }, []),
  maxUrlBytes: 100,
};

function read(
  { method = "GET", host = OWN, target = "/latest/vm-id", headers = {} }: {
    readonly method?: string;
    readonly host?: string;
    readonly target?: string;
    readonly headers?: Readonly<Record<string, string>>;
  },
) {
  return readClientRequest({ method, target, headers: [["host", host], ...Object.entries(headers)] }, RULES);
}

const kindOf = (refusal: Refusal) => Object.entries(REFUSALS).find(([, other]) => other === refusal)?.[0];
const targetOf = (request: ReturnType<typeof read>) => "reason" in request ? kindOf(request) : request.target;

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
    assertEquals(targetOf(read({ target })), target);
  });
}

for (const [rest, target] of [["", "/"], ["?q", "/?q"], ["?q=/x", "/?q=/x"], ["#f/x", "/"], ["/a#f", "/a"]] as const) {
  test(`readClientRequest takes ${target} of a URL of this program that ends in "${rest}"`, () => {
    assertEquals(targetOf(read({ target: `http://${OWN}${rest}` })), target);
  });
}

test("readClientRequest cuts off a fragment", () => {
  assertEquals(targetOf(read({ target: "/a?b#c?d/e" })), "/a?b");
});

const REFUSED: readonly (readonly [what: string, request: Parameters<typeof read>[0], kind: RefusalKind])[] = [
  ["POST", { method: "POST" }, "method"],
  ["TRACE", { method: "TRACE" }, "method"],
  ["CONNECT", { method: "CONNECT", target: "evil:443" }, "method"],
  ["OPTIONS of everything", { method: "OPTIONS", target: "/*" }, "method"],
  ["a method in lower case", { method: "get" }, "method"],
  ["another Host", { host: "evil.example" }, "other_host"],
  ["an empty Host", { host: "" }, "other_host"],
  ["two Hosts", { host: `${OWN}, evil.example`, target: `http://${OWN}/` }, "other_host"],
  ["a request line that names another server", { target: "http://evil.example/latest" }, "other_server"],
  ["a request line that names another scheme", { target: `https://${OWN}/latest` }, "bad_target"],
  ["a request line that hides another server", { target: `http://${OWN}@evil.example/latest` }, "other_server"],
  ["a request line that names another server and no path", { target: "http://evil.example" }, "other_server"],
  ["a request line that names nobody", { target: "http:///x" }, "other_server"],
  ["a control character in the target", { target: "/a\x01" }, "bad_target"],
  ["a blank in the target", { target: "/a b" }, "bad_target"],
  ["a target beyond ASCII", { target: "/\xe9" }, "bad_target"],
  ["too long a target", { target: `/${"a".repeat(100)}` }, "long_url"],
  ["X-Forwarded-For", { headers: { "x-forwarded-for": "1.2.3.4" } }, "through_proxy"],
  ["Forwarded", { headers: { forwarded: "for=1.2.3.4" } }, "through_proxy"],
  ["Origin", { headers: { origin: "null" } }, "from_web_page"],
  ["a PUT with X-Forwarded-For", { method: "PUT", headers: { "x-forwarded-for": "1.2.3.4" } }, "through_proxy"],
];

for (const [what, request, kind] of REFUSED) {
  test(`readClientRequest refuses ${what} as ${kind}`, () => assertEquals(targetOf(read(request)), kind));
}

test("readClientRequest takes a URL of just the length that is allowed", () => {
  assertEquals(targetOf(read({ target: `/${"a".repeat(99)}` })), `/${"a".repeat(99)}`);
});

const STATUSES: Readonly<Partial<Record<RefusalKind, number>>> = {
  method: 405,
  other_host: 421,
  other_server: 400,
  bad_target: 400,
  long_url: 414,
  through_proxy: 403,
  from_web_page: 403,
};

for (const [kind, status] of Object.entries(STATUSES)) {
  test(`REFUSALS has ${status} for ${kind}`, () => assertEquals(REFUSALS[kind as RefusalKind].status, status));
}

const without = (target: string) => readClientRequest({ method: "GET", target, headers: [] }, RULES);

test("readClientRequest refuses another server also where there is no Host", () => {
  assertEquals(targetOf(without("http://evil.example/")), "other_host");
});

test("readClientRequest takes a request without a Host, and one that names this proxy in its request line", () => {
  for (const target of [`http://${OWN}/a`, `HTTP://${OWN}/a`, "/a"]) {
    const request = without(target);
    assertEquals("reason" in request ? request : [request.target, request.host], ["/a", undefined], target);
  }
  assertEquals(targetOf(read({ target: "http://localhost/a" })), "/a");
});

test("readClientRequest tells a request for the password from one for metadata", () => {
  const asksPassword = (headers: Record<string, string>) => {
    const request = read({ headers });
    return "reason" in request ? kindOf(request) : request.asksPassword;
  };
  assertEquals(asksPassword({ domu_request: "send_my_password" }), "send_my_password");
  assertEquals(asksPassword({ domu_request: "" }), "");
  assertEquals(asksPassword({}), undefined);
});

test("readClientRequest hands on only what a router is to see, and reads what it is not to", () => {
  const ttl = { "x-aws-ec2-metadata-token-ttl-seconds": "60" };
  const request = read({ headers: { "x-aws-ec2-metadata-token": "t", ...ttl, te: "trailers", accept: "*/*" } });
  assertEquals(request, {
    method: "GET",
    target: "/latest/vm-id",
    headers: [["accept", "*/*"]],
    host: OWN,
    token: "t",
    tokenTtl: "60",
    asksPassword: undefined,
    cacheKey: cacheKeyOf({ target: "/latest/vm-id", headers: [["accept", "*/*"]] }),
  });
});

test("readClientRequest takes a field that comes twice for one with both values", () => {
  const twice = (name: string, first: string, second: string) =>
    readClientRequest(
      { ...{ method: "GET", target: "/a" }, headers: [[name, first], ["x", "y"], [name, second]] },
      RULES,
    );
  assertEquals((twice("x-aws-ec2-metadata-token", "a", "b") as MetadataRequest).token, "a, b");
  assertEquals((twice("accept", "a", "b") as MetadataRequest).headers, [["accept", "a, b"], ["x", "y"]]);
  assertEquals((twice("cookie", "a=1", "b=2") as MetadataRequest).headers[0], ["cookie", "a=1; b=2"]);
  assertEquals(targetOf(twice("sec-fetch-site", "none", "cross-site")), "from_web_page");
});
