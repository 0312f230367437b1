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
import { isLoopback } from "../../ipv4/ipv4.ts";
import type { ListenAddress } from "../../config/value.ts";
import { REFUSALS } from "../gate/refusal.ts";
import type { Refusal } from "../gate/refusal.ts";
import type { ClientHead } from "../gate/request_head.ts";

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

/** Path and query of visible ASCII characters. */
const TARGET = /^\/[!-~]*$/;

/** The absolute form of a target, whose path may be empty (RFC 9112 section 3.2.2). */
const ABSOLUTE = /^http:\/\/([^/?#]*)(.*)$/i;

/**
 * Reads a request.
 *
 * @returns the request, or why it is refused
 */
export function readClientRequest(
  head: Pick<ClientHead, "method" | "target" | "headers">,
  rules: RequestRules,
): ClientRequest | Refusal {
  const { method } = head;
  if (method !== "GET" && method !== "HEAD" && method !== "PUT") return REFUSALS.method;

  const fields = combine(head.headers);
  const host = fields.get("host");
  const target = readTarget(head.target, { host, rules });
  if (typeof target !== "string") return target;
  const headers = [...fields];
  const refusal = headers.map(refusalFor).find((kind) => kind !== undefined);
  if (refusal !== undefined) return REFUSALS[refusal];
  return {
    method,
    target,
    headers: forRouter(headers),
    host,
    token: fields.get("x-aws-ec2-metadata-token"),
    tokenTtl: fields.get("x-aws-ec2-metadata-token-ttl-seconds"),
    asksPassword: fields.get("domu_request"),
    cacheKey: cacheKeyOf({ target, headers }),
  };
}

/** Fields by their names; one that comes twice has both values (RFC 9110 section 5.3; of Cookie, RFC 9113 section 8.2.3). */
function combine(headers: readonly Header[]): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const [name, value] of headers) {
    const before = fields.get(name);
    fields.set(name, before === undefined ? value : `${before}${name === "cookie" ? "; " : ", "}${value}`);
  }
  return fields;
}

/**
 * What a stored answer is found under before a request is asked of anybody.
 *
 * @returns `undefined` if that is not for this place to say
 */
export function readyKeyOf(request: ClientRequest | Refusal): string | undefined {
  if ("reason" in request || request.method === "PUT" || request.token !== undefined) return undefined;
  return request.cacheKey;
}

/** Cuts the path and its query out of a target, as they were written. @returns them, or why the request is refused */
function readTarget(
  written: string,
  { host, rules }: { readonly host: string | undefined; readonly rules: RequestRules },
): string | Refusal {
  if (host !== undefined && !rules.isOwnHost(host)) return REFUSALS.other_host;
  const [, authority, rest] = ABSOLUTE.exec(written) ?? [];
  if (authority !== undefined && authority !== host && !rules.isOwnHost(authority)) {
    return host === undefined ? REFUSALS.other_host : REFUSALS.other_server;
  }
  // A fragment is no part of a request, but some clients send one.
  const path = (rest ?? written).split("#", 1)[0]!;
  const target = authority === undefined || path.startsWith("/") ? path : `/${path}`;
  if (target.length > rules.maxUrlBytes) return REFUSALS.long_url;
  return TARGET.test(target) ? target : REFUSALS.bad_target;
}

const AUTHORITY = /^(\[[0-9a-f:]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/;

/**
 * Creates the check for the value of a Host: the listen address, loopback, or one of the allowed names, each with any port
 * or none (a forwarded port is another number on the client's side). A name that was allowed with a port has that one only.
 */
export function createHostCheck(listen: ListenAddress, allowed: readonly string[]): (authority: string) => boolean {
  const own = listen.hostname.includes(":") ? `[${listen.hostname}]` : listen.hostname;
  const names = new Set([own, "localhost", "127.0.0.1", "[::1]", ...allowed]);
  const usual = new Set([...names].flatMap((name) => [name, `${name}:${listen.port}`]));

  return (authority) => {
    const text = authority.toLowerCase();
    if (usual.has(text)) return true;
    const [, name] = AUTHORITY.exec(text) ?? [];
    return name !== undefined && (names.has(name) || isLoopback(name));
  };
}
