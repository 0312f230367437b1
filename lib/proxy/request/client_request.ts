/**
 * Reads what a client asks for and of whom, and refuses what this proxy does not do, before anything is done about it.
 *
 * What a client sends chooses a path on the router and nothing else: the target is cut out of the request as it was
 * written (no dot segment is resolved, nothing is decoded), and a request whose line or Host names another server is
 * refused (RFC 9110 section 7.2). A page in a browser on this machine can make a name of its own resolve to this proxy (DNS
 * rebinding), and would then read the metadata as if it were its own; but it cannot help sending that name as the Host.
 *
 * @module
 */

import type { Header } from "../../http1/message.ts";
import { cacheKeyOf, forRouter, refusalFor } from "./header_policy.ts";
import { refuse } from "./refusal.ts";
import type { RequestRefusal, RequestRefusalKind } from "./refusal.ts";
import { isLoopback } from "../../ipv4/ipv4.ts";
import type { ListenAddress } from "../../config/value.ts";

/** A request for metadata: what goes on to the router, and what is read of it besides. */
export type MetadataRequest = RequestBy<"GET" | "HEAD">;

/** A request for metadata, or with PUT for something of this proxy's own. */
export type ClientRequest = MetadataRequest | RequestBy<"PUT">;

/** A request by one of some methods. */
export interface RequestBy<M extends string> {
  readonly method: M;
  /** Origin form: path and query. */
  readonly target: string;
  /** Those that go on to the router. */
  readonly headers: readonly Header[];
  /** The Host, if it was sent. */
  readonly host: string | undefined;
  /** The session token, if one was sent. */
  readonly token: string | undefined;
  /** For how many seconds one is wanted, if that was said. */
  readonly tokenTtl: string | undefined;
  /** What is asked of the password service (CloudStack's `passwd_server_ip.py`); `undefined` if it is not asked. */
  readonly asksPassword: string | undefined;
  /** What answers are stored under; `undefined` if the router is to answer whatever is stored. */
  readonly cacheKey: string | undefined;
}

/** What the reader insists on. */
export interface RequestRules {
  readonly isOwnHost: (authority: string) => boolean;
  readonly maxUrlBytes: number;
}

/** A request, as far as it is read: the runtime's, or one like it. */
export interface RequestLike {
  readonly method: string;
  readonly url: string;
  readonly headers: Pick<Headers, "forEach">;
}

/** The head of a request as it was written, as far as it is read. */
export interface HeadLike {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly Header[];
}

/** A request that is being served. */
export interface ServedRequest extends RequestLike {
  /** Aborts when the client has gone away. */
  readonly signal: AbortSignal;
}

/** Path and query of visible ASCII characters. */
const TARGET = /^\/[!-~]*$/;

/** `http+unix` is the runtime's word for the socket behind the gate, where a request names no server itself. */
const SCHEME = /^http(\+unix)?:\/\//;

/**
 * Reads a request.
 *
 * @returns the request, or why it is refused
 */
export function readClientRequest(request: RequestLike, rules: RequestRules): ClientRequest | RequestRefusal {
  const { method } = request;
  if (method !== "GET" && method !== "HEAD" && method !== "PUT") return refuse("method");

  let host: string | undefined;
  let token: string | undefined;
  let tokenTtl: string | undefined;
  let asksPassword: string | undefined;
  let refusal: RequestRefusalKind | undefined;
  const headers: Header[] = [];
  // Not an iterator: that costs more than the rest of reading a request.
  request.headers.forEach((value, name) => {
    const field: Header = [name, value];
    headers.push(field);
    if (name === "host") host = value;
    else if (name === "x-aws-ec2-metadata-token") token = value;
    else if (name === "x-aws-ec2-metadata-token-ttl-seconds") tokenTtl = value;
    else if (name === "domu_request") asksPassword = value;
    else refusal ??= refusalFor(field);
  });

  const target = readTarget(request.url, { host, rules });
  if (typeof target !== "string") return target;
  if (refusal !== undefined) return refuse(refusal);
  const cacheKey = cacheKeyOf({ target, headers });
  return { method, target, headers: forRouter(headers), host, token, tokenTtl, asksPassword, cacheKey };
}

/**
 * What a stored answer to a head is found under before the request is asked of anybody.
 *
 * @returns `undefined` if that is not for this place to say
 */
export function readyKeyOf(head: HeadLike, rules: RequestRules): string | undefined {
  // What the values of a field that comes twice mean together is the runtime's to say.
  if (new Set(head.headers.map(([name]) => name)).size < head.headers.length) return undefined;
  const request = readClientRequest(asRequest(head), rules);
  if ("kind" in request || request.method === "PUT" || request.token !== undefined) return undefined;
  return request.cacheKey;
}

/** As the runtime would say it, behind the gate. */
function asRequest(head: HeadLike): RequestLike {
  return {
    method: head.method,
    url: urlOf(head),
    headers: {
      forEach(callback) {
        for (const [name, value] of head.headers) callback(value, name, undefined as unknown as Headers);
      },
    },
  };
}

/** The URL of a request as it was written, as the runtime says it behind the gate. */
export function urlOf(
  { target, headers }: { readonly target: string; readonly headers: readonly Header[] },
): string {
  if (!target.startsWith("/")) return target;
  const host = headers.find(([name]) => name === "host")?.[1];
  return `http+unix://${host ?? ""}${target}`;
}

/** Cuts the target out of a URL, as it was written. @returns the target, or why the request is refused */
function readTarget(
  url: string,
  { host, rules }: { readonly host: string | undefined; readonly rules: RequestRules },
): string | RequestRefusal {
  if (host !== undefined && !rules.isOwnHost(host)) return refuse("other_host");
  const [scheme, unix] = SCHEME.exec(url) ?? [];
  const pathAt = scheme === undefined ? -1 : url.indexOf("/", scheme.length);
  if (pathAt === -1) return refuse("bad_target");
  const authority = url.slice(scheme!.length, pathAt);
  // Without a Host it is the name in the request line, or what the runtime puts for neither: the socket's.
  const isUnnamed = host === undefined && unix !== undefined;
  if (authority !== host && !isUnnamed && !rules.isOwnHost(authority)) {
    return refuse(host === undefined ? "other_host" : "other_server");
  }
  // A fragment is no part of a request, but some runtimes hand one on.
  const target = url.slice(pathAt).split("#", 1)[0]!;
  if (target.length > rules.maxUrlBytes) return refuse("long_url");
  return TARGET.test(target) ? target : refuse("bad_target");
}

const AUTHORITY = /^(\[[0-9a-f:]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/;

/**
 * Creates the check for the value of a Host: the listen address, loopback in any spelling, or one of the allowed
 * names, each with any port or none (a forwarded port is another number on the client's side).
 */
export function createHostCheck(listen: ListenAddress, allowed: readonly string[]): (authority: string) => boolean {
  const own = listen.hostname.includes(":") ? `[${listen.hostname}]` : listen.hostname;
  const names = new Set([own, "localhost", "127.0.0.1", "[::1]", ...allowed]);
  const usual = new Set([...names].flatMap((name) => [name, `${name}:${listen.port}`]));

  return (authority) => {
    if (usual.has(authority)) return true;
    const [, name] = AUTHORITY.exec(authority.toLowerCase()) ?? [];
    return name !== undefined && (names.has(name) || isLoopback(name));
  };
}
