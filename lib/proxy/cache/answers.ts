/**
 * Decides where an answer comes from: the cache, another request's errand, the router, or, while no router can be
 * reached, the last good copy.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import type { Header, RequestHead } from "../../http1/message.ts";
import type { Log } from "../../telemetry/log.ts";
import type { Cache, KeptAnswer } from "./cache.ts";
import { isCacheable } from "./cache.ts";
import type { RequestBy } from "../request/client_request.ts";
import type { Flights } from "./singleflight.ts";
import type { Errand, ForwardLimits } from "../upstream/forward.ts";
import { forRouter } from "../request/header_policy.ts";
import type { CacheOutcome } from "../proxy_metrics.ts";
import type { Answer } from "../upstream/to_answer.ts";
import { isAway } from "../upstream/upstream.ts";

/** An answer, and where it came from. */
export interface Reply extends Pick<Answer, "status" | "body"> {
  readonly headers: readonly Header[];
  /** The router that gave it, if it was given now. */
  readonly address: string | undefined;
  readonly from: CacheOutcome;
}

/** A request to be answered with metadata. */
export type Question = RequestBy<RequestHead["method"]>;

/** Calls back if the client goes away; the result ends the watch. */
export type WatchClient = (onGone: (reason: unknown) => void) => () => void;

/** What answering needs. */
export interface AnswerDependencies {
  readonly cache: Cache;
  readonly flights: Flights;
  readonly forward: (head: RequestHead, limits: ForwardLimits) => Errand;
  readonly log: Log;
}

/** The limits of answering. */
export interface AnswerLimits {
  readonly requestTimeoutMs: number;
  /** 0 turns off the sharing of errands too: then each request reaches the router. */
  readonly cacheTtlMs: number;
}

/** How long a search for the router may delay an answer that could be given from an old copy. */
const STALE_PATIENCE_MS = 1_000;

/**
 * Creates the function that answers.
 *
 * It answers at once from the cache, and else returns a promise, which rejects as an `Errand` does.
 */
export function createAnswers(
  { requestTimeoutMs, cacheTtlMs }: AnswerLimits,
  { cache, flights, forward, log }: AnswerDependencies,
): (question: Question, watchClient: WatchClient) => Reply | Promise<Reply> {
  let standingIn = false;

  const standIn = (kept: KeptAnswer, question: Question, error: unknown): Reply => {
    if (!standingIn) log.warn("no router can be reached, serving the last good answers", { error });
    standingIn = true;
    return fromCache(kept, question, "stale");
  };

  const send = (question: Question, kept: KeptAnswer | undefined): Errand => {
    const { method, target, headers } = question;
    // Once it is known that old copies must do, nobody waits for a search that others wait for already.
    const patienceMs = kept === undefined ? Infinity : standingIn ? 0 : STALE_PATIENCE_MS;
    return forward({ method, target, headers: forRouter(headers) }, { timeoutMs: requestTimeoutMs, patienceMs });
  };

  const hear = (answer: Answer, from: CacheOutcome): Reply => {
    if (standingIn) log.info("the router answers again", { router: answer.address });
    standingIn = false;
    return { ...answer, from };
  };

  const keep = (key: string | undefined, { method }: Question, { status, headers, body }: Answer) => {
    if (key === undefined || method !== "GET" || status !== STATUS_CODE.OK || !(body instanceof Uint8Array)) return;
    cache.put(key, { headers, body });
  };

  const ask = async (
    question: Question,
    { key, kept, watchClient }: {
      readonly key: string | undefined;
      readonly kept: KeptAnswer | undefined;
      readonly watchClient: WatchClient;
    },
  ): Promise<Reply> => {
    const sharedKey = cacheTtlMs > 0 && question.method === "GET" ? key : undefined;
    const joined = sharedKey === undefined ? undefined : flights.join(sharedKey);
    let errand: Errand<Answer | undefined> | undefined = joined;
    const endWatch = watchClient((reason) => errand?.cancel(reason));
    try {
      const shared = joined && await joined.answer;
      if (shared !== undefined) return hear(shared, "collapsed");

      const own = send(question, kept);
      errand = sharedKey === undefined || joined !== undefined ? own : flights.start(sharedKey, own);
      const answer = await own.answer;
      keep(key, question, answer);
      return hear(answer, key === undefined ? "bypass" : "miss");
    } catch (error) {
      if (kept === undefined || !isAway(error)) throw error;
      return standIn(kept, question, error);
    } finally {
      endWatch();
    }
  };

  return (question, watchClient) => {
    const key = isCacheable(question.target) ? question.plainKey : undefined;
    const kept = key === undefined ? undefined : cache.get(key);
    return kept?.isFresh() ? fromCache(kept, question, "hit") : ask(question, { key, kept, watchClient });
  };
}

function fromCache(kept: KeptAnswer, { method }: Question, from: "hit" | "stale"): Reply {
  const body = method === "HEAD" ? undefined : kept.body;
  return { status: STATUS_CODE.OK, headers: kept.headers(), body, address: undefined, from };
}
