/**
 * When a request is made again, and to whom: what comes after an attempt that brought no answer to pass on (the router again,
 * another one, or the end), and how long a router may keep one waiting before another is looked for.
 *
 * | what a router did | status, if nobody does better | the same router again |
 * |---|---|---|
 * | refused, was unreachable, reset or cut short the connection | 502 | yes: its web server restarts |
 * | did not accept the connection | 504 | yes |
 * | nothing: this machine had no descriptor, memory or port to ask it with | 503 | yes |
 * | accepted it and did not answer, or stood still within its answer | 504 | no, unless a kept connection was dead |
 * | answered what is no HTTP, or too much of it | 502 | no |
 * | answered 502 or 503 | that status | yes: its application restarts |
 *
 * Another router is asked in any case, as soon as one is found. Pure.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import type { UpstreamErrorKind } from "../../http1/error.ts";

/** How a failure of a router is judged. */
interface Judgement {
  /** What the client is told if nobody does better. */
  readonly status: number;
  /** Whether a router that failed so, and was then seen to serve metadata, is worth the same request again. */
  readonly isTransient: boolean;
}

const { BadGateway, GatewayTimeout, ServiceUnavailable } = STATUS_CODE;

const JUDGEMENTS: Readonly<Record<UpstreamErrorKind, Judgement>> = {
  exhausted: { status: ServiceUnavailable, isTransient: true },
  refused: { status: BadGateway, isTransient: true },
  unreachable: { status: BadGateway, isTransient: true },
  reset: { status: BadGateway, isTransient: true },
  cut_short: { status: BadGateway, isTransient: true },
  connect_timeout: { status: GatewayTimeout, isTransient: true },
  response_timeout: { status: GatewayTimeout, isTransient: false },
  idle_timeout: { status: GatewayTimeout, isTransient: false },
  malformed: { status: BadGateway, isTransient: false },
  too_large: { status: BadGateway, isTransient: false },
};

/** How often a request is made again after failures, and how long is waited before each if it is the same router. */
const RETRY_PAUSES_MS = [0, 250, 500, 1_000, 2_000];

/** How often a request is made again after a 502 or 503: a restart of Apache takes a second or two. */
const BUSY_PAUSES_MS = [250, 500, 1_000, 2_000];

/** A router that failed. */
export interface Failure {
  readonly kind: UpstreamErrorKind;
  /** Whether it was asked on a connection that had served an earlier request. */
  readonly wasKept: boolean;
}

/** What is left of a request's means. */
export interface Means {
  /** How often it was made again after a failure of this sort. */
  readonly retries: number;
  /** Until its deadline. */
  readonly leftMs: number;
}

/** The status that a failure of a router means for the client. */
export function statusOfFailure(kind: UpstreamErrorKind): number {
  return JUDGEMENTS[kind].status;
}

/**
 * Decides what follows a failure.
 *
 * @returns how long to wait before the same router is asked again, `Infinity` if only another is worth asking, or
 * `undefined` if nobody is to be asked any more
 */
export function pauseAfterFailure({ kind, wasKept }: Failure, means: Means): number | undefined {
  const pauseMs = pauseFrom(RETRY_PAUSES_MS, means);
  if (pauseMs === undefined) return undefined;
  // Silence on a kept connection says nothing of the router: a partner may have taken over its address.
  const isDeadConnection = wasKept && kind === "response_timeout";
  return JUDGEMENTS[kind].isTransient || isDeadConnection ? pauseMs : Infinity;
}

/** How long to wait before a router is asked again that answered so; `undefined` if its answer is to be passed on. */
export function pauseAfterStatus(status: number, means: Means): number | undefined {
  return status === BadGateway || status === ServiceUnavailable ? pauseFrom(BUSY_PAUSES_MS, means) : undefined;
}

function pauseFrom(pausesMs: readonly number[], { retries, leftMs }: Means): number | undefined {
  const pauseMs = pausesMs[retries];
  return pauseMs !== undefined && pauseMs < leftMs ? pauseMs : undefined;
}

/** Learns how long a router takes. */
export interface HedgeDelay {
  /** The delay for a router. Metadata are files: one of whom nothing is known should answer at once. */
  hedgeAfterMs(address: string): number;
  /** Notes how long a router took to begin an answer. */
  learn(address: string, elapsedMs: number): void;
}

const FLOOR_MS = 400;
/** A router that takes longer than this for everything is asked for all the same. */
const CAP_MS = 9_000;
/** How far above the usual an answer must be to be unusual. */
const MARGIN = 1.5;
/** The quantile that counts as usual, and how far one answer moves the estimate of it. */
const QUANTILE = 0.9;
const STEP = 0.2;

/**
 * Creates what learns of one router at a time: a moving estimate of the quantile, which each answer above it raises nine
 * times as much as one below it lowers it.
 */
export function createHedgeDelay(): HedgeDelay {
  let known = "";
  let usualMs = 0;
  return {
    hedgeAfterMs: (address) => address === known ? Math.min(Math.max(FLOOR_MS, usualMs * MARGIN), CAP_MS) : FLOOR_MS,
    learn(address, elapsedMs) {
      if (address !== known) {
        known = address;
        usualMs = elapsedMs;
        return;
      }
      const share = elapsedMs > usualMs ? QUANTILE : 1 - QUANTILE;
      usualMs += share * STEP * (elapsedMs - usualMs);
    },
  };
}
