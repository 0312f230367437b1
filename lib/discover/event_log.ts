/**
 * What discovery says of itself: lines in the log for what has consequences, each trouble once, and metrics for the rest.
 *
 * @module
 */

import type { SourceName } from "../config/words.ts";
import { describeError } from "../telemetry/log.ts";
import type { Fields, Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { createReasonLog } from "../telemetry/reason_log.ts";
import { kindOf } from "../config_drive/address.ts";
import { SourceError } from "./sources/source_error.ts";
import { causeKindOf } from "./errors.ts";
import type { Cause, DiscoveryError } from "./errors.ts";
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
  found(
    router: Router,
    was: { before: Router | undefined; identity: string | undefined; wasTrusted: boolean; outageMs: number },
  ): void;
  failed(error: DiscoveryError, was: { failures: number; keeping: Router | undefined }): void;
  suspected(router: Router, error: unknown): void;
  /** A router that was suspect for its silence has answered. */
  answered(router: Router, was: { outageMs: number }): void;
  /** A router keeps requests waiting, and lives. */
  slow(router: Router): void;
  /** A router's DHCP server gave another address than the router's. */
  renamed(router: Router, server: string): void;
  /** What was remembered over a restart cannot be used. */
  forgot(reason: string): void;
}

/** What an operator can do about a router of another identity. */
const ACCEPT = "a reload (SIGHUP) or a restart, if it is right";

/** What was said once is not said again; a program that runs for years forgets it now and then. */
const MAX_SAID = 256;

/** Where the lines and the counts go. */
export interface EventLogOptions {
  readonly log: Log;
  readonly metrics: Metrics;
  /** A monotonic clock, in milliseconds. */
  readonly now: () => number;
}

/** Creates the event log, and declares what it counts. */
export function createEventLog({ log, metrics, now }: EventLogOptions): EventLog {
  const attempts = metrics.counter("mdproxy4cs_discovery_attempts_total", "Sources asked, by what came of it.");
  const durations = metrics.histogram("mdproxy4cs_discovery_seconds", "How long searches took, by what came of them.");
  const said = new Set<string>();
  const once = (key: string, say: () => void) => {
    if (said.has(key)) return;
    if (said.size >= MAX_SAID) said.clear();
    said.add(key);
    say();
  };

  const noteSuspicion = () => createReasonLog("the router is suspect", { log, now, level: "warn" });
  let suspect = noteSuspicion();
  /** Whether that was left out at the last time: nor is it said then that the router is back, unless it could not be found. */
  let isUnsaid = false;
  const sayBack = (fields: Fields) => log[isUnsaid ? "debug" : "info"]("the router is back", fields);

  /** Somebody serves metadata, but not those of the router; or there is no router, and not those that are wanted. */
  const sayOfOtherIdentity = (
    other: { readonly address: string; readonly source: SourceName; readonly identity: string },
    { router, cause }: { readonly router: Router | undefined; readonly cause: Cause | undefined },
  ) =>
    once(
      `${other.address} ${other.identity} ${router?.identity}`,
      () =>
        router === undefined
          ? log.warn("refusing a router of another identity", { ...other, reason: cause?.message, accept: ACCEPT })
          : log.warn("another router serves another identity", {
            ...other,
            router: router.address,
            routerIdentity: router.identity,
          }),
    );

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
      for (const { address, source, verdict, identity, cause } of candidates) {
        if (address === router?.address) continue;
        if (identity !== undefined && identity !== router?.identity) {
          sayOfOtherIdentity({ address, source, identity }, { router, cause });
        } else if (router !== undefined) {
          const reason = cause?.message ?? `${router.address} is preferred`;
          // What the operator asked for and does not get is worth a warning.
          const level = source === "server" ? "warn" : "info";
          once(`${address} ${verdict}`, () => log[level]("ignoring a candidate", { address, source, reason }));
        }
      }
    },

    found(router, { before, identity: identityBefore, wasTrusted, outageMs }) {
      const { address, source, iface, identity, elapsedMs } = router;
      const fields = { address, source, iface, searchMs: Math.round(elapsedMs) };
      if (identityBefore !== undefined && identityBefore !== identity) {
        log.warn("the router serves another identity than before", { ...fields, identity, before: identityBefore });
      }
      if (before?.address !== address) suspect = noteSuspicion();
      if (before === undefined) log.info("found the router", fields);
      else if (before.address === address) {
        if (!wasTrusted) sayBack({ ...fields, outageMs: Math.round(outageMs) });
      } else if (kindOf(address) === "drive") {
        log.warn("no router, serving the config drive", { ...fields, from: before.address });
      } else log.warn("the router moved", { ...fields, from: before.address });
    },

    failed(error, { failures, keeping }) {
      isUnsaid = false;
      if (keeping !== undefined) log.warn("keeping the previous router", { address: keeping.address, error });
      else if (failures === 1) log.warn("no router found, searching on", { error });
      else log.debug("no router found, searching on", { error, failures });
    },

    suspected({ address }, error) {
      isUnsaid = !suspect(causeKindOf(error), { address, error });
    },
    answered: ({ address }, { outageMs }) => sayBack({ address, outageMs: Math.round(outageMs) }),
    slow: ({ address }) => log.info("the router is slow to answer", { address }),
    // It may do so each time that it is asked, and be the router all the same.
    renamed: ({ address }, server) =>
      once(`${address} names ${server}`, () => log.info("the router names another server", { address, server })),
    forgot: (reason) => log.warn("ignoring what was known before the restart", { reason }),
  };
}
