/**
 * The responses of the proxy's own, and which one a failure becomes. They have no body, ever: bosh-agent installs the body of an
 * error as the login user's SSH key.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { UpstreamError } from "../../http1/error.ts";
import type { Log } from "../../telemetry/log.ts";
import { ClientGoneError, StoppingError } from "../gate/errors.ts";
import { statusOfFailure } from "../upstream/policy.ts";
import { NoRouterError } from "../upstream/upstream.ts";

/** nginx's number for a client that went away before its answer; nobody sees it but the log and the metrics. */
const CLIENT_GONE = 499;

const HEADERS_BY_STATUS: Readonly<Record<number, [string, string][]>> = {
  [STATUS_CODE.MethodNotAllowed]: [["allow", "GET, HEAD"]],
  [STATUS_CODE.ServiceUnavailable]: [["retry-after", "1"]],
};

/** Refusals, after which a connection is not kept: whoever is refused may send anything next. */
const LAST: ReadonlySet<number> = new Set([
  STATUS_CODE.BadRequest,
  STATUS_CODE.Forbidden,
  STATUS_CODE.MethodNotAllowed,
  STATUS_CODE.ContentTooLarge,
  STATUS_CODE.URITooLong,
  STATUS_CODE.MisdirectedRequest,
  STATUS_CODE.RequestHeaderFieldsTooLarge,
]);

/** The fields of a response of the proxy's own. */
export function headersOf(status: number): [string, string][] {
  return HEADERS_BY_STATUS[status] ?? [];
}

/** A response of the proxy's own, without a body. */
export function emptyResponse(status: number): Response {
  const headers = headersOf(status);
  return new Response(null, { status, headers: LAST.has(status) ? [...headers, ["connection", "close"]] : headers });
}

/** The status for a request that could not be answered. */
export function statusOf(error: unknown): number {
  if (error instanceof NoRouterError || error instanceof StoppingError) return STATUS_CODE.ServiceUnavailable;
  if (error instanceof ClientGoneError) return CLIENT_GONE;
  if (!(error instanceof UpstreamError)) return STATUS_CODE.InternalServerError;
  return statusOfFailure(error.kind);
}

/** The kind of why a request could not be answered. */
export function kindOfFailure(error: unknown): string {
  return error instanceof Error && "kind" in error ? String(error.kind) : "unexpected";
}

/** Creates what is told of errors that a handler lets out, and of bodies that were cut. */
export function createErrorResponder(log: Log): (error: unknown) => Response {
  return (error) => {
    // Errors with a kind are expected, and logged where they arise.
    if (!(error instanceof Error && "kind" in error)) log.error("cannot serve a request", { error });
    return emptyResponse(500);
  };
}
