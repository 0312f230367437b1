/**
 * Why a request is refused before anything is done about it, and with which status.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { MAX_FIELDS } from "../../http1/message.ts";
import { REQUEST_REFUSALS } from "../request/refusal.ts";

/** The kinds of refusal that the gate itself knows. */
export type RefusalKind =
  | "peer"
  | "full"
  | "busy"
  | "inner"
  | "exhausted"
  | "not_http"
  | "bad_line"
  | "bad_target"
  | "bare_lf"
  | "bad_field"
  | "bad_length"
  | "no_host"
  | "two_hosts"
  | "version"
  | "method"
  | "body"
  | "long_url"
  | "long_header";

/** What the client gets, and what the log says. */
export interface Refusal {
  readonly status: number;
  /** A constant clause. */
  readonly reason: string;
}

/** The answer to each kind. */
export const REFUSALS: Readonly<Record<RefusalKind, Refusal>> = {
  peer: { status: STATUS_CODE.Forbidden, reason: "the client is not this machine, see --allow-client" },
  full: { status: STATUS_CODE.ServiceUnavailable, reason: "all of --max-connections are busy" },
  busy: { status: STATUS_CODE.ServiceUnavailable, reason: "--max-requests are being served" },
  inner: { status: STATUS_CODE.ServiceUnavailable, reason: "the server behind the gate gave no answer" },
  exhausted: {
    status: STATUS_CODE.ServiceUnavailable,
    reason: "this machine has no descriptor or memory left to serve it with",
  },
  not_http: { status: STATUS_CODE.BadRequest, reason: "it is not HTTP/1.x" },
  bad_line: { status: STATUS_CODE.BadRequest, reason: "its first line is malformed" },
  bare_lf: { status: STATUS_CODE.BadRequest, reason: "a line ends in LF alone" },
  bad_field: { status: STATUS_CODE.BadRequest, reason: "a header field is malformed" },
  bad_length: { status: STATUS_CODE.BadRequest, reason: "its length is said twice or is no number" },
  no_host: { status: STATUS_CODE.BadRequest, reason: "HTTP/1.1 without Host" },
  two_hosts: { status: STATUS_CODE.BadRequest, reason: "it has more than one Host" },
  version: { status: STATUS_CODE.HTTPVersionNotSupported, reason: "its version of HTTP is not 1.0 or 1.1" },
  method: REQUEST_REFUSALS.method,
  body: { status: STATUS_CODE.ContentTooLarge, reason: "it has a body" },
  bad_target: REQUEST_REFUSALS.bad_target,
  long_url: REQUEST_REFUSALS.long_url,
  long_header: {
    status: STATUS_CODE.RequestHeaderFieldsTooLarge,
    reason: `its header is larger than --max-header, or has more than ${MAX_FIELDS} fields`,
  },
};
