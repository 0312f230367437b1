/**
 * From a client's request to the response: refuses, issues tokens, has it answered.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import type { ProxyConfig } from "../config/config.ts";
import { createDeadlines, SYSTEM_CLOCK, UnorderedList } from "../time/clock.ts";
import type { Clock } from "../time/clock.ts";
import type { Client } from "../http1/client.ts";
import { describeError } from "../telemetry/log.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { createAnswers, createSingleflight } from "./cache/answers.ts";
import type { WatchClient } from "./cache/answers.ts";
import { createCache } from "./cache/cache.ts";
import { createHostCheck, readClientRequest, readyKeyOf } from "./request/client_request.ts";
import type { ClientRequest, MetadataRequest } from "./request/client_request.ts";
import type { Handler } from "./gate/handler.ts";
import type { Served } from "./gate/inner.ts";
import type { ClientHead } from "./gate/request_head.ts";
import { ClientGoneError, StoppingError } from "./gate/errors.ts";
import { REFUSALS } from "./gate/refusal.ts";
import type { Refusal } from "./gate/refusal.ts";
import { createDateText } from "./gate/response.ts";
import { createReasonLog } from "../telemetry/reason_log.ts";
import { emptyResponse, headersOf } from "./server/own_response.ts";
import { createResponder, pathOf } from "./server/responder.ts";
import type { Abort } from "./server/responder.ts";
import { createForwarder } from "./upstream/forward.ts";
import { createPasswordService } from "./password_service.ts";
import type { PasswordServiceOptions } from "./password_service.ts";
import { declareProxyMetrics } from "./metrics/proxy_metrics.ts";
import { answerTokenRequest, createTokens } from "./tokens/tokens.ts";
import type { Router, Upstream } from "./upstream/upstream.ts";

/** What the proxy needs. */
export interface ProxyDependencies<R extends Router = Router> {
  readonly upstream: Upstream<R>;
  readonly client: Client;
  readonly log: Log;
  readonly metrics: Metrics;
  /** The password of what is in force, if that is a drive; none has one if not given. */
  readonly drivePasswordOf?: PasswordServiceOptions<R>["driveOf"];
  /** How many requests are being served. */
  readonly inFlight: () => number;
  /** The machine's own if not given. */
  readonly clock?: Clock;
}

/** Answers clients: what the gate need not ask for, and the rest. */
export interface Proxy extends Handler {
  handle(head: ClientHead, served: Served): Response | Promise<Response>;
  /** Has the router asked again for all that is stored. */
  expire(): void;
  /** Ends what is waited for: the program stops. */
  abort(): void;
  /** Lifts all time limits. */
  close(): void;
}

/**
 * Watching a client costs as much as a usual answer: it begins when an answer is not usual. (Deno 2.4 does not tell then
 * that a client had left before: the gate waits for `NOTICED_AFTER_MS`, which is this and two ticks of a deadline, and more.)
 */
const WATCH_CLIENT_AFTER_MS = 25;

/** Creates the proxy. */
export function createProxy<R extends Router>(
  config: ProxyConfig,
  { upstream, client, log, metrics, inFlight, drivePasswordOf = () => undefined, clock = SYSTEM_CLOCK }:
    ProxyDependencies<R>,
): Proxy {
  const { now } = clock;
  const deadlines = createDeadlines(clock);
  const requests = new UnorderedList<Abort>();
  const tokens = createTokens({ now });
  const passwords = createPasswordService({
    isEnabled: config.passwordService,
    requestTimeoutMs: config.requestTimeoutMs,
    upstream,
    client,
    driveOf: drivePasswordOf,
    deadlines,
    now,
    log,
  });
  const counts = declareProxyMetrics(metrics, inFlight);
  const rules = { ...config, isOwnHost: createHostCheck(config.listen, config.allowHosts) };
  const mayBeReady = config.cacheTtlMs > 0 && config.requireToken !== "yes";
  const noteRefusal = createReasonLog("refused a request", { log, now });
  const noteCut = createReasonLog("an answer was cut", { log, now, level: "warn" });
  const responder = createResponder({ ...config, requests, deadlines, counts, log, noteCut, clock });
  const cache = createCache(config, { now, dateText: createDateText(clock.date) });
  const answer = createAnswers(config, {
    cache,
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

  /** The gate hands in the same heads again and again. */
  const known = new WeakMap<ClientHead, ClientRequest | Refusal>();
  const read = (head: ClientHead): ClientRequest | Refusal => {
    let request = known.get(head);
    if (request === undefined) known.set(head, request = readClientRequest(head, rules));
    return request;
  };

  /** What is to be answered with metadata, or the proxy's own answer. */
  const admit = (asked: ClientRequest): MetadataRequest | Response => {
    if (asked.method === "PUT" && asked.asksPassword === undefined) {
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
    { method, startedAt, asks, served }: {
      readonly method: string;
      readonly startedAt: number;
      readonly asks: string;
      readonly served: Served;
    },
  ): Promise<Response> => {
    const response = await passwords.answer(method, { asks, watchClient: watcherOf(served) });
    return responder.respond(response, { method, path: undefined, startedAt });
  };

  const watcherOf = (served: Pick<Served, "signal">): WatchClient => (onGone) => {
    let signal: AbortSignal | undefined;
    const leave = () => onGone(new ClientGoneError("The client went away"));
    const deadline = deadlines.set(WATCH_CLIENT_AFTER_MS, () => {
      signal = served.signal;
      if (signal.aborted) leave();
      else signal.addEventListener("abort", leave);
    });
    const waiting = requests.add(onGone);
    return () => {
      waiting.cancel();
      deadline.cancel();
      signal?.removeEventListener("abort", leave);
    };
  };

  return {
    expire: cache.expire,
    abort() {
      for (const { member: abort } of requests.slots()) abort?.(new StoppingError("The program stops"));
    },
    close: deadlines.close,

    keyOf: (head) => mayBeReady ? readyKeyOf(read(head)) : undefined,

    ready(key, recipient, need) {
      const stored = cache.get(key);
      if (stored === undefined) return undefined;
      const from = stored.isFresh() ? "hit" : "stale";
      if (from === "stale" && (need === "fresh" || !stored.isUsableWhenStale())) return undefined;
      return responder.give(stored, recipient, from);
    },

    refuse(kind, { peer, head }) {
      const { status, reason } = REFUSALS[kind];
      const path = head && pathOf(head.target);
      responder.note(status, { method: head?.method, path, startedAt: now() });
      noteRefusal(reason, { status, client: peer, path });
      return { status, headers: headersOf(status) };
    },

    onCut: (target, error) => noteCut(describeError(error), { path: pathOf(target) }),

    handle(head, served) {
      const startedAt = now();
      const { method } = head;
      const asked = read(head);
      if ("reason" in asked) {
        noteRefusal(asked.reason, { status: asked.status });
        return responder.respond(emptyResponse(asked.status), { method, path: undefined, startedAt });
      }
      const admitted = admit(asked);
      if (admitted instanceof Response) {
        const { status } = admitted;
        const path = pathOf(asked.target);
        if (status >= 400) noteRefusal(TOKEN_REFUSALS[status]!, { status, path });
        return responder.respond(admitted, { method, path, startedAt });
      }
      const { asksPassword: asks } = asked;
      if (asks !== undefined) return answerPassword({ method, startedAt, asks, served });
      const response = answer(admitted, watcherOf(served));
      const context = { request: admitted, served, startedAt };
      return response instanceof Promise ? responder.passLater(response, context) : responder.pass(response, context);
    },
  };
}

/** Why a request is refused for its token, or for how it asks for one. */
const TOKEN_REFUSALS: Readonly<Record<number, string>> = {
  [STATUS_CODE.BadRequest]: "it asks for a token without a lifetime",
  [STATUS_CODE.Unauthorized]: "it has no token that is good, see --require-token",
  [STATUS_CODE.MethodNotAllowed]: "it asks for a token where there are none, or elsewhere",
};
