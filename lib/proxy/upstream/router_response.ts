/**
 * What of a router's response the client is to get.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import type { Header, RequestHead, UpstreamResponse } from "../../http1/message.ts";
import type { Deadlines } from "../../time/deadlines.ts";
import { forClient } from "../request/header_policy.ts";
import { bufferBody } from "./buffered_body.ts";
import type { BufferedBody } from "./buffered_body.ts";

/** A router's response: without what concerns this hop only, and without the body of an error. */
export interface RouterResponse {
  readonly status: number;
  /** Those that pass on to the client. */
  readonly headers: readonly Header[];
  /** Whole, if it was small and came at once; `undefined` if there is none, or it was dropped with an error status. */
  readonly body: BufferedBody | undefined;
  /** The router that gave it. */
  readonly address: string;
  /** When it was asked for, by a monotonic clock. */
  readonly askedAt: number;
}

/** Statuses without a body (RFC 9110 section 15). */
const WITHOUT_BODY: ReadonlySet<number> = new Set([
  STATUS_CODE.NoContent,
  STATUS_CODE.ResetContent,
  STATUS_CODE.NotModified,
]);

/**
 * Takes in a response.
 *
 * @throws {UpstreamError} If the body is cut short or malformed while it is taken in.
 */
export function takeResponse(
  { status, headers, body }: UpstreamResponse,
  { address, askedAt, method, deadlines }: {
    readonly address: string;
    readonly askedAt: number;
    readonly method: RequestHead["method"];
    readonly deadlines: Deadlines;
  },
): RouterResponse | Promise<RouterResponse> {
  const bodyDropped = status >= 400;
  const withBody = (body: BufferedBody | undefined): RouterResponse => ({
    status,
    headers: forClient(headers, { bodyDropped }),
    body,
    address,
    askedAt,
  });
  if (bodyDropped || method === "HEAD" || WITHOUT_BODY.has(status)) {
    body.cancel();
    return withBody(undefined);
  }
  const buffered = bufferBody(body, deadlines);
  return buffered instanceof Promise ? buffered.then(withBody) : withBody(buffered);
}
