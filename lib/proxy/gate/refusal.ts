/**
 * Why a request is refused before anything is done about it, and with which status.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { MAX_FIELDS } from "../../http1/message.ts";

/** What the client gets, and what the log says. */
export interface Refusal {
  readonly status: number;
  /** A constant clause. */
  readonly reason: string;
}

/** The answer to each kind. */
export const REFUSALS = {
  peer: { status: STATUS_CODE.Forbidden, reason: "the client is not this machine, see --allow-client" },
  full: { status: STATUS_CODE.ServiceUnavailable, reason: "all of --max-connections are busy" },
  busy: { status: STATUS_CODE.ServiceUnavailable, reason: "--max-requests are being served" },
  inner: { status: STATUS_CODE.ServiceUnavailable, reason: "the server behind the gate gave no answer" },
  exhausted: {
    status: STATUS_CODE.ServiceUnavailable,
    reason: "this machine has no descriptor or memory left to serve it with",
  },

  // What is no proper request, by its head.
  not_http: { status: STATUS_CODE.BadRequest, reason: "it is not HTTP/1.x" },
  bad_line: { status: STATUS_CODE.BadRequest, reason: "its first line is malformed" },
  bare_lf: { status: STATUS_CODE.BadRequest, reason: "a line ends in LF alone" },
  bad_field: { status: STATUS_CODE.BadRequest, reason: "a header field is malformed" },
  bad_length: { status: STATUS_CODE.BadRequest, reason: "its length is said twice or is no number" },
  no_host: { status: STATUS_CODE.BadRequest, reason: "HTTP/1.1 without Host" },
  two_hosts: { status: STATUS_CODE.BadRequest, reason: "it has more than one Host" },
  version: { status: STATUS_CODE.HTTPVersionNotSupported, reason: "its version of HTTP is not 1.0 or 1.1" },
  method: { status: STATUS_CODE.MethodNotAllowed, reason: "the method is not GET or HEAD" },
  body: { status: STATUS_CODE.ContentTooLarge, reason: "it has a body" },
  bad_target: { status: STATUS_CODE.BadRequest, reason: "its target is neither a path nor a URL with http:" },
  long_url: { status: STATUS_CODE.URITooLong, reason: "its URL is longer than --max-url" },
  long_header: {
    status: STATUS_CODE.RequestHeaderFieldsTooLarge,
    reason: `its header is larger than --max-header, or has more than ${MAX_FIELDS} fields`,
  },

  // What is not for this program to answer.
  other_host: { status: STATUS_CODE.MisdirectedRequest, reason: "its Host is not this program, see --allow-host" },
  other_server: { status: STATUS_CODE.BadRequest, reason: "its first line names another server than its Host" },
  through_proxy: {
    status: STATUS_CODE.Forbidden,
    reason: "it says that it came through a proxy (Via, X-Forwarded-For and the like)",
  },
  from_web_page: {
    status: STATUS_CODE.Forbidden,
    reason: "it says that a web page of another site asks (Origin, Sec-Fetch-Site)",
  },
} as const satisfies Readonly<Record<string, Refusal>>;

/** The kinds of refusal. */
export type RefusalKind = keyof typeof REFUSALS;
