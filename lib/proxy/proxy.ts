/**
 * From a client's request to the response: refuses, issues tokens, has it answered, and keeps count of it until the
 * client has it all.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import type { ProxyConfig } from "../config/config.ts";
import { createAlarms } from "../http1/alarm.ts";
import type { Alarm } from "../http1/alarm.ts";
import type { Client } from "../http1/client.ts";
import type { ResponseBody } from "../http1/message.ts";
import type { Fields, Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { createAnswers } from "./answers.ts";
import type { Question, Reply, WatchClient } from "./answers.ts";
import { createCache } from "./cache.ts";
import { readClientRequest } from "./client_request.ts";
import type { ClientRequest } from "./client_request.ts";
import { createClientStream } from "./client_stream.ts";
import { createFlights } from "./flights.ts";
import { createForwarder } from "./forward.ts";
import type { Activity } from "./front.ts";
import { createHostCheck } from "./hosts.ts";
import { createPeerCheck } from "./peers.ts";
import { declareProxyMetrics } from "./proxy_metrics.ts";
import { emptyResponse, statusOf, toResponse } from "./respond.ts";
import { createTokens, parseTokenTtlSec, TOKEN_PATH, TOKEN_TTL_HEADER } from "./tokens.ts";
import { ClientGoneError } from "./upstream.ts";
import type { Router, Upstream } from "./upstream.ts";

/** What the proxy needs. */
export interface ProxyDependencies<R extends Router = Router> {
  readonly upstream: Upstream<R>;
  readonly client: Client;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Reads the addresses of this machine. */
  readonly ownAddresses: () => readonly string[];
  /** A monotonic clock, in milliseconds. */
  readonly now?: () => number;
}

/** What is known of a request besides the request. */
export type RequestInfo = Pick<Deno.ServeHandlerInfo<Deno.NetAddr>, "completed" | "remoteAddr">;

/** Answers clients. */
export interface Proxy extends Activity {
  handle(request: Request, info: RequestInfo): Response | Promise<Response>;
  /** Lifts all time limits. */
  close(): void;
}

/** A request that is being answered. */
interface Case {
  readonly question: Question;
  readonly info: RequestInfo;
  readonly startedAt: number;
}

/** Watching a client costs as much as a usual answer: it begins when an answer is not usual. */
const WATCH_CLIENT_AFTER_MS = 100;

/** Creates the proxy. */
export function createProxy<R extends Router>(
  config: ProxyConfig,
  { upstream, client, log, metrics, ownAddresses, now = () => performance.now() }: ProxyDependencies<R>,
): Proxy {
  let inFlight = 0;
  let activeAt = now();
  const waiting = new Set<(reason: unknown) => void>();
  const alarms = createAlarms(now);
  const tokens = createTokens({ now });
  const counts = declareProxyMetrics(metrics, () => inFlight);
  const rules = { ...config, isOwnHost: createHostCheck(config.listen, config.allowHosts) };
  const isOwnPeer = createPeerCheck({ allowed: config.allowClients, ownAddresses });
  let hasRefusedPeer = false;
  const answer = createAnswers(config, {
    cache: createCache(config, now),
    flights: createFlights(),
    forward: createForwarder({
      upstream,
      client,
      alarms,
      now,
      onAnswer: counts.onUpstreamAnswer,
      onError: counts.onUpstreamError,
    }),
    log,
  });

  /** Counts and logs a request whose answer is ready. */
  const account = (response: Response, startedAt: number, fields: Fields): Response => {
    const elapsedMs = now() - startedAt;
    counts.onAnswered(response.status, elapsedMs);
    log.debug("request", { ...fields, status: response.status, ms: Math.round(elapsedMs) });
    return response;
  };

  /** What is to be answered with metadata, or the proxy's own answer. */
  const admit = (asked: ClientRequest | number): Question | Response => {
    if (typeof asked === "number") return emptyResponse(asked);
    if (inFlight >= config.maxRequests) return emptyResponse(STATUS_CODE.ServiceUnavailable);
    if (asked.method === "PUT") return issueToken(asked);
    if (config.requireToken && !tokens.isValid(asked.token ?? "")) return emptyResponse(STATUS_CODE.Unauthorized);
    return asked;
  };

  const issueToken = ({ target, headers }: ClientRequest): Response => {
    if (!config.requireToken || target !== TOKEN_PATH) return emptyResponse(STATUS_CODE.MethodNotAllowed);
    const ttlSec = parseTokenTtlSec(headers.find(([name]) => name === TOKEN_TTL_HEADER)?.[1]);
    if (ttlSec === undefined) return emptyResponse(STATUS_CODE.BadRequest);
    return new Response(tokens.issue(ttlSec), {
      headers: { "content-type": "text/plain", "cache-control": "no-store", [TOKEN_TTL_HEADER]: String(ttlSec) },
    });
  };

  const watcherOf = (request: Request): WatchClient => (onGone) => {
    let signal: AbortSignal | undefined;
    const leave = () => onGone(new ClientGoneError("The client went away"));
    const alarm = alarms.set(WATCH_CLIENT_AFTER_MS, () => {
      signal = request.signal;
      if (signal.aborted) leave();
      else signal.addEventListener("abort", leave);
    });
    waiting.add(onGone);
    return () => {
      waiting.delete(onGone);
      alarm.cancel();
      signal?.removeEventListener("abort", leave);
    };
  };

  const respond = (reply: Reply, { question, info, startedAt }: Case): Response => {
    counts.onCache(reply.from);
    const body = reply.body === undefined || reply.body instanceof Uint8Array
      ? reply.body
      : streamOf(reply.body, question, info);
    const { method, target } = question;
    return account(toResponse(reply, body, question), startedAt, { method, path: pathOf(target), from: reply.from });
  };

  const settle = async (pending: Promise<Reply>, request: Case): Promise<Response> => {
    begin();
    try {
      return respond(await pending, request);
    } catch (error) {
      const { method, target } = request.question;
      const response = emptyResponse(statusOf(error));
      const fields = { method, path: pathOf(target) };
      if (!(error instanceof ClientGoneError)) {
        log.warn("request failed", { ...fields, status: response.status, error });
      }
      return account(response, request.startedAt, fields);
    } finally {
      end();
    }
  };

  /** The stream for a body. It counts as in flight until the client has it all, or takes no more of it. */
  const streamOf = (body: ResponseBody, { target }: Question, { completed }: RequestInfo) => {
    let lingering: Alarm | undefined;
    let counted = true;
    const release = () => {
      lingering?.cancel();
      if (counted) end();
      counted = false;
    };
    begin();
    // It rejects when the body was cut, and nobody may be listening by then.
    completed.catch(() => {});
    const { stream, cut } = createClientStream(body, {
      alarms,
      idleTimeoutMs: config.idleTimeoutMs,
      transferTimeoutMs: config.transferTimeoutMs,
      onEnd(error) {
        waiting.delete(cut);
        if (error === undefined) {
          // The last piece may still be on its way to a slow client.
          lingering = alarms.set(config.idleTimeoutMs, release);
          completed.then(release, release);
          return;
        }
        release();
        const path = pathOf(target);
        if (error instanceof ClientGoneError) log.debug("a client went away within its answer", { path });
        else log.warn("an answer was cut", { path, error });
      },
    });
    waiting.add(cut);
    return stream;
  };

  const refusePeer = ({ remoteAddr }: RequestInfo): number => {
    if (!hasRefusedPeer) log.warn("refused a client that is not this machine", { client: remoteAddr.hostname });
    hasRefusedPeer = true;
    return STATUS_CODE.Forbidden;
  };

  const begin = () => {
    inFlight++;
  };
  const end = () => {
    inFlight--;
    activeAt = now();
  };

  return {
    get inFlight() {
      return inFlight;
    },
    get activeAt() {
      return activeAt;
    },
    giveUp() {
      for (const end of [...waiting]) end(new ClientGoneError("The proxy stops"));
    },
    close: alarms.close,

    handle(request, info) {
      const startedAt = activeAt = now();
      const asked = isOwnPeer(info.remoteAddr.hostname) ? readClientRequest(request, rules) : refusePeer(info);
      const question = admit(asked);
      if (question instanceof Response) {
        const path = typeof asked === "number" ? undefined : pathOf(asked.target);
        return account(question, startedAt, { method: request.method, path });
      }
      const reply = answer(question, watcherOf(request));
      return reply instanceof Promise
        ? settle(reply, { question, info, startedAt })
        : respond(reply, { question, info, startedAt });
    },
  };
}

/** The part of a target that may be logged: a query can hold secrets. */
function pathOf(target: string): string {
  const queryAt = target.indexOf("?");
  return queryAt < 0 ? target : target.slice(0, queryAt);
}
