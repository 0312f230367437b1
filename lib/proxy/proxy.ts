/**
 * From a client's request to the response: refuses, issues tokens, has it answered.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import type { ProxyConfig } from "../config/config.ts";
import { SYSTEM_CLOCK } from "../time/clock.ts";
import type { Clock } from "../time/clock.ts";
import { createDeadlines } from "../time/deadlines.ts";
import type { Client } from "../http1/client.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { createAnswers } from "./cache/answers.ts";
import type { Question, WatchClient } from "./cache/answers.ts";
import { createCache } from "./cache/cache.ts";
import { readClientRequest } from "./request/client_request.ts";
import type { ClientRequest } from "./request/client_request.ts";
import { createDelivery, pathOf } from "./server/responder.ts";
import type { RequestInfo } from "./server/responder.ts";
import { createSingleflight } from "./cache/singleflight.ts";
import { createForwarder } from "./upstream/forward.ts";
import type { Activity } from "./server/front.ts";
import { createHostCheck } from "./request/hosts.ts";
import { createPeerCheck } from "./gate/peers.ts";
import { createPasswordService, readPasswordRequest } from "./password_service.ts";
import type { PasswordServiceOptions } from "./password_service.ts";
import { declareProxyMetrics } from "./proxy_metrics.ts";
import { emptyResponse } from "./server/respond.ts";
import { answerTokenRequest, createTokens } from "./tokens/tokens.ts";
import { Traffic } from "./server/in_flight.ts";
import { ClientGoneError } from "./upstream/upstream.ts";
import type { Router, Upstream } from "./upstream/upstream.ts";

/** What the proxy needs. */
export interface ProxyDependencies<R extends Router = Router> {
  readonly upstream: Upstream<R>;
  readonly client: Client;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Reads the addresses of this machine. */
  readonly ownAddresses: () => readonly string[];
  /** The password of what is in force, if that is a drive; none has one if not given. */
  readonly drivePasswordOf?: PasswordServiceOptions<R>["driveOf"];
  /** The machine's own if not given. */
  readonly clock?: Clock;
}

/** Answers clients. */
export interface Proxy {
  /** What it is doing. */
  readonly activity: Activity;
  handle(request: Request, info: RequestInfo): Response | Promise<Response>;
  /** Lifts all time limits. */
  close(): void;
}

/**
 * Watching a client costs as much as a usual answer: it begins when an answer is not usual. (Deno 2.4 does not tell then
 * that a client had left before; the answer is waited for in vain, up to its deadline.)
 */
const WATCH_CLIENT_AFTER_MS = 100;

/** Creates the proxy. */
export function createProxy<R extends Router>(
  config: ProxyConfig,
  { upstream, client, log, metrics, ownAddresses, drivePasswordOf = () => undefined, clock = SYSTEM_CLOCK }:
    ProxyDependencies<R>,
): Proxy {
  const { now } = clock;
  const deadlines = createDeadlines(clock);
  const traffic = new Traffic(now);
  const tokens = createTokens({ now });
  const passwords = createPasswordService({
    isEnabled: config.passwordService,
    requestTimeoutMs: config.requestTimeoutMs,
    upstream,
    client,
    driveOf: drivePasswordOf,
    deadlines,
    log,
  });
  const counts = declareProxyMetrics(metrics, () => traffic.inFlight);
  const rules = { ...config, isOwnHost: createHostCheck(config.listen, config.allowHosts) };
  const isOwnPeer = createPeerCheck({ allowed: config.allowClients, ownAddresses });
  let hasRefusedPeer = false;
  const delivery = createDelivery({ ...config, traffic, deadlines, counts, log, now });
  const answer = createAnswers(config, {
    cache: createCache(config, now),
    singleflight: createSingleflight(),
    forward: createForwarder({
      upstream,
      client,
      deadlines,
      now,
      onAnswer: counts.onUpstreamAnswer,
      onError: counts.onUpstreamError,
    }),
    log,
  });

  /** Reads a request, or says with which status to refuse it. */
  const read = (request: Request, { remoteAddr }: RequestInfo): ClientRequest | number => {
    if (isOwnPeer(remoteAddr.hostname)) {
      const asked = readClientRequest(request, rules);
      return "kind" in asked ? asked.status : asked;
    }
    if (!hasRefusedPeer) log.warn("refused a client that is not this machine", { client: remoteAddr.hostname });
    hasRefusedPeer = true;
    return STATUS_CODE.Forbidden;
  };

  /** What is to be answered with metadata, or the proxy's own answer. */
  const admit = (asked: ClientRequest | number): Question | Response => {
    if (typeof asked === "number") return emptyResponse(asked);
    if (traffic.inFlight >= config.maxRequests) return emptyResponse(STATUS_CODE.ServiceUnavailable);
    if (asked.method === "PUT" && readPasswordRequest(asked.headers) === undefined) {
      if (config.requireToken === "no") return emptyResponse(STATUS_CODE.MethodNotAllowed);
      const issued = answerTokenRequest(asked, tokens);
      return typeof issued === "number" ? emptyResponse(issued) : issued;
    }
    if (!isAuthorized(asked.token)) return emptyResponse(STATUS_CODE.Unauthorized);
    return asked.method === "PUT" ? emptyResponse(STATUS_CODE.MethodNotAllowed) : asked;
  };

  /** Whoever shows a token must show a good one, also where none is needed: then a client learns that its own is old. */
  const isAuthorized = (token: string | undefined): boolean => {
    if (config.requireToken === "no") return true;
    return token === undefined ? config.requireToken === "optional" : tokens.isValid(token);
  };

  const answerPassword = async (
    { method, startedAt, asks }: { readonly method: string; readonly startedAt: number; readonly asks: string },
  ): Promise<Response> => {
    traffic.begin();
    try {
      return delivery.deliver(await passwords.answer(method, { asks }), { method, path: undefined, startedAt });
    } finally {
      traffic.end();
    }
  };

  const watcherOf = (request: Request): WatchClient => (onGone) => {
    let signal: AbortSignal | undefined;
    const leave = () => onGone(new ClientGoneError("The client went away"));
    const deadline = deadlines.set(WATCH_CLIENT_AFTER_MS, () => {
      signal = request.signal;
      if (signal.aborted) leave();
      else signal.addEventListener("abort", leave);
    });
    const waiting = traffic.add(onGone);
    return () => {
      waiting.cancel();
      deadline.cancel();
      signal?.removeEventListener("abort", leave);
    };
  };

  return {
    activity: traffic,
    close: deadlines.close,

    handle(request, info) {
      const startedAt = now();
      traffic.touch(startedAt);
      const asked = read(request, info);
      const asks = typeof asked === "number" ? undefined : readPasswordRequest(asked.headers);
      const question = admit(asked);
      if (question instanceof Response) {
        const path = typeof asked === "number" ? undefined : pathOf(asked.target);
        return delivery.deliver(question, { method: request.method, path, startedAt });
      }
      if (asks !== undefined) return answerPassword({ method: request.method, startedAt, asks });
      const reply = answer(question, watcherOf(request));
      const pending = { question, info, startedAt };
      return reply instanceof Promise ? delivery.replyLater(reply, pending) : delivery.reply(reply, pending);
    },
  };
}
