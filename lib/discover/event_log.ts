/**
 * What discovery says of itself: lines in the log for what has consequences, each trouble once, and metrics for the rest.
 *
 * @module
 */

import type { SourceName } from "../config/options.ts";
import { describeError } from "../telemetry/log.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { SourceError } from "./errors.ts";
import type { DiscoveryError } from "./errors.ts";
import type { SearchReport } from "./report.ts";
import type { Router } from "./router.ts";

/** Takes down what happens in discovery. */
export interface EventLog {
  /** A source broke, or has to do without something. */
  trouble(source: SourceName, error: unknown): void;
  /** Another interface is used than the one of the configuration. */
  substitute(iname: string, instead: { readonly using: string; readonly reason: string }): void;
  /** A search is over. */
  searched(report: SearchReport): void;
  found(router: Router, was: { before: Router | undefined; wasTrusted: boolean; outageMs: number }): void;
  failed(error: DiscoveryError, was: { failures: number; keeping: Router | undefined }): void;
  suspected(router: Router, error: unknown): void;
  /** A router that was suspect for its silence has answered. */
  answered(router: Router, was: { outageMs: number }): void;
  /** A router's DHCP server gave another address than the router's. */
  renamed(router: Router, server: string): void;
}

/** What was said once is not said again; a program that runs for years forgets it now and then. */
const MAX_SAID = 256;

/** Creates the event log, and declares what it counts. */
export function createEventLog({ log, metrics }: { readonly log: Log; readonly metrics: Metrics }): EventLog {
  const attempts = metrics.counter("mdproxy4cs_discovery_attempts_total", "Sources asked, by what came of it.");
  const durations = metrics.histogram("mdproxy4cs_discovery_seconds", "How long searches took, by what came of them.");
  const said = new Set<string>();
  const once = (key: string, say: () => void) => {
    if (said.has(key)) return;
    if (said.size >= MAX_SAID) said.clear();
    said.add(key);
    say();
  };

  return {
    trouble(source, error) {
      const level = error instanceof SourceError && error.kind === "client_port_unavailable" ? "warn" : "info";
      once(
        `${source} ${describeError(error)}`,
        () => log[level]("a source has trouble", { source, error }),
      );
    },

    substitute(iname, { using, reason }) {
      once(`${iname} ${using} ${reason}`, () => log.warn("using another interface", { iname, using, reason }));
    },

    searched({ router, elapsedMs, sources, candidates }) {
      durations.observe(elapsedMs / 1_000, { outcome: router === undefined ? "failed" : "found" });
      for (const { source, outcome } of sources) attempts.increment({ source, outcome });
      if (router === undefined) return;
      for (const { address, source, verdict, cause } of candidates) {
        if (address === router.address) continue;
        const reason = cause?.message ?? `${router.address} is preferred`;
        once(`${address} ${verdict}`, () => log.info("ignoring a candidate", { address, source, reason }));
      }
    },

    found(router, { before, wasTrusted, outageMs }) {
      const fields = {
        address: router.address,
        source: router.source,
        iface: router.iface,
        searchMs: Math.round(router.elapsedMs),
      };
      if (before === undefined) log.info("found the router", fields);
      else if (before.address !== router.address) log.warn("the router moved", { ...fields, from: before.address });
      else if (!wasTrusted) log.info("the router is back", { ...fields, outageMs: Math.round(outageMs) });
    },

    failed(error, { failures, keeping }) {
      if (keeping !== undefined) log.warn("keeping the previous router", { address: keeping.address, error });
      else if (failures === 1) log.warn("no router found, searching on", { error });
      else log.debug("no router found, searching on", { error, failures });
    },

    suspected: ({ address }, error) => log.warn("the router is suspect", { address, error }),
    answered: ({ address }, { outageMs }) =>
      log.info("the router is slow, and answers", { address, outageMs: Math.round(outageMs) }),
    renamed: ({ address }, server) => log.info("the router names another server", { address, server }),
  };
}
