/**
 * Brings a request to the router and its response back, wherever the router is by now: a loop over attempts.
 *
 * | what happens | what is done |
 * |---|---|
 * | an attempt fails | report it; ask whoever is found, the same router again if that is worth it (`policy.ts`) |
 * | a router keeps silent | report it, and go on waiting; ask another beside it (a hedge) as soon as one is found |
 * | it answers 502 or 503 | ask again for a few seconds: its web server is restarting |
 * | the deadline comes | the last error of a router is the outcome: the deadline is the moment, not the reason |
 *
 * Only GET and HEAD come here and nothing was sent to the client yet, so asking twice is harmless. Knows nothing of
 * clients, caches or how a router is found.
 *
 * @module
 */

import type { Client } from "../../http1/client.ts";
import { UpstreamError } from "../../http1/error.ts";
import type { RequestHead } from "../../http1/message.ts";
import type { Deadlines } from "../../time/clock.ts";
import { Attempt } from "./attempt.ts";
import type { RouterResponse } from "./attempt.ts";
import { createHedgeDelay, pauseAfterFailure, pauseAfterStatus } from "./policy.ts";
import type { HedgeDelay } from "./policy.ts";
import { Prospecting } from "./prospect.ts";
import { failure, NoRouterError, suspectOf } from "./upstream.ts";
import type { Failed, Router, Upstream } from "./upstream.ts";

/** What forwarding needs, and whom it tells. */
export interface ForwardDependencies<R extends Router> {
  readonly upstream: Upstream<R>;
  readonly client: Client;
  readonly deadlines: Deadlines;
  readonly onAnswer: (elapsedMs: number) => void;
  readonly onError: (error: UpstreamError) => void;
  readonly now: () => number;
}

/** How long one request may take, and what ends it early. */
export interface ForwardOptions {
  readonly signal: AbortSignal;
  /** Until its response begins. */
  readonly timeoutMs: number;
  /** How much of that a search for the router may take. */
  readonly patienceMs: number;
}

/**
 * Sends a request on its way.
 *
 * @throws {NoRouterError} If there is no router, and none has failed.
 * @throws {UpstreamError} If none that was found answered as it should: the last error of one.
 * @throws the signal's reason, if it aborts first
 */
export type Forward = (head: RequestHead, options: ForwardOptions) => Promise<RouterResponse>;

/** What requests learn from each other of the router. */
interface Experience extends HedgeDelay {
  /** The last failure since a router answered. */
  failed: Failed | undefined;
}

/** What a request works with. */
interface RequestDependencies<R extends Router> extends ForwardDependencies<R> {
  readonly experience: Experience;
}

/** Another attempt has brought the outcome. (Without a reason each abort would make one, with a stack: 6 us for each request.) */
const DECIDED = Symbol();

/** The time of a request is up. */
const LATE = Symbol();

/** Creates the function that sends requests on their way. */
export function createForwarder<R extends Router>(dependencies: ForwardDependencies<R>): Forward {
  const experience: Experience = { ...createHedgeDelay(), failed: undefined };
  const tools = { ...dependencies, experience };
  return (head, options) => new ForwardedRequest(head, options, tools).run();
}

class ForwardedRequest<R extends Router> {
  readonly #head: RequestHead;
  readonly #options: ForwardOptions;
  readonly #with: RequestDependencies<R>;
  /** Ends searches and pauses. */
  readonly #over = new AbortController();
  readonly #deadlineAt: number;
  /** Those under way. */
  #attempts: Attempt<R>[] = [];
  /** The last failure of a router that this request was sent to. */
  #failed: Failed | undefined;
  /** Asks a router before it has proven itself, where one had to be searched for. */
  #prospecting: Prospecting<R> | undefined;

  constructor(head: RequestHead, options: ForwardOptions, dependencies: RequestDependencies<R>) {
    this.#head = head;
    this.#options = options;
    this.#with = dependencies;
    this.#deadlineAt = dependencies.now() + options.timeoutMs;
  }

  async run(): Promise<RouterResponse> {
    const { signal, timeoutMs } = this.#options;
    signal.throwIfAborted();
    const leave = () => this.#end(signal.reason);
    signal.addEventListener("abort", leave);
    const deadline = this.#with.deadlines.set(timeoutMs, () => this.#end(LATE));
    try {
      return await this.#loop();
    } catch (error) {
      const { aborted, reason } = this.#over.signal;
      if (!aborted) throw error;
      throw reason === LATE ? this.#outcome(error) : reason;
    } finally {
      deadline.cancel();
      signal.removeEventListener("abort", leave);
      this.#prospecting?.abort();
    }
  }

  async #loop(): Promise<RouterResponse> {
    let router = await this.#findRouter();
    let fresh = false;
    for (let retries = 0, busy = 0;;) {
      let response: RouterResponse;
      try {
        response = await this.#ask(router, fresh);
      } catch (error) {
        if (this.#over.signal.aborted || !(error instanceof UpstreamError)) throw error;
        router = await this.#findNext(retries++);
        // A kept connection may be dead as well, but takes no descriptor.
        fresh = error.kind !== "exhausted";
        continue;
      }
      const pauseMs = pauseAfterStatus(response.status, { retries: busy++, leftMs: this.#leftMs });
      if (pauseMs === undefined) return response;
      await this.#pause(pauseMs);
      router = await this.#findRouter();
    }
  }

  get #leftMs(): number {
    return this.#deadlineAt - this.#with.now();
  }

  /**
   * Ends all that is under way. What a router keeps waiting when time is up has failed by that, unless it was asked only just
   * now, after another failure.
   */
  #end(reason: unknown): void {
    if (this.#over.signal.aborted) return;
    const [waiting] = this.#attempts;
    if (reason === LATE && waiting !== undefined && (waiting.isSilent || this.#failed === undefined)) {
      this.#note(waiting, waiting.silence);
    }
    this.#over.abort(reason);
    for (const attempt of this.#attempts) attempt.abort(reason);
  }

  /** What it comes to when time is up: the last error of a router, and only where there is none that none was found. */
  #outcome(cause: unknown): Error {
    const failed = this.#failed ?? this.#with.experience.failed;
    if (failed !== undefined) return failure(failed, "no other router was found in time");
    return cause instanceof NoRouterError ? cause : new NoRouterError("No router was found in time", { cause });
  }

  /** The router in force; while one is searched for, waits as long as patience lasts. */
  #findRouter(): R | Promise<R> {
    const found = this.#with.upstream.router(this.#over.signal);
    return found instanceof Promise ? this.#awaitRouter(found) : found;
  }

  async #awaitRouter(searching: Promise<R>): Promise<R> {
    const { upstream, deadlines } = this.#with;
    const impatience = deadlines.set(this.#options.patienceMs, () => this.#end(LATE));
    this.#prospecting ??= new Prospecting({
      upstream,
      deadlines,
      start: (router) => this.#start(router, { fresh: true, onSilent() {} }),
    });
    try {
      return await this.#prospecting.during(searching);
    } catch (cause) {
      const suspect = suspectOf(cause);
      if (suspect !== undefined) this.#with.experience.failed ??= suspect;
      throw new NoRouterError(
        this.#over.signal.aborted ? "No router was found in time" : "No router was found",
        { cause },
      );
    } finally {
      impatience.cancel();
    }
  }

  /** Finds whom to ask after a failure. Throws the failure if nobody is to be asked again. */
  async #findNext(retries: number): Promise<R> {
    const failed = this.#failed!;
    const pauseMs = pauseAfterFailure(failed, { retries, leftMs: this.#leftMs });
    if (pauseMs === undefined) throw failure(failed);
    const found = await this.#findRouter();
    if (found.address !== failed.address) return found;
    if (pauseMs === Infinity) throw failure(failed);
    await this.#pause(pauseMs);
    return found;
  }

  /** Asks a router, and if it keeps silent another beside it. The first response counts, or else the last error. */
  async #ask(router: R, fresh: boolean): Promise<RouterResponse> {
    const { promise: response, resolve, reject } = Promise.withResolvers<RouterResponse>();
    /** Ends the search for another, if there is one: hardly any request has need of it. */
    let searching: AbortController | undefined;
    let isOver = false;
    let isAnswered = false;
    const add = (attempt: Attempt<R>) => {
      this.#attempts.push(attempt);
      attempt.response.then((response) => {
        // Of two that answer in the same moment the first has the request; the other is given up below.
        if (!isAnswered) this.#attempts = this.#attempts.filter((other) => other !== attempt);
        isAnswered = true;
        resolve(response);
      }, (error) => {
        this.#attempts = this.#attempts.filter((other) => other !== attempt);
        if (error instanceof UpstreamError) this.#fail(attempt, error);
        if (this.#attempts.length === 0) reject(error);
      });
    };
    const hedge = async (silent: Attempt<R>) => {
      searching ??= new AbortController();
      const found = await this.#findOther(silent, searching.signal);
      if (found !== undefined && !isOver) add(this.#start(found, { fresh: true, onSilent: hedge }));
    };
    add(this.#prospecting?.take(router) ?? this.#start(router, { fresh, onSilent: hedge }));
    try {
      return await response;
    } finally {
      isOver = true;
      searching?.abort(DECIDED);
      for (const attempt of this.#attempts.splice(0)) attempt.abort(DECIDED);
    }
  }

  /** Whom to ask beside a router that keeps silent; `undefined` if it is only slow, or nobody is found. */
  async #findOther(silent: Attempt<R>, signal: AbortSignal): Promise<R | undefined> {
    const { upstream, deadlines } = this.#with;
    upstream.report(silent.router, silent.silence, { isPending: true });
    const impatience = deadlines.set(this.#options.patienceMs, () => this.#end(LATE));
    try {
      const found = await upstream.router(signal);
      // The same router is just slow, unless it is the kept connection that is dead.
      return found.address === silent.router.address && !silent.wasKept ? undefined : found;
    } catch {
      return undefined;
    } finally {
      impatience.cancel();
    }
  }

  #start(
    router: R,
    { fresh, onSilent }: { readonly fresh: boolean; readonly onSilent: (attempt: Attempt<R>) => void },
  ): Attempt<R> {
    const { client, deadlines, experience, upstream, now, onAnswer } = this.#with;
    const askedAt = now();
    return new Attempt(router, this.#head, {
      client,
      deadlines,
      askedAt,
      fresh,
      hedgeAfterMs: experience.hedgeAfterMs(router.address),
      onSilent,
      onHead: (attempt, observed) => {
        upstream.observe(attempt.router, observed);
        // What it says counts for nothing before it has proven itself.
        if (this.#prospecting?.isAsking(attempt)) return;
        const elapsedMs = now() - askedAt;
        experience.learn(router.address, elapsedMs);
        experience.failed = undefined;
        onAnswer(elapsedMs);
      },
    });
  }

  /** A router failed. */
  #fail(attempt: Attempt<R>, error: UpstreamError): void {
    this.#note(attempt, error);
    this.#with.onError(error);
    this.#with.upstream.report(attempt.router, error);
  }

  #note({ router: { address }, wasKept }: Attempt<R>, error: UpstreamError): void {
    this.#failed = { address, error, kind: error.kind, wasKept };
    // What this machine lacked a moment ago says nothing to other requests.
    if (error.kind !== "exhausted") this.#with.experience.failed = this.#failed;
  }

  async #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { signal } = this.#over;
    const timer = this.#with.deadlines.set(ms, resolve);
    signal.addEventListener("abort", () => resolve());
    await promise;
    timer.cancel();
    signal.throwIfAborted();
  }
}
