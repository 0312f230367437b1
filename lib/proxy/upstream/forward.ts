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
import type { Timer } from "../../time/clock.ts";
import type { Deadlines } from "../../time/deadlines.ts";
import type { Client } from "../../http1/client.ts";
import { UpstreamError } from "../../http1/error.ts";
import type { RequestHead, UpstreamResponse } from "../../http1/message.ts";
import { toAnswer } from "./to_answer.ts";
import type { Answer } from "./to_answer.ts";
import { isTransient, NoRouterError } from "./upstream.ts";
import type { Router, Upstream } from "./upstream.ts";

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
  readonly deadlines: Deadlines;
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
const ANSWER_SILENCE_MS = 700;

/** How often a request is made again after a failure, and how long is waited before each. */
const REPLAY_PAUSES_MS = [0, 250, 500, 1_000, 2_000];

/** How often a request is made again after a 502 or 503: a restart of Apache takes a second or two. */
const BUSY_PAUSES_MS = [250, 500, 1_000, 2_000];

/** Creates the function that sends a request on its way. */
export function createForwarder<R extends Router>(
  dependencies: ForwardDependencies<R>,
): (head: RequestHead, limits: ForwardLimits) => Errand {
  return (head, limits) => new Forwarding(head, limits, dependencies);
}

/** A router that was asked and has not answered yet. */
interface Asked<R> {
  readonly router: R;
  /** Strikes when it has been silent for too long. */
  suspicion: Timer | undefined;
  suspected: boolean;
  /** The connection, once the request is on its way. */
  connection: { readonly reused: boolean } | undefined;
  /** Whom a search has found meanwhile. */
  next: R | undefined;
}

class Forwarding<R extends Router> implements Errand {
  readonly answer: Promise<Answer>;
  readonly #head: RequestHead;
  readonly #limits: ForwardLimits;
  readonly #with: ForwardDependencies<R>;
  /** What is under way now: a search, a request or a pause. */
  #attempt = new AbortController();
  #asked: Asked<R> | undefined;
  #ended: { readonly reason: unknown } | undefined;
  #searching = false;
  readonly #deadlineAt: number;

  constructor(head: RequestHead, limits: ForwardLimits, dependencies: ForwardDependencies<R>) {
    this.#head = head;
    this.#limits = limits;
    this.#with = dependencies;
    this.#deadlineAt = dependencies.now() + limits.timeoutMs;
    this.answer = this.#run();
  }

  cancel(reason: unknown): void {
    this.#ended ??= { reason };
    this.#attempt.abort(reason);
  }

  async #run(): Promise<Answer> {
    const { deadlines, now, onAnswer } = this.#with;
    const deadline = deadlines.set(this.#limits.timeoutMs, () => this.#giveUp());
    try {
      let router = await this.#findRouter();
      let fresh = false;
      let replays = 0;
      let busy = 0;
      for (;;) {
        try {
          const askedAt = now();
          const response = await this.#ask(router, fresh);
          this.#stopAsking();
          onAnswer(now() - askedAt);
          const pauseMs = isBusy(response.status) ? this.#pauseBefore(busy++, BUSY_PAUSES_MS) : undefined;
          if (pauseMs === undefined) return await toAnswer(response, { router, method: this.#head.method, deadlines });
          response.body.cancel();
          await this.#pause(pauseMs);
          router = await this.#findRouter();
        } catch (error) {
          const asked = this.#stopAsking();
          if (this.#ended !== undefined) throw this.#ended.reason;
          if (asked?.next === undefined) {
            const pauseMs = this.#pauseBefore(replays++, REPLAY_PAUSES_MS);
            router = await this.#replaceRouter(router, error, { pauseMs, wasKept: asked?.connection?.reused ?? false });
          } else {
            this.#attempt = new AbortController();
            router = asked.next;
          }
          fresh = true;
        }
      }
    } finally {
      deadline.cancel();
    }
  }

  #giveUp(): void {
    const { timeoutMs } = this.#limits;
    this.cancel(
      this.#searching
        ? new NoRouterError(`No router was found in ${timeoutMs} ms`)
        : new UpstreamError("response_timeout", `No router answered in ${timeoutMs} ms`),
    );
  }

  /** The router in force; while one is searched for, waits as long as patience lasts. */
  #findRouter(): R | Promise<R> {
    const found = this.#with.upstream.router(this.#attempt.signal);
    return found instanceof Promise ? this.#inTime(found) : found;
  }

  async #inTime(found: Promise<R>): Promise<R> {
    const { patienceMs } = this.#limits;
    const impatience = this.#with.deadlines.set(
      patienceMs,
      () => this.cancel(new NoRouterError(`No router was found in ${patienceMs} ms`)),
    );
    this.#searching = true;
    try {
      return await found;
    } catch (cause) {
      throw this.#ended === undefined ? new NoRouterError("No router was found", { cause }) : this.#ended.reason;
    } finally {
      this.#searching = false;
      impatience.cancel();
    }
  }

  /** Asks one router. While it keeps silent, has it searched for; if that finds another, gives up on this one. */
  #ask(router: R, fresh: boolean): Promise<UpstreamResponse> {
    const asked: Asked<R> = this.#asked = {
      router,
      suspicion: undefined,
      suspected: false,
      connection: undefined,
      next: undefined,
    };
    this.#suspectAfter(CONNECT_SILENCE_MS, asked);
    return this.#with.client.request(router.address, this.#head, {
      signal: this.#attempt.signal,
      fresh,
      onSent: (connection) => {
        asked.connection = connection;
        asked.suspicion?.cancel();
        if (!asked.suspected) this.#suspectAfter(ANSWER_SILENCE_MS, asked);
      },
    });
  }

  #stopAsking(): Asked<R> | undefined {
    const asked = this.#asked;
    this.#asked = undefined;
    asked?.suspicion?.cancel();
    return asked;
  }

  #suspectAfter(ms: number, asked: Asked<R>): void {
    asked.suspicion = this.#with.deadlines.set(ms, () => void this.#suspect(asked).catch(() => {}));
  }

  async #suspect(asked: Asked<R>): Promise<void> {
    asked.suspected = true;
    this.#with.upstream.report(
      asked.router,
      silence(asked.connection === undefined ? "connect_timeout" : "response_timeout"),
    );
    const found = await this.#findRouter();
    if (this.#asked !== asked) return;
    // The same router again is just slow, unless it is the kept connection that is dead.
    if (found.address === asked.router.address && !asked.connection?.reused) return;
    asked.next = found;
    this.#attempt.abort();
  }

  /** Finds whom to ask after a failure. Rethrows the failure if nobody is to be asked again. */
  async #replaceRouter(
    router: R,
    error: unknown,
    { pauseMs, wasKept }: { readonly pauseMs: number | undefined; readonly wasKept: boolean },
  ): Promise<R> {
    if (!(error instanceof UpstreamError)) throw error;
    this.#with.onError(error);
    this.#with.upstream.report(router, error);
    if (pauseMs === undefined) throw error;
    const found = await this.#findRouter();
    if (found.address === router.address) {
      // Silence on a kept connection says nothing of the router: a partner may have taken over its address.
      const isDeadConnection = wasKept && error.kind === "response_timeout";
      if (!isTransient(error) && !isDeadConnection) throw error;
      await this.#pause(pauseMs);
    }
    return found;
  }

  /** How long to wait before trying once more; `undefined` if there is no more to be tried, or no time for it. */
  #pauseBefore(tried: number, pausesMs: readonly number[]): number | undefined {
    const pauseMs = pausesMs[tried];
    return pauseMs !== undefined && this.#with.now() + pauseMs < this.#deadlineAt ? pauseMs : undefined;
  }

  #pause(ms: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const { signal } = this.#attempt;
    const deadline = this.#with.deadlines.set(ms, resolve);
    signal.addEventListener("abort", () => {
      deadline.cancel();
      reject(signal.reason);
    });
    return promise;
  }
}

function isBusy(status: number): boolean {
  return status === STATUS_CODE.BadGateway || status === STATUS_CODE.ServiceUnavailable;
}

function silence(kind: "connect_timeout" | "response_timeout"): UpstreamError {
  return new UpstreamError(kind, "The router keeps a request waiting");
}
