/**
 * Brings a request to the router and its answer back, wherever the router is by now.
 *
 * | what happens | what is done |
 * |---|---|
 * | the router fails before its answer is in hand | report it; ask again whoever the search finds |
 * | it keeps silent | report it, but go on waiting; ask another as soon as one is found |
 * | it answers 502 or 503 | ask again for a few seconds: its web server is restarting |
 *
 * Only GET and HEAD come here and nothing was sent to the client yet, so asking twice is harmless. Everything happens
 * within one deadline. Knows nothing of clients, caches or how a router is found.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import type { Alarm, Alarms } from "../http1/alarm.ts";
import type { Client } from "../http1/client.ts";
import { UpstreamError } from "../http1/error.ts";
import type { Header, RequestHead, ResponseBody, UpstreamResponse } from "../http1/message.ts";
import { collect } from "./collect.ts";
import { forClient } from "./headers.ts";
import { isTransient, NoRouterError } from "./upstream.ts";
import type { Router, Upstream } from "./upstream.ts";

/** A router's answer. */
export interface Answer {
  readonly status: number;
  /** Those that pass on to the client. */
  readonly headers: readonly Header[];
  /** Whole, if it was small and came at once; `undefined` if there is none, or it was dropped with an error status. */
  readonly body: Uint8Array<ArrayBuffer> | ResponseBody | undefined;
  /** The router that gave it. */
  readonly address: string;
}

/** A request on its way. */
export interface Errand<A = Answer> {
  /**
   * @throws {NoRouterError} If none was found in time.
   * @throws {UpstreamError} If none that was found answered as it should.
   * @throws whatever it was cancelled with
   */
  readonly answer: Promise<A>;
  /** Gives it up. Harmless when it is over. */
  cancel(reason: unknown): void;
}

/** What forwarding needs, and whom it tells. */
export interface ForwardDependencies<R extends Router> {
  readonly upstream: Upstream<R>;
  readonly client: Client;
  readonly alarms: Alarms;
  readonly onAnswer: (elapsedMs: number) => void;
  readonly onError: (error: UpstreamError) => void;
  readonly now: () => number;
}

/** How long one errand may take. */
export interface ForwardLimits {
  /** Until its answer begins. */
  readonly timeoutMs: number;
  /** How much of that a search for the router may take. */
  readonly patienceMs: number;
}

/** A router on the same network accepts within a millisecond; the first retransmission of a SYN comes after 1 s. */
const CONNECT_SILENCE_MS = 300;

/** Metadata are files: an answer that takes longer than this deserves a question. */
const ANSWER_SILENCE_MS = 1_000;

/** How often a request is made again after a failure, and how long is waited before each. */
const REPLAY_PAUSES_MS = [0, 250, 500, 1_000, 2_000];

/** How often a request is made again after a 502 or 503: a restart of Apache takes a second or two. */
const BUSY_PAUSES_MS = [250, 500, 1_000, 2_000];

/** Statuses without a body (RFC 9110 section 15). */
const WITHOUT_BODY: ReadonlySet<number> = new Set([
  STATUS_CODE.NoContent,
  STATUS_CODE.ResetContent,
  STATUS_CODE.NotModified,
]);

/** Creates the function that sends a request on its way. */
export function createForwarder<R extends Router>(
  { upstream, client, alarms, onAnswer, onError, now }: ForwardDependencies<R>,
): (head: RequestHead, limits: ForwardLimits) => Errand {
  return (head, { timeoutMs, patienceMs }) => {
    let attempt = new AbortController();
    let ended: { readonly reason: unknown } | undefined;
    let searching = false;

    const cancel = (reason: unknown) => {
      ended ??= { reason };
      attempt.abort(reason);
    };
    const deadline = alarms.set(timeoutMs, () =>
      cancel(
        searching
          ? new NoRouterError(`No router was found in ${timeoutMs} ms`)
          : new UpstreamError("response_timeout", `No router answered in ${timeoutMs} ms`),
      ));

    /** The router in force; while one is searched for, waits as long as patience lasts. */
    const findRouter = (): R | Promise<R> => {
      const found = upstream.router(attempt.signal);
      return found instanceof Promise ? inTime(found) : found;
    };

    const inTime = async (found: Promise<R>): Promise<R> => {
      const impatience = alarms.set(
        patienceMs,
        () => cancel(new NoRouterError(`No router was found in ${patienceMs} ms`)),
      );
      searching = true;
      try {
        return await found;
      } catch (cause) {
        throw ended === undefined ? new NoRouterError("No router was found", { cause }) : ended.reason;
      } finally {
        searching = false;
        impatience.cancel();
      }
    };

    const pause = (ms: number): Promise<void> => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const alarm = alarms.set(ms, resolve);
      attempt.signal.addEventListener("abort", () => {
        alarm.cancel();
        reject(attempt.signal.reason);
      });
      return promise;
    };

    /** Asks one router. While it keeps silent, has it searched for; `moved` is called if that finds another. */
    const ask = async (
      router: R,
      { fresh, moved }: { readonly fresh: boolean; readonly moved: (to: R) => void },
    ): Promise<UpstreamResponse> => {
      let connection: { readonly reused: boolean } | undefined;
      let over = false;
      let suspected = false;
      const suspect = async () => {
        suspected = true;
        upstream.report(router, silence(connection === undefined ? "connect_timeout" : "response_timeout"));
        const found = await findRouter();
        // The same router again is just slow, unless it is the kept connection that is dead.
        if (!over && (found.address !== router.address || connection?.reused)) moved(found);
      };
      let suspicion: Alarm | undefined;
      const suspectAfter = (ms: number) => {
        suspicion?.cancel();
        if (!suspected) suspicion = alarms.set(ms, () => void suspect().catch(() => {}));
      };

      suspectAfter(CONNECT_SILENCE_MS);
      try {
        return await client.request(router.address, head, {
          signal: attempt.signal,
          fresh,
          onSent(sentOn) {
            connection = sentOn;
            suspectAfter(ANSWER_SILENCE_MS);
          },
        });
      } finally {
        over = true;
        suspicion?.cancel();
      }
    };

    const run = async (): Promise<Answer> => {
      try {
        return await travel();
      } finally {
        deadline.cancel();
      }
    };

    const travel = async (): Promise<Answer> => {
      let router = await findRouter();
      let fresh = false;
      let replays = 0;
      let busy = 0;
      for (;;) {
        let next: R | undefined;
        try {
          const askedAt = now();
          const response = await ask(router, {
            fresh,
            moved(to) {
              next = to;
              attempt.abort();
            },
          });
          onAnswer(now() - askedAt);
          const pauseMs = isBusy(response.status) ? BUSY_PAUSES_MS[busy++] : undefined;
          if (pauseMs === undefined) return await toAnswer(response, { router, method: head.method, alarms });
          response.body.cancel();
          await pause(pauseMs);
          router = await findRouter();
        } catch (error) {
          if (ended !== undefined) throw ended.reason;
          fresh = true;
          if (next === undefined) {
            next = await replacementFor(router, error, REPLAY_PAUSES_MS[replays++]);
          } else {
            attempt = new AbortController();
          }
          router = next;
        }
      }
    };

    /** Finds whom to ask after a failure. Rethrows the failure if it is not to be asked again. */
    const replacementFor = async (router: R, error: unknown, pauseMs: number | undefined): Promise<R> => {
      if (!(error instanceof UpstreamError)) throw error;
      onError(error);
      upstream.report(router, error);
      if (pauseMs === undefined) throw error;
      const found = await findRouter();
      if (found.address === router.address) {
        if (!isTransient(error)) throw error;
        await pause(pauseMs);
      }
      return found;
    };

    return { answer: run(), cancel };
  };
}

/** Makes a response the client's: without what concerns this hop only, and without the body of an error. */
async function toAnswer(
  { status, headers, body }: UpstreamResponse,
  { router, method, alarms }: { readonly router: Router; readonly method: string; readonly alarms: Alarms },
): Promise<Answer> {
  const bodyDropped = status >= 400;
  const answer = { status, headers: forClient(headers, { bodyDropped }), address: router.address };
  if (!bodyDropped && method !== "HEAD" && !WITHOUT_BODY.has(status)) {
    return { ...answer, body: await collect(body, alarms) };
  }
  body.cancel();
  return { ...answer, body: undefined };
}

function isBusy(status: number): boolean {
  return status === STATUS_CODE.BadGateway || status === STATUS_CODE.ServiceUnavailable;
}

function silence(kind: "connect_timeout" | "response_timeout"): UpstreamError {
  return new UpstreamError(kind, "The router keeps a request waiting");
}
