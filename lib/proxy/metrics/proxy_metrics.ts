/**
 * What the proxy counts.
 *
 * @module
 */

import type { UpstreamError } from "../../http1/error.ts";
import type { Labels, Metrics } from "../../telemetry/metrics.ts";

/** Where an answer came from: the cache, the router, another request's answer, an old copy, or past the cache. */
export type CacheOutcome = "hit" | "miss" | "collapsed" | "stale" | "bypass";

/** One object for each value, because labels that are handed in again need not be written down again. */
const CLASSES: readonly Labels[] = Array.from({ length: 6 }, (_, i) => ({ class: `${i}xx` }));
const OUTCOMES: Readonly<Record<CacheOutcome, Labels>> = {
  hit: { outcome: "hit" },
  miss: { outcome: "miss" },
  collapsed: { outcome: "collapsed" },
  stale: { outcome: "stale" },
  bypass: { outcome: "bypass" },
};

/** What the proxy counts. */
export interface ProxyMetrics {
  /** A request was answered. */
  onAnswered(status: number, elapsedMs: number): void;
  onUpstreamAnswer(elapsedMs: number): void;
  onUpstreamError(error: UpstreamError): void;
  onCache(outcome: CacheOutcome): void;
}

/** Declares the proxy's series. */
export function declareProxyMetrics(metrics: Metrics, readInFlight: () => number): ProxyMetrics {
  const requests = metrics.counter("mdproxy4cs_requests_total", "Requests answered, by class of status.");
  const durations = metrics.histogram(
    "mdproxy4cs_request_duration_seconds",
    "Time from a request to the beginning of its answer.",
  );
  const errors = metrics.counter("mdproxy4cs_upstream_errors_total", "Failures of the router to answer, by kind.");
  const upstreamDurations = metrics.histogram(
    "mdproxy4cs_upstream_duration_seconds",
    "Time from asking the router to the head of its answer.",
  );
  const outcomes = metrics.counter("mdproxy4cs_cache_total", "Where answers came from.");
  metrics.gauge(
    "mdproxy4cs_requests_in_flight",
    "Requests that are being served.",
    () => [{ value: readInFlight() }],
  );

  return {
    onAnswered(status, elapsedMs) {
      requests.increment(CLASSES[Math.floor(status / 100)]);
      durations.observe(elapsedMs / 1_000);
    },
    onUpstreamAnswer: (elapsedMs) => upstreamDurations.observe(elapsedMs / 1_000),
    onUpstreamError: ({ kind }) => errors.increment({ kind }),
    onCache: (outcome) => outcomes.increment(OUTCOMES[outcome]),
  };
}
