/**
 * Makes the runtime's responses. Those of the proxy's own have no body, ever: bosh-agent installs the body of an error
 * as the login user's SSH key.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { UpstreamError } from "../../http1/error.ts";
import type { Header, RequestHead } from "../../http1/message.ts";
import type { MetadataResponse } from "../cache/answers.ts";
import { CARRIER, carry } from "../gate/inner_head.ts";
import { localLocation } from "../request/header_policy.ts";
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

/**
 * The runtime's response that passes metadata on.
 *
 * @param body the metadata, as a stream where it is not in hand
 * @param options.host the Host under which the client knows this proxy, if it said so
 */
export function toResponse(
  { status, headers, address }: Pick<MetadataResponse, "status" | "headers" | "address">,
  body: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>> | undefined,
  { method, host }: { readonly method: RequestHead["method"]; readonly host: string | undefined },
): Response {
  // The runtime would say that a HEAD whose length the router left out is about nothing.
  const isUnsaid = method === "HEAD" && status < 300 && !headers.some(([name]) => name === "content-length");
  const response = new Response(body ?? (isUnsaid ? endedStream() : null), { status });
  const carried: Header[] = [];
  for (const field of headers) {
    const [name, value] = field;
    // The runtime frames a body by it; of one that is only spoken of it would say its own.
    if (name === "content-length" && method !== "HEAD") response.headers.append(name, value);
    else if (name !== "location" || address === undefined) carried.push(field);
    else carried.push([name, localLocation(value, { address, host })]);
  }
  response.headers.append(CARRIER, carry(carried));
  return response;
}

function endedStream(): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({ start: (controller) => controller.close() });
}
