/**
 * Makes the runtime's responses of answers, gives those that are stored in bytes, and writes an access-log entry of each.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import type { Clock, Deadlines, UnorderedList } from "../../time/clock.ts";
import type { Header, RequestHead, ResponseBody } from "../../http1/message.ts";
import { describeError } from "../../telemetry/log.ts";
import type { Log } from "../../telemetry/log.ts";
import type { MetadataResponse } from "../cache/answers.ts";
import type { StoredResponse } from "../cache/cache.ts";
import type { ReadyRecipient } from "../gate/handler.ts";
import type { Served } from "../gate/inner.ts";
import { encodeResponse } from "../gate/response.ts";
import type { EncodedResponse } from "../gate/response.ts";
import { ClientGoneError } from "../gate/errors.ts";
import type { MetadataRequest } from "../request/client_request.ts";
import type { CacheOutcome, ProxyMetrics } from "../metrics/proxy_metrics.ts";
import { createClientStream } from "./client_stream.ts";
import { createReasonLog } from "../../telemetry/reason_log.ts";
import type { NoteReason } from "../../telemetry/reason_log.ts";
import { localLocation } from "../request/header_policy.ts";
import { isWithoutBody } from "../upstream/attempt.ts";
import { emptyResponse, kindOfFailure, statusOf } from "./own_response.ts";

/** Ends something that is waited for. */
export type Abort = (reason: unknown) => void;

/** A request that is being answered. */
export interface RequestContext {
  readonly request: MetadataRequest;
  readonly served: Pick<Served, "pass">;
  readonly startedAt: number;
}

/** What is noted of an answer, besides its status. */
export interface AccessLogEntry {
  readonly startedAt: number;
  readonly method: string | undefined;
  /** The part of the target that may be logged. */
  readonly path: string | undefined;
  readonly from?: CacheOutcome;
}

/** Makes responses. */
export interface Responder {
  /** Notes an answer of any kind. */
  note(status: number, entry: AccessLogEntry): void;
  /** Notes a response of the proxy's own. */
  respond(response: Response, entry: AccessLogEntry): Response;
  /** Gives what is stored, in bytes that are ready. */
  give(stored: StoredResponse, recipient: ReadyRecipient, from: "hit" | "stale"): EncodedResponse;
  /** Makes the response of an answer. */
  pass(response: MetadataResponse, context: RequestContext): Response;
  /** Makes the response of an answer when it is there, or of the status that says why there is none. */
  passLater(response: Promise<MetadataResponse>, context: RequestContext): Promise<Response>;
}

/** What a responder needs. */
export interface ResponderOptions {
  readonly idleTimeoutMs: number;
  readonly transferTimeoutMs: number;
  /** What is waited for inside. */
  readonly requests: UnorderedList<Abort>;
  readonly deadlines: Deadlines;
  readonly counts: ProxyMetrics;
  readonly log: Log;
  /** Notes that an answer did not reach its client as a whole. */
  readonly noteCut: NoteReason;
  readonly clock: Pick<Clock, "now">;
}

/** Creates a responder. */
export function createResponder(
  { idleTimeoutMs, transferTimeoutMs, requests, deadlines, counts, log, noteCut, clock: { now } }: ResponderOptions,
): Responder {
  const note = (status: number, { startedAt, method, path, from }: AccessLogEntry) => {
    const elapsedMs = now() - startedAt;
    counts.onAnswered(status, elapsedMs);
    log.debug("request", { method, path, from, status, ms: Math.round(elapsedMs) });
  };
  const respond = (response: Response, entry: AccessLogEntry): Response => {
    note(response.status, entry);
    return response;
  };

  const noteFailure = createReasonLog("request failed", { log, now, level: "warn" });
  const noteError = createReasonLog("the router answered with an error", { log, now });
  /** A key that is missing is nothing to speak of; that the router does not know this machine, or breaks, is. */
  const noteFromRouter = ({ status, address }: MetadataResponse, { target }: MetadataRequest) => {
    if (address === undefined || (status !== STATUS_CODE.Forbidden && status < 500)) return;
    noteError(`status ${status}`, { router: address, path: pathOf(target) });
  };

  const streamOf = (body: ResponseBody, { request }: RequestContext) => {
    const { stream, cut } = createClientStream(body, {
      deadlines,
      idleTimeoutMs,
      transferTimeoutMs,
      onEnd(error) {
        underWay.cancel();
        if (error === undefined) return;
        const path = pathOf(request.target);
        if (error instanceof ClientGoneError) log.debug("a client went away within its answer", { path });
        else noteCut(describeError(error), { path });
      },
    });
    const underWay = requests.add(cut);
    return stream;
  };

  // A stored answer makes its fields once for each second of its age: the bytes that they became are good as long.
  const usual = new WeakMap<readonly Header[], EncodedResponse>();

  const encode = (stored: StoredResponse, recipient: ReadyRecipient): EncodedResponse => {
    const headers = stored.headers();
    const isUsual = recipient.persistent && recipient.minor === 1 && recipient.method === "GET";
    const known = isUsual ? usual.get(headers) : undefined;
    if (known !== undefined) return known;
    const encoded = encodeResponse({ status: STATUS_CODE.OK, headers, body: stored.body }, recipient);
    if (isUsual) usual.set(headers, encoded);
    return encoded;
  };

  const pass = (metadata: MetadataResponse, context: RequestContext): Response => {
    const { request, served, startedAt } = context;
    const { body, from } = metadata;
    counts.onCache(from);
    noteFromRouter(metadata, request);
    const content = body === undefined || body instanceof Uint8Array ? body : streamOf(body, context);
    const response = toResponse(metadata, content, request);
    served.pass(fieldsFor(metadata, request));
    return respond(response, { startedAt, method: request.method, path: pathOf(request.target), from });
  };

  return {
    note,
    respond,
    pass,

    give(stored, recipient, from) {
      const encoded = encode(stored, recipient);
      const { method, target, startedAt } = recipient;
      counts.onCache(from);
      note(STATUS_CODE.OK, { method, path: pathOf(target), from, startedAt });
      return encoded;
    },

    async passLater(pending, context) {
      try {
        return pass(await pending, context);
      } catch (error) {
        const { request: { method, target }, startedAt } = context;
        const response = emptyResponse(statusOf(error));
        const path = pathOf(target);
        if (!(error instanceof ClientGoneError)) {
          noteFailure(kindOfFailure(error), { method, path, status: response.status, error });
        }
        return respond(response, { startedAt, method, path });
      }
    },
  };
}

/** The part of a target that may be logged: a query can hold secrets. */
export function pathOf(target: string): string {
  return target.split("?", 1)[0]!;
}

/**
 * The fields of an answer as they pass to a client.
 *
 * @param request.host the Host under which the client knows this proxy, if it said so
 */
export function fieldsFor(
  { headers, address, body }: Pick<MetadataResponse, "headers" | "address" | "body">,
  { method, host }: { readonly method: RequestHead["method"]; readonly host: string | undefined },
): readonly Header[] {
  // What is in hand the runtime counts anyway, and where there is only a head it errs.
  const isFramed = method !== "HEAD" && !(body instanceof Uint8Array);
  const fields: Header[] = [];
  for (const field of headers) {
    const [name, value] = field;
    if (name === "location" && address !== undefined) fields.push([name, localLocation(value, { address, host })]);
    else if (name !== "content-length" || !isFramed) fields.push(field);
  }
  return fields;
}

/**
 * The runtime's response that passes metadata on, without their fields but for what frames them.
 *
 * @param body the metadata, as a stream where it is not in hand
 */
export function toResponse(
  { status, headers }: Pick<MetadataResponse, "status" | "headers">,
  body: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>> | undefined,
  { method }: { readonly method: RequestHead["method"] },
): Response {
  const length = headers.find(([name]) => name === "content-length")?.[1];
  if (body instanceof ReadableStream && length !== undefined) {
    return new Response(body, { status, headers: { "content-length": length } });
  }
  // To a HEAD whose length the router left out the runtime would add that it is 0.
  const isUnsaid = method === "HEAD" && status < 300 && length === undefined && !isWithoutBody(status);
  return new Response(body ?? (isUnsaid ? endedStream() : null), { status });
}

function endedStream(): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({ start: (controller) => controller.close() });
}
