/**
 * Which header fields pass between client and router. Pure.
 *
 * | fields | from the client | from the router | why |
 * |---|---|---|---|
 * | Connection, what it names, and the other hop-by-hop fields | dropped | dropped | RFC 9110 section 7.6.1 |
 * | Host | the router's address | - | what a direct request would say |
 * | X-Forwarded-For, Forwarded | refused | - | somebody proxies strangers to the VM's secrets, as IMDSv2 assumes too |
 * | Via, X-Forwarded-*, X-Real-IP and the like | dropped | passed | a router knows a VM by its address, not by what it says |
 * | Proxy | dropped | passed | becomes HTTP_PROXY in a CGI program |
 * | Expect, Content-Length: 0 | dropped | - | no request has a body |
 * | X-aws-ec2-metadata-token* | dropped | passed | meant for this proxy |
 * | Location | - | pointed at this proxy where it names the router | the client may not reach the router, or be known to it |
 * | fields that describe a body | - | dropped with the body of an error | there is no body |
 *
 * Everything else passes as it is. No Via is added: a response is to look as if it came from the router itself.
 *
 * @module
 */

import type { Header } from "../../http1/message.ts";

const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

const NOT_FOR_ROUTERS: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  "cf-connecting-ip",
  "client-ip",
  "content-length",
  "expect",
  "fastly-client-ip",
  "forwarded",
  "host",
  "http2-settings",
  "proxy",
  "true-client-ip",
  "via",
  "x-aws-ec2-metadata-token",
  "x-aws-ec2-metadata-token-ttl-seconds",
  "x-client-ip",
  "x-cluster-client-ip",
  "x-original-forwarded-for",
  "x-originating-ip",
  "x-real-ip",
  "x-remote-addr",
  "x-remote-ip",
]);

const DESCRIBES_BODY: ReadonlySet<string> = new Set([
  "accept-ranges",
  "content-digest",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-length",
  "content-location",
  "content-md5",
  "content-type",
  "digest",
  "etag",
  "last-modified",
  "repr-digest",
]);

/** Picks the fields of a client's request that go on to the router. */
export function forRouter(headers: readonly Header[]): Header[] {
  const named = namedByConnection(headers);
  return headers.filter(([name]) =>
    !NOT_FOR_ROUTERS.has(name) && !name.startsWith("x-forwarded-") && !named?.has(name)
  );
}

/**
 * Picks the fields of a router's response that go on to the client.
 *
 * @param options.bodyDropped leave out what describes the body
 */
export function forClient(headers: readonly Header[], options: { readonly bodyDropped: boolean }): Header[] {
  const named = namedByConnection(headers);
  return headers.filter(([name]) =>
    !HOP_BY_HOP.has(name) && !named?.has(name) && !(options.bodyDropped && DESCRIBES_BODY.has(name))
  );
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
 * Points a Location at this proxy if it names the router; leaves any other as it is.
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
