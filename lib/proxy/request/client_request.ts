/**
 * Reads what a client asks for, and refuses what this proxy does not do, before anything is done about it.
 *
 * What a client sends chooses a path on the router and nothing else: the target is cut out of the request as it was
 * written (no dot segment is resolved, nothing is decoded), and a request whose line or Host names another server is
 * refused.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import type { Header } from "../../http1/message.ts";

/** A request for metadata, or with PUT for something of this proxy's own. */
export type ClientRequest = RequestBy<"GET" | "HEAD"> | RequestBy<"PUT">;

/** A request by one of some methods. */
export interface RequestBy<M extends string> {
  readonly method: M;
  /** Origin form: path and query. */
  readonly target: string;
  /** All fields. */
  readonly headers: readonly Header[];
  /** The Host, if it was sent. */
  readonly host: string | undefined;
  /** The session token, if one was sent. */
  readonly token: string | undefined;
  /**
   * What the answer depends on, if that is all in here: the target and what it may be negotiated by. `undefined` if
   * there is any field that could change the answer in ways unknown.
   */
  readonly plainKey: string | undefined;
}

/** What the reader insists on. */
export interface RequestRules {
  readonly isOwnHost: (authority: string) => boolean;
  readonly maxUrlBytes: number;
  readonly maxHeaderBytes: number;
}

/** Path and query of visible ASCII characters. */
const TARGET = /^\/[!-~]*$/;

const SCHEME = "http://";

/**
 * Reads a request.
 *
 * @returns the request, or the status with which to refuse it
 */
export function readClientRequest(request: Request, rules: RequestRules): ClientRequest | number {
  const { method, url } = request;
  if (method !== "GET" && method !== "HEAD" && method !== "PUT") return STATUS_CODE.MethodNotAllowed;

  let size = 0;
  let host: string | undefined;
  let token: string | undefined;
  let accept = "";
  let encoding = "";
  let language = "";
  let plain = true;
  let proxied = false;
  let body = false;
  const headers: Header[] = [];
  // Not an iterator: that costs more than the rest of reading a request.
  request.headers.forEach((value, name) => {
    // As on the wire: colon, blank, CR, LF.
    size += name.length + value.length + 4;
    headers.push([name, value]);
    switch (name) {
      case "host":
        host = value;
        break;
      case "accept":
        accept = value;
        break;
      case "accept-encoding":
        encoding = value;
        break;
      case "accept-language":
        language = value;
        break;
      case "x-aws-ec2-metadata-token":
        token = value;
        break;
      case "user-agent":
      case "connection":
        break;
      case "x-forwarded-for":
      case "forwarded":
        proxied = true;
        break;
      case "content-length":
        body ||= value !== "0";
        break;
      case "transfer-encoding":
        body = true;
        break;
      default:
        plain = false;
    }
  });
  if (host !== undefined && !rules.isOwnHost(host)) return STATUS_CODE.MisdirectedRequest;

  const pathAt = url.startsWith(SCHEME) ? url.indexOf("/", SCHEME.length) : -1;
  if (pathAt < 0) return STATUS_CODE.BadRequest;
  const authority = url.slice(SCHEME.length, pathAt);
  // Without a Host it is the name in the request line, or HTTP/2's :authority, or what the runtime puts for neither.
  if (authority !== host && !rules.isOwnHost(authority)) {
    return host === undefined ? STATUS_CODE.MisdirectedRequest : STATUS_CODE.BadRequest;
  }
  // A fragment is no part of a request, but some runtimes hand one on.
  const fragmentAt = url.indexOf("#", pathAt);
  const target = url.slice(pathAt, fragmentAt < 0 ? undefined : fragmentAt);
  if (target.length > rules.maxUrlBytes) return STATUS_CODE.URITooLong;
  if (!TARGET.test(target)) return STATUS_CODE.BadRequest;

  if (size > rules.maxHeaderBytes) return STATUS_CODE.RequestHeaderFieldsTooLarge;
  if (proxied) return STATUS_CODE.Forbidden;
  if (body) return STATUS_CODE.ContentTooLarge;

  return {
    method,
    target,
    headers,
    host,
    token,
    plainKey: plain ? `${target}\n${accept}\n${encoding}\n${language}` : undefined,
  };
}
