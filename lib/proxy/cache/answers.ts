/**
 * Decides where an answer comes from: the cache, another request under way, the router, or, while no router can
 * be reached, a stale one of the cache.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import type { Header, ResponseBody } from "../../http1/message.ts";
import type { Log } from "../../telemetry/log.ts";
import type { Cache, StoredResponse } from "./cache.ts";
import type { MetadataRequest } from "../request/client_request.ts";
import type { Forward } from "../upstream/forward.ts";
import type { CacheOutcome } from "../metrics/proxy_metrics.ts";
import type { RouterResponse } from "../upstream/attempt.ts";
import { isAway } from "../upstream/upstream.ts";
import { isForOthersToo } from "./storage.ts";

/** A response with metadata, and where it came from. */
export interface MetadataResponse extends Pick<RouterResponse, "status" | "body"> {
  readonly headers: readonly Header[];
  /** The router that gave it, if it was given now. */
  readonly address: string | undefined;
  readonly from: CacheOutcome;
}

/** Calls back if the client goes away; the result ends the watch. */
export type WatchClient = (onGone: (reason: unknown) => void) => () => void;

/** What answering needs. */
export interface AnswerDependencies {
  readonly cache: Cache;
  readonly singleflight: Singleflight<RouterResponse>;
  readonly forward: Forward;
  readonly log: Log;
}

/** The limits of answering. */
export interface AnswerLimits {
  readonly requestTimeoutMs: number;
  /** 0 turns off the sharing of requests too: then each reaches the router. */
  readonly cacheTtlMs: number;
}

/** How long a search for the router may delay an answer that could be stale. */
const STALE_PATIENCE_MS = 1_000;

/**
 * Creates the function that answers.
 *
 * It answers at once from the cache, and else returns a promise, which rejects as `Forward` says.
 */
export function createAnswers(
  { requestTimeoutMs, cacheTtlMs }: AnswerLimits,
  { cache, singleflight, forward, log }: AnswerDependencies,
): (request: MetadataRequest, watchClient: WatchClient) => MetadataResponse | Promise<MetadataResponse> {
  let servesStale = false;

  const serveStale = (stored: StoredResponse, request: MetadataRequest, error: unknown): MetadataResponse => {
    if (!servesStale) log.warn("no router can be reached, serving the last good answers", { error });
    servesStale = true;
    return fromCache(stored, request, "stale");
  };

  const send = (
    request: MetadataRequest,
    { stored, signal }: { readonly stored: StoredResponse | undefined; readonly signal: AbortSignal },
  ) => {
    // Once it is known that stale ones must do, nobody waits for a search that others wait for already.
    const patienceMs = stored === undefined ? Infinity : servesStale ? 0 : STALE_PATIENCE_MS;
    return forward(request, { signal, timeoutMs: requestTimeoutMs, patienceMs });
  };

  const receive = (response: RouterResponse, from: CacheOutcome): MetadataResponse => {
    if (servesStale) log.info("the router answers again", { router: response.address });
    servesStale = false;
    return { ...response, from };
  };

  const store = (
    response: RouterResponse,
    { key, method, generation }: {
      readonly key: string | undefined;
      readonly method: string;
      readonly generation: number;
    },
  ) => {
    const { status, headers, body, askedAt } = response;
    if (key === undefined || method !== "GET" || status !== STATUS_CODE.OK || !(body instanceof Uint8Array)) return;
    cache.put(key, { headers, body, askedAt }, { generation });
  };

  const ask = async (
    request: MetadataRequest,
    { key, stored, watchClient }: {
      readonly key: string | undefined;
      readonly stored: StoredResponse | undefined;
      readonly watchClient: WatchClient;
    },
  ): Promise<MetadataResponse> => {
    const { generation } = cache;
    // What was asked for before all became stale is not shared with whoever asks after that.
    const isShared = cacheTtlMs > 0 && request.method === "GET" && key !== undefined;
    const sharedKey = isShared ? `${generation} ${key}` : undefined;
    const client = new AbortController();
    const endWatch = watchClient((reason) => client.abort(reason));
    try {
      const joined = sharedKey === undefined ? undefined : singleflight.join(sharedKey, client.signal);
      const shared = joined && await joined;
      // Of a stream only one can have it.
      if (shared !== undefined && !isStream(shared.body) && isForOthersToo(shared.headers)) {
        return receive(shared, "collapsed");
      }

      const askRouter = async (signal: AbortSignal) => {
        const response = await send(request, { stored, signal });
        store(response, { key, method: request.method, generation });
        // Whoever waited on when this client left goes for a stream of his own.
        if (client.signal.aborted && isStream(response.body)) response.body.cancel();
        return response;
      };
      const response = await (sharedKey === undefined || joined !== undefined
        ? askRouter(client.signal)
        : singleflight.start(sharedKey, client.signal, askRouter));
      return receive(response, key === undefined ? "bypass" : "miss");
    } catch (error) {
      if (stored === undefined || !isAway(error)) throw error;
      return serveStale(stored, request, error);
    } finally {
      endWatch();
    }
  };

  return (request, watchClient) => {
    const key = request.cacheKey;
    const stored = key === undefined ? undefined : cache.get(key);
    return stored?.isFresh() ? fromCache(stored, request, "hit") : ask(request, { key, stored, watchClient });
  };
}

function fromCache(stored: StoredResponse, { method }: MetadataRequest, from: "hit" | "stale"): MetadataResponse {
  const body = method === "HEAD" ? undefined : stored.body;
  return { status: STATUS_CODE.OK, headers: stored.headers(), body, address: undefined, from };
}

function isStream(body: RouterResponse["body"]): body is ResponseBody {
  return body !== undefined && !(body instanceof Uint8Array);
}

/**
 * The work under way, by key, which callers share that want the same thing at the same time. Each waits under its own signal.
 * Whoever leaves leaves the work to the others; when the last one has left it is ended.
 */
export interface Singleflight<T> {
  /**
   * Waits for the work under way for a key; `undefined` if there is none.
   *
   * @throws the signal's reason, if it aborts first
   */
  join(key: string, signal: AbortSignal): Promise<T> | undefined;
  /**
   * Starts the work for a key, and waits for it.
   *
   * @param work is told by its signal that nobody waits any more
   * @throws the signal's reason, if it aborts first
   */
  start(key: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

interface Call<T> {
  readonly result: Promise<T>;
  readonly unattended: AbortController;
  waiting: number;
}

/** Creates what shares work. */
export function createSingleflight<T>(): Singleflight<T> {
  const calls = new Map<string, Call<T>>();

  const forget = (key: string, call: Call<T>) => {
    if (calls.get(key) === call) calls.delete(key);
  };

  const wait = (key: string, call: Call<T>, signal: AbortSignal): Promise<T> => {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    call.waiting++;
    const leave = () => {
      reject(signal.reason);
      if (--call.waiting > 0) return;
      forget(key, call);
      call.unattended.abort(signal.reason);
    };
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave);
    const stay = () => signal.removeEventListener("abort", leave);
    call.result.then((value) => (stay(), resolve(value)), (error) => (stay(), reject(error)));
    return promise;
  };

  return {
    join(key, signal) {
      const call = calls.get(key);
      return call && wait(key, call, signal);
    },
    start(key, signal, work) {
      const unattended = new AbortController();
      const call: Call<T> = { result: work(unattended.signal), unattended, waiting: 0 };
      calls.set(key, call);
      const end = () => forget(key, call);
      call.result.then(end, end);
      return wait(key, call, signal);
    },
  };
}
