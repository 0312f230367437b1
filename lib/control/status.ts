/**
 * What the running program believes, as one document: `/status` of the admin port, `mdproxy4cs status --json` and the
 * control socket show it, and `discover --json` names the same things with the same words.
 *
 * Pure: it is handed what it shows. A field is never renamed or removed without a new `version`; new ones may come.
 *
 * ```json
 * {
 *   "version": 1,
 *   "program": { "name": "mdproxy4cs", "version": "2.1.0", "pid": 412, "startedAt": "2026-11-25T04:00:00.000Z" },
 *   "state": "ready",
 *   "router": {
 *     "kind": "router", "address": "10.1.1.1", "source": "dhcp", "interface": "eth0", "identity": "i-2-10-VM",
 *     "since": "2026-11-25T04:00:00.031Z", "searchMs": 12, "confirmedAt": "2026-11-25T04:02:00.040Z"
 *   },
 *   "lastFailedSearch": null,
 *   "lastProblems": [],
 *   "requests": { "inFlight": 0, "answered": { "2xx": 3 }, "upstreamErrors": {} },
 *   "cache": { "hit": 1, "miss": 2 },
 *   "listeners": { "metadata": "169.254.169.254:39724", "admin": null, "control": "/run/mdproxy4cs/control.sock" }
 * }
 * ```
 *
 * @module
 */

import { kindOf } from "../config_drive/address.ts";
import type { ProviderKind } from "../config_drive/address.ts";
import type { RecentEvent } from "../telemetry/recent.ts";
import { readTotals } from "./read_totals.ts";

/** The form of the document. */
const STATUS_VERSION = 1;

/** Who serves metadata now. */
export interface ProviderStatus {
  readonly kind: ProviderKind;
  /** A dotted quad, or `config-drive`. */
  readonly address: string;
  readonly source: string;
  readonly interface: string | null;
  /** The instance-id that proved it. */
  readonly identity: string;
  /** ISO 8601, like every time in the document. */
  readonly since: string;
  readonly searchMs: number;
  readonly confirmedAt: string;
}

/** The document. */
export interface StatusDocument {
  readonly version: typeof STATUS_VERSION;
  readonly program: {
    readonly name: "mdproxy4cs";
    readonly version: string;
    readonly commit: string;
    readonly deno: string;
    readonly target: string;
    readonly pid: number;
    readonly startedAt: string;
  };
  /** `unserved`: with a router in force, but nobody can ask at the listen address. */
  readonly state: "searching" | "ready" | "suspect" | "unserved";
  /** The router or drive in force, or the last good one while it is suspect. */
  readonly router: ProviderStatus | null;
  readonly lastFailedSearch: { readonly at: string; readonly message: string } | null;
  /** The last warnings and errors, oldest first. */
  readonly lastProblems: readonly RecentEvent[];
  readonly requests: {
    readonly inFlight: number;
    /** By class of status. */
    readonly answered: Readonly<Record<string, number>>;
    /** By kind. */
    readonly upstreamErrors: Readonly<Record<string, number>>;
  };
  /** Where answers came from. */
  readonly cache: Readonly<Record<string, number>>;
  /** Where something is served; `null` where it is not, or not yet. */
  readonly listeners: {
    readonly metadata: string;
    readonly admin: string | null;
    readonly control: string | null;
  };
}

/** What the document is made of. */
export interface StatusSources {
  readonly build: Omit<StatusDocument["program"], "name" | "pid" | "startedAt">;
  readonly pid: number;
  /** In milliseconds since 1970. */
  readonly startedAt: number;
  readonly belief: Belief;
  readonly recent: readonly RecentEvent[];
  /** All metrics in the exposition format. */
  readonly metrics: string;
  readonly listeners: StatusDocument["listeners"];
}

/** Whether metadata can be had, and why not: the part of the document that tells how the program is. */
export type Belief = Pick<StatusDocument, "state" | "router" | "lastFailedSearch">;

/** What the resolver says, in the parts that are shown. */
export interface Resolved {
  readonly state: Exclude<StatusDocument["state"], "unserved">;
  readonly router: {
    readonly address: string;
    readonly source: string;
    readonly iface: string | undefined;
    readonly identity: string;
    readonly since: number;
    readonly elapsedMs: number;
  } | undefined;
  readonly confirmedAt: number | undefined;
  readonly lastFailure: { readonly at: number; readonly message: string } | undefined;
}

/** Makes the document. */
export function describeStatus(
  { build, pid, startedAt, belief, recent, metrics, listeners }: StatusSources,
): StatusDocument {
  return {
    version: STATUS_VERSION,
    program: { name: "mdproxy4cs", ...build, pid, startedAt: iso(startedAt) },
    ...belief,
    lastProblems: recent,
    requests: {
      inFlight: readTotals(metrics, "mdproxy4cs_requests_in_flight")[""] ?? 0,
      answered: readTotals(metrics, "mdproxy4cs_requests_total"),
      upstreamErrors: readTotals(metrics, "mdproxy4cs_upstream_errors_total"),
    },
    cache: readTotals(metrics, "mdproxy4cs_cache_total"),
    listeners,
  };
}

/** Makes the part of the document that needs no metrics. */
export function describeBelief(
  { state, router, confirmedAt, lastFailure }: Resolved,
  { isServed }: { readonly isServed: boolean },
): Belief {
  return {
    state: state === "ready" && !isServed ? "unserved" : state,
    router: router === undefined ? null : {
      kind: kindOf(router.address),
      address: router.address,
      source: router.source,
      interface: router.iface ?? null,
      identity: router.identity,
      since: iso(router.since),
      searchMs: Math.round(router.elapsedMs),
      confirmedAt: iso(confirmedAt ?? router.since),
    },
    lastFailedSearch: lastFailure === undefined ? null : { at: iso(lastFailure.at), message: lastFailure.message },
  };
}

function iso(time: number): string {
  return new Date(time).toISOString();
}
