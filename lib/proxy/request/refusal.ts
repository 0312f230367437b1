/**
 * Why a request is refused by what it says, and with which status.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";

/** Why a request is refused. */
export type RequestRefusalKind =
  | "method"
  | "other_host"
  | "other_server"
  | "bad_target"
  | "long_url"
  | "through_proxy"
  | "from_web_page";

/** What the client gets, and what the log says. */
export interface RequestRefusal {
  readonly kind: RequestRefusalKind;
  readonly status: number;
  /** A constant clause about the request. */
  readonly reason: string;
}

/** The answer to each kind. */
export const REQUEST_REFUSALS: Readonly<Record<RequestRefusalKind, Omit<RequestRefusal, "kind">>> = {
  method: { status: STATUS_CODE.MethodNotAllowed, reason: "the method is not GET or HEAD" },
  other_host: { status: STATUS_CODE.MisdirectedRequest, reason: "its Host is not this program, see --allow-host" },
  other_server: { status: STATUS_CODE.BadRequest, reason: "its first line names another server than its Host" },
  bad_target: { status: STATUS_CODE.BadRequest, reason: "its target is neither a path nor a URL with http:" },
  long_url: { status: STATUS_CODE.URITooLong, reason: "its URL is longer than --max-url" },
  through_proxy: {
    status: STATUS_CODE.Forbidden,
    reason: "it says that it came through a proxy (Via, X-Forwarded-For and the like)",
  },
  from_web_page: {
    status: STATUS_CODE.Forbidden,
    reason: "it says that a web page of another site asks (Origin, Sec-Fetch-Site)",
  },
};

/** Makes the refusal of a kind. */
export function refuse(kind: RequestRefusalKind): RequestRefusal {
  return { kind, ...REQUEST_REFUSALS[kind] };
}
