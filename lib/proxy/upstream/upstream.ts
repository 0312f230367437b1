/**
 * What the proxy needs of whoever finds the router, and what it says when there is none.
 *
 * The resolver in `discover` happens to offer this; the daemon introduces the two.
 *
 * @module
 */

import { UpstreamError } from "../../http1/error.ts";
import type { Failure } from "./policy.ts";
import type { Header } from "../../http1/message.ts";

/** A router that serves metadata. Two objects with one address are two findings of the same router. */
export interface Router {
  readonly address: string;
}

/** The head of a router's response, as far as it tells how the router is. */
export interface Observed {
  /** What was asked for: an absolute path with its query. */
  readonly target: string;
  readonly status: number;
  /** Those of the response. */
  readonly headers?: readonly Header[];
}

/** Knows the router. */
export interface Upstream<R extends Router = Router> {
  /**
   * The router in force, at once where it is known and trusted; else whoever the search under way finds.
   *
   * @throws {Error} If the signal aborts first; its `suspect` is the router that was in force, if there is one, and its error
   */
  router(signal: AbortSignal): R | Promise<R>;
  /**
   * Says that a router failed: it is to be looked for again. `isPending` says that the request still waits: whether the
   * router is there is to be asked of it first.
   */
  report(router: R, error: unknown, options?: { readonly isPending?: boolean }): void;
  /**
   * The only candidate while none has proved itself, if it accepts connections and takes long to answer. It may be asked
   * already; its answer is to be held back until `router()` gives the same address.
   */
  prospect(): { readonly address: string } | undefined;
  /**
   * Says that the head of a response came. It proves that the router answers, which ends a suspicion that rests on its
   * silence, and may hint that it serves no metadata any more; from a prospect, that its proof got lost on the way. Costs
   * nothing while all is well.
   */
  observe(router: R, observed: Observed): void;
}

/** There is no router to ask. */
export class NoRouterError extends Error {
  override readonly name = "NoRouterError";
  readonly kind = "no_router";
}

/** Tells whether an error means that no router gave any answer, so that an old one may stand in. */
export function isAway(error: unknown): error is NoRouterError | UpstreamError {
  return error instanceof NoRouterError || error instanceof UpstreamError;
}

/** A router that failed, and how. */
export interface Failed extends Failure {
  readonly address: string;
  readonly error: UpstreamError;
}

/** The failure of a router as the outcome of a request. */
export function failure({ address, error }: Failed, more?: string): UpstreamError {
  const what = error.kind === "exhausted" ? "could not be asked" : "failed";
  const message = `${address} ${what}${more === undefined ? "" : ` and ${more}`}`;
  return new UpstreamError(error.kind, message, { cause: error });
}

/** The router that was in force, if an error of a search tells how it failed. */
export function suspectOf(cause: unknown): Failed | undefined {
  const { suspect } = cause as { readonly suspect?: { readonly address?: string; readonly error?: unknown } };
  const { address, error } = suspect ?? {};
  if (address === undefined || !(error instanceof UpstreamError)) return undefined;
  return { address, error, kind: error.kind, wasKept: false };
}
