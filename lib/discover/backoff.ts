/**
 * How long to search, and how long to rest between searches, so that a router is found soon after it appears and a
 * thousand guests that lost theirs together do not hammer it.
 *
 * Pure. While a request waits, one search follows the other; while none does, short searches come ever more rarely.
 *
 * @module
 */

import { exponentialMs, jitter } from "../time/backoff.ts";
import type { Clock } from "../time/clock.ts";

/** How soon one search may follow another, whoever waits: a router that fails every request must not cost one for each. */
export const MIN_INTERVAL_MS = 500;
/** The rest after the first search that found nothing. */
const FIRST_REST_MS = 500;
/** The longest rest while an outage is young and the router likely to be back soon. */
const MAX_REST_MS = 8_000;
/** The longest rest later on. */
const MAX_LATE_REST_MS = 30_000;
/** How long an outage is young. */
const YOUNG_MS = 120_000;
/** How often to ask again within a search at first: with jitter, a router that is there is heard within a second. */
const RETRY_MS = 800;
/** How often when nobody can still be in a hurry. */
const LATE_RETRY_MS = 2_000;
/** How long requests wait that noticed the outage, and somewhat longer. */
const FRESH_MS = 30_000;
/** How long a search takes that nobody waits for: a few questions and their answers. */
const QUIET_SEARCH_MS = 2_500;

/** How long a search may take. */
export function searchMs(timeoutMs: number, { isAwaited }: { readonly isAwaited: boolean }): number {
  return isAwaited ? timeoutMs : Math.min(timeoutMs, QUIET_SEARCH_MS);
}

/** How often to ask again within a search. @param elapsedMs how long there has been no router */
export function retryMs(elapsedMs: number): number {
  return elapsedMs < FRESH_MS ? RETRY_MS : LATE_RETRY_MS;
}

/**
 * How long to rest after a search that found nothing while nobody waits: twice as long each time, up to a cap, give or
 * take a quarter.
 *
 * @param outage.failures how many searches in a row found nothing
 * @param outage.elapsedMs how long there has been no router
 */
export function restMs(
  { failures, elapsedMs }: { readonly failures: number; readonly elapsedMs: number },
  clock: Clock,
): number {
  const capMs = elapsedMs < YOUNG_MS ? MAX_REST_MS : MAX_LATE_REST_MS;
  return jitter(exponentialMs(failures, { firstMs: FIRST_REST_MS, capMs }), clock);
}
