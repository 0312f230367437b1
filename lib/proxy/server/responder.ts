/**
 * Hands answers to clients, and keeps account of each until the client has it all.
 *
 * @module
 */

import type { Timer } from "../../time/clock.ts";
import type { Deadlines } from "../../time/deadlines.ts";
import type { ResponseBody } from "../../http1/message.ts";
import type { Log } from "../../telemetry/log.ts";
import type { Question, Reply } from "../cache/answers.ts";
import { createClientStream } from "./client_stream.ts";
import type { CacheOutcome, ProxyMetrics } from "../proxy_metrics.ts";
import { emptyResponse, statusOf, toResponse } from "./respond.ts";
import type { Traffic } from "./in_flight.ts";
import { ClientGoneError } from "../upstream/upstream.ts";

/** What is known of a request besides the request. */
export type RequestInfo = Pick<Deno.ServeHandlerInfo<Deno.NetAddr>, "completed" | "remoteAddr">;

/** A request that is being answered. */
export interface Pending {
  readonly question: Question;
  readonly info: RequestInfo;
  readonly startedAt: number;
}

/** What is noted of an answer, besides what it shows. */
export interface Account {
  readonly startedAt: number;
  readonly method: string;
  /** The part of the target that may be logged. */
  readonly path: string | undefined;
  readonly from?: CacheOutcome;
}

/** Hands answers to clients. */
export interface Delivery {
  /** Hands over a response of the proxy's own. */
  deliver(response: Response, account: Account): Response;
  /** Hands over a reply. */
  reply(reply: Reply, request: Pending): Response;
  /** Hands over a reply when it is there, or the status that says why there is none. */
  replyLater(reply: Promise<Reply>, request: Pending): Promise<Response>;
}

/** What delivery needs. */
export interface DeliveryOptions {
  readonly idleTimeoutMs: number;
  readonly transferTimeoutMs: number;
  readonly traffic: Traffic;
  readonly deadlines: Deadlines;
  readonly counts: ProxyMetrics;
  readonly log: Log;
  readonly now: () => number;
}

/** Creates the delivery. */
export function createDelivery(
  { idleTimeoutMs, transferTimeoutMs, traffic, deadlines, counts, log, now }: DeliveryOptions,
): Delivery {
  const account = (response: Response, { startedAt, method, path, from }: Account): Response => {
    const { status } = response;
    const elapsedMs = now() - startedAt;
    counts.onAnswered(status, elapsedMs);
    log.debug("request", { method, path, from, status, ms: Math.round(elapsedMs) });
    return response;
  };

  /** The stream for a body. It counts as in flight until the client has it all, or takes no more of it. */
  const streamOf = (body: ResponseBody, { question, info: { completed } }: Pending) => {
    let lingering: Timer | undefined;
    let counted = true;
    const release = () => {
      lingering?.cancel();
      if (counted) traffic.end();
      counted = false;
    };
    traffic.begin();
    // It rejects when the body was cut, and nobody may be listening by then.
    completed.catch(() => {});
    const { stream, cut } = createClientStream(body, {
      deadlines,
      idleTimeoutMs,
      transferTimeoutMs,
      onEnd(error) {
        underWay.cancel();
        if (error === undefined) {
          // The last piece may still be on its way to a slow client.
          lingering = deadlines.set(idleTimeoutMs, release);
          completed.then(release, release);
          return;
        }
        release();
        const path = pathOf(question.target);
        if (error instanceof ClientGoneError) log.debug("a client went away within its answer", { path });
        else log.warn("an answer was cut", { path, error });
      },
    });
    const underWay = traffic.add(cut);
    return stream;
  };

  const reply = (reply: Reply, request: Pending): Response => {
    const { question, startedAt } = request;
    const { body, from } = reply;
    counts.onCache(from);
    const carried = body === undefined || body instanceof Uint8Array ? body : streamOf(body, request);
    const response = toResponse(reply, carried, question);
    return account(response, { startedAt, method: question.method, path: pathOf(question.target), from });
  };

  return {
    deliver: account,
    reply,

    async replyLater(pending, request) {
      traffic.begin();
      try {
        return reply(await pending, request);
      } catch (error) {
        const { question: { method, target }, startedAt } = request;
        const response = emptyResponse(statusOf(error));
        const path = pathOf(target);
        if (!(error instanceof ClientGoneError)) {
          log.warn("request failed", { method, path, status: response.status, error });
        }
        return account(response, { startedAt, method, path });
      } finally {
        traffic.end();
      }
    },
  };
}

/** The part of a target that may be logged: a query can hold secrets. */
export function pathOf(target: string): string {
  const queryAt = target.indexOf("?");
  return queryAt < 0 ? target : target.slice(0, queryAt);
}
