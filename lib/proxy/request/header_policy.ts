/**
 * What is done with each header field on its way between client and router: one table, from which the refusals, what is
 * sent on and what an answer is stored under all follow. Pure.
 *
 * What the table does not name passes both ways as it is, and may change the answer in ways unknown: a request with such a
 * field is always the router's to answer. No Via is added: a response is to look as if it came from the router itself.
 *
 * @module
 */

import type { Header } from "../../http1/message.ts";
import type { RefusalKind } from "../gate/refusal.ts";

/**
 * What is done with a field of a request.
 *
 * | rule | sent on | in the key of a stored answer |
 * |---|---|---|
 * | `drop` | no: it concerns this hop, or nobody | no |
 * | `own` | no: it is for this proxy | no |
 * | `vary` | yes | its value |
 * | `inert` | yes, but no answer depends on it | no |
 * | `pass` | yes | there is none: the router answers |
 * | `elsewhere` | no: the request is not for the router's metadata | there is none |
 * | `refuse` | nothing is, unless the value is one of those | by the rule behind it |
 */
type RequestRule = "drop" | "own" | "vary" | "inert" | "pass" | "elsewhere" | Refuse;

interface Refuse {
  readonly refuse: RefusalKind;
  /** Values that are harmless, and what is done with the field then. */
  readonly unless?: readonly string[];
  readonly then?: Exclude<RequestRule, Refuse>;
}

/** What is done with a field of a response: dropped, dropped with the body of an error, or passed. */
type ResponseRule = "drop" | "body" | "pass";

/** Somebody serves strangers with the VM's secrets, as IMDSv2 assumes too. v1 passed these on, and routers ignored them. */
const THROUGH_PROXY: Refuse = { refuse: "through_proxy" };

/** Fields of requests and of responses, by their names in lower case. */
const FIELDS: ReadonlyMap<string, readonly [inRequest: RequestRule, inResponse: ResponseRule]> = new Map([
  // This hop only (RFC 9110 section 7.6.1). Connection also names others.
  ["connection", ["drop", "drop"]],
  ["http2-settings", ["drop", "pass"]],
  ["keep-alive", ["drop", "drop"]],
  ["proxy-authenticate", ["drop", "drop"]],
  ["proxy-authorization", ["drop", "drop"]],
  ["proxy-connection", ["drop", "drop"]],
  ["te", ["drop", "drop"]],
  ["trailer", ["drop", "drop"]],
  ["transfer-encoding", ["drop", "drop"]],
  ["upgrade", ["drop", "drop"]],

  // No request that the gate lets in has a body, so there is none to be expected.
  ["content-length", ["drop", "body"]],
  ["expect", ["drop", "pass"]],

  // For this proxy. The Host that is sent on is the router's address: what a direct request would say.
  ["host", ["own", "pass"]],
  ["x-aws-ec2-metadata-token", ["own", "pass"]],
  ["x-aws-ec2-metadata-token-ttl-seconds", ["own", "pass"]],
  // For the password service: a page of metadata in its place would become root's password.
  ["domu_request", ["elsewhere", "pass"]],

  // What an answer may be negotiated by, and what it is not.
  ["accept", ["vary", "pass"]],
  ["accept-encoding", ["vary", "pass"]],
  ["accept-language", ["vary", "pass"]],
  ["user-agent", ["inert", "pass"]],

  // What proxies say of whom they serve (and X-Forwarded-*).
  ["cdn-loop", [THROUGH_PROXY, "pass"]],
  ["cf-connecting-ip", [THROUGH_PROXY, "pass"]],
  ["client-ip", [THROUGH_PROXY, "pass"]],
  ["fastly-client-ip", [THROUGH_PROXY, "pass"]],
  ["forwarded", [THROUGH_PROXY, "pass"]],
  ["true-client-ip", [THROUGH_PROXY, "pass"]],
  ["via", [THROUGH_PROXY, "pass"]],
  ["x-client-ip", [THROUGH_PROXY, "pass"]],
  ["x-cluster-client-ip", [THROUGH_PROXY, "pass"]],
  ["x-envoy-external-address", [THROUGH_PROXY, "pass"]],
  ["x-original-forwarded-for", [THROUGH_PROXY, "pass"]],
  ["x-originating-ip", [THROUGH_PROXY, "pass"]],
  ["x-real-ip", [THROUGH_PROXY, "pass"]],
  ["x-remote-addr", [THROUGH_PROXY, "pass"]],
  ["x-remote-ip", [THROUGH_PROXY, "pass"]],
  // Becomes HTTP_PROXY in a CGI program.
  ["proxy", ["drop", "pass"]],

  // What browsers say of the page that asks. Metadata are no pages: nothing of this proxy's asks for more of it.
  ["origin", [{ refuse: "from_web_page" }, "pass"]],
  ["sec-fetch-site", [{ refuse: "from_web_page", unless: ["none", "same-origin"], then: "pass" }, "pass"]],

  // What describes a body goes with the body of an error.
  ["accept-ranges", ["pass", "body"]],
  ["content-digest", ["pass", "body"]],
  ["content-disposition", ["pass", "body"]],
  ["content-encoding", ["pass", "body"]],
  ["content-language", ["pass", "body"]],
  ["content-location", ["pass", "body"]],
  ["content-md5", ["pass", "body"]],
  ["content-type", ["pass", "body"]],
  ["digest", ["pass", "body"]],
  ["etag", ["pass", "body"]],
  ["last-modified", ["pass", "body"]],
  ["repr-digest", ["pass", "body"]],
]);

function requestRuleOf(name: string): RequestRule {
  const rule = FIELDS.get(name)?.[0];
  return rule ?? (name.startsWith("x-forwarded") ? THROUGH_PROXY : "pass");
}

/** The rule for a field of a request that is not refused. */
function ruleFor(name: string): Exclude<RequestRule, Refuse> {
  const rule = requestRuleOf(name);
  return typeof rule === "string" ? rule : rule.then ?? "drop";
}

/** Why a request is to be refused for a field of it; `undefined` if it is not. */
export function refusalFor([name, value]: Header): RefusalKind | undefined {
  const rule = requestRuleOf(name);
  return typeof rule === "string" || rule.unless?.includes(value) ? undefined : rule.refuse;
}

/** Whether answers are stored apart by what a request says in this field. */
export function isVariedBy(name: string): boolean {
  return ruleFor(name) === "vary";
}

/** Picks the fields of a client's request that go on to the router. */
export function forRouter(headers: readonly Header[]): Header[] {
  const named = namedByConnection(headers);
  return headers.filter(([name]) => isSentOn(name) && !named?.has(name));
}

function isSentOn(name: string): boolean {
  const rule = ruleFor(name);
  return rule === "vary" || rule === "inert" || rule === "pass";
}

/** The paths of CloudStack's metadata, without dot segments or percent-encoding: one path, one document. */
const STORABLE_TARGET = /^\/latest\/(?!.*\.\.)[^%]*$/;

/**
 * What answers to a request are stored under: all that they may depend on. Equal keys are given only to requests that are
 * sent on alike, but for what no answer depends on.
 *
 * @param request one that is not refused, by GET or HEAD
 * @returns `undefined` if the router is to answer whatever is stored
 */
export function cacheKeyOf(
  { target, headers }: { readonly target: string; readonly headers: readonly Header[] },
): string | undefined {
  if (!STORABLE_TARGET.test(target)) return undefined;
  let accept = "";
  let encoding = "";
  let language = "";
  for (const [name, value] of headers) {
    switch (ruleFor(name)) {
      case "pass":
      case "elsewhere":
        return undefined;
      case "vary":
        // A field that comes twice is one with both values.
        if (name === "accept") accept += `,${value}`;
        else if (name === "accept-encoding") encoding += `,${value}`;
        else language += `,${value}`;
        break;
      case "drop":
        // What it names is not sent on: then the key would say more than the router hears.
        if (name === "connection" && namesPassed(value)) return undefined;
    }
  }
  return `${target}\n${accept}\n${encoding}\n${language}`;
}

function namesPassed(connection: string): boolean {
  return connection.toLowerCase().split(",").some((item) => FIELDS.has(item.trim()) && isSentOn(item.trim()));
}

/**
 * Picks the fields of a router's response that go on to the client.
 *
 * @param options.bodyDropped leave out what describes the body
 */
export function forClient(headers: readonly Header[], options: { readonly bodyDropped: boolean }): Header[] {
  const named = namedByConnection(headers);
  return headers.filter(([name]) => {
    const rule = FIELDS.get(name)?.[1];
    return rule !== "drop" && !named?.has(name) && !(options.bodyDropped && rule === "body");
  });
}

/** The fields that a sender listed in Connection as meant for the next hop only. */
function namedByConnection(headers: readonly Header[]): ReadonlySet<string> | undefined {
  let names: Set<string> | undefined;
  for (const [name, value] of headers) {
    if (name !== "connection") continue;
    for (const item of value.toLowerCase().split(",")) (names ??= new Set()).add(item.trim());
  }
  // Framing is this hop's own business, and a response that disowned its length would lose it.
  names?.delete("content-length");
  return names;
}

/**
 * Points a Location at this proxy if it names the router, whom the client may not reach; leaves any other as it is.
 *
 * @param options.address the router that sent it
 * @param options.host the Host under which the client knows this proxy, if it said so
 */
export function localLocation(
  location: string,
  options: { readonly address: string; readonly host: string | undefined },
): string {
  const [, authority, rest] = /^(?:http:)?\/\/([^/?#]*)(.*)$/i.exec(location) ?? [];
  if (authority !== options.address && authority !== `${options.address}:80`) return location;
  const path = rest!.startsWith("/") ? rest! : `/${rest}`;
  return options.host === undefined ? path : `http://${options.host}${path}`;
}
