/**
 * Makes responses of answers, and an access-log entry of each.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import type { Deadlines, UnorderedList } from "../../time/deadlines.ts";
import type { ResponseBody } from "../../http1/message.ts";
import type { Log } from "../../telemetry/log.ts";
import type { MetadataResponse } from "../cache/answers.ts";
import { ClientGoneError, ClientTimeoutError } from "../gate/errors.ts";
import type { MetadataRequest } from "../request/client_request.ts";
import type { CacheOutcome, ProxyMetrics } from "../metrics/proxy_metrics.ts";
import { createClientStream } from "./client_stream.ts";
import { createReasonLog } from "./reason_log.ts";
import type { NoteReason } from "./reason_log.ts";
import { emptyResponse, statusOf, toResponse } from "./response.ts";

/** What is known of a request besides the request. */
export type RequestInfo = Pick<Deno.ServeHandlerInfo<Deno.Addr>, "completed">;

/** Ends something that is waited for. */
export type Abort = (reason: unknown) => void;

/** A request that is being answered. */
export interface RequestContext {
  readonly request: MetadataRequest;
  readonly info: RequestInfo;
  readonly startedAt: number;
}

/** What is noted of an answer, besides its status. */
export interface AccessLogEntry {
  readonly startedAt: number;
  readonly method: string;
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
  /** Notes that a client did not take its answer. */
  readonly noteCut: NoteReason;
  readonly now: () => number;
}

/** Creates a responder. */
export function createResponder(
  { idleTimeoutMs, transferTimeoutMs, requests, deadlines, counts, log, noteCut, now }: ResponderOptions,
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

  const noteError = createReasonLog("the router answered with an error", { log, now });
  /** A key that is missing is nothing to speak of; that the router does not know this machine, or breaks, is. */
  const noteFromRouter = ({ status, address }: MetadataResponse, { target }: MetadataRequest) => {
    if (address === undefined || (status !== STATUS_CODE.Forbidden && status < 500)) return;
    noteError(`status ${status}`, { router: address, path: pathOf(target) });
  };

  const streamOf = (body: ResponseBody, { request, info: { completed } }: RequestContext) => {
    // It rejects when the body was cut, and nobody may be listening by then.
    completed.catch(() => {});
    const { stream, cut } = createClientStream(body, {
      deadlines,
      idleTimeoutMs,
      transferTimeoutMs,
      onEnd(error) {
        underWay.cancel();
        if (error === undefined) return;
        const path = pathOf(request.target);
        if (error instanceof ClientGoneError) log.debug("a client went away within its answer", { path });
        else if (error instanceof ClientTimeoutError) noteCut(error.message, { path });
        else log.warn("an answer was cut", { path, error });
      },
    });
    const underWay = requests.add(cut);
    return stream;
  };

  const pass = (metadata: MetadataResponse, context: RequestContext): Response => {
    const { request, startedAt } = context;
    const { body, from } = metadata;
    counts.onCache(from);
    noteFromRouter(metadata, request);
    const carried = body === undefined || body instanceof Uint8Array ? body : streamOf(body, context);
    const response = toResponse(metadata, carried, request);
    return respond(response, { startedAt, method: request.method, path: pathOf(request.target), from });
  };

  return {
    note,
    respond,
    pass,

    async passLater(pending, context) {
      try {
        return pass(await pending, context);
      } catch (error) {
        const { request: { method, target }, startedAt } = context;
        const response = emptyResponse(statusOf(error));
        const path = pathOf(target);
        if (!(error instanceof ClientGoneError)) {
          log.warn("request failed", { method, path, status: response.status, error });
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
