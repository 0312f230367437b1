/**
 * What of a router's response the client is to get.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import type { Deadlines } from "../../time/deadlines.ts";
import type { Header, RequestHead, UpstreamResponse } from "../../http1/message.ts";
import { collect } from "./buffered_body.ts";
import type { Collected } from "./buffered_body.ts";
import { forClient } from "../request/header_policy.ts";
import type { Router } from "./upstream.ts";

/** A router's answer. */
export interface Answer {
  readonly status: number;
  /** Those that pass on to the client. */
  readonly headers: readonly Header[];
  /** Whole, if it was small and came at once; `undefined` if there is none, or it was dropped with an error status. */
  readonly body: Collected | undefined;
  /** The router that gave it. */
  readonly address: string;
}

/** Statuses without a body (RFC 9110 section 15). */
const WITHOUT_BODY: ReadonlySet<number> = new Set([
  STATUS_CODE.NoContent,
  STATUS_CODE.ResetContent,
  STATUS_CODE.NotModified,
]);

/**
 * Makes an answer of a response: without what concerns this hop only, and without the body of an error.
 *
 * @throws {UpstreamError} If the body is cut short or malformed while it is taken in.
 */
export function toAnswer(
  { status, headers, body }: UpstreamResponse,
  { router, method, deadlines }: {
    readonly router: Router;
    readonly method: RequestHead["method"];
    readonly deadlines: Deadlines;
  },
): Answer | Promise<Answer> {
  const bodyDropped = status >= 400;
  const withBody = (collected: Collected | undefined): Answer => ({
    status,
    headers: forClient(headers, { bodyDropped }),
    body: collected,
    address: router.address,
  });
  if (bodyDropped || method === "HEAD" || WITHOUT_BODY.has(status)) {
    body.cancel();
    return withBody(undefined);
  }
  const collected = collect(body, deadlines);
  return collected instanceof Promise ? collected.then(withBody) : withBody(collected);
}
