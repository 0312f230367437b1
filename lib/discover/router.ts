/**
 * What discovery gives to the rest of the program.
 *
 * @module
 */

import type { SourceName } from "../config/words.ts";

/** A virtual router that was seen to serve metadata. Every validation makes a new object: compare by identity. */
export interface Router {
  /** Dotted-quad IPv4 address, metadata on port 80; or what stands for a config drive. */
  readonly address: string;
  /** Which source named it. */
  readonly source: SourceName;
  /** Which interface it was found on, where the source knows. */
  readonly iface: string | undefined;
  /** The instance-id that it served: whose metadata it has. */
  readonly identity: string;
  /** When it was validated, in milliseconds since 1970. */
  readonly since: number;
  /** How long the search took that found it. */
  readonly elapsedMs: number;
}

/** What `/status`, `/readyz`, `/metrics` and systemd's STATUS say of discovery. */
export interface ResolverStatus {
  readonly state: "searching" | "ready" | "suspect";
  /** The router in force, or the last good one while it is suspect. */
  readonly router: Router | undefined;
  /** When the router last answered a validation or confirmation, in milliseconds since 1970. */
  readonly confirmedAt: number | undefined;
  /** Why the last search that failed found nothing, one clause per source. */
  readonly lastFailure: { readonly at: number; readonly message: string } | undefined;
}

/** What somebody saw of a router's response. */
export interface Observed {
  /** What was asked for: an absolute path with its query. */
  readonly target: string;
  readonly status: number;
  /** Names in lower case. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
}

/** Finds the router, remembers it, and finds it again. */
export interface Resolver {
  /** Starts the first search and the background upkeep. */
  start(): void;
  /**
   * The router in force, at once where it is known and trusted; else whoever is validated next. It waits across searches,
   * because a network that starts late is no error, and brings the next search forward.
   *
   * @throws {DiscoveryError} If the signal aborts first, or the resolver is closed: with what each source said,
   * and the signal's reason as its cause.
   */
  router(signal: AbortSignal): Router | Promise<Router>;
  /**
   * Says that a router failed a request. It is suspect from then on: a search starts unless one runs already, and
   * `router()` waits for it. Where the request is still pending the router itself is asked first whether it is there, and
   * one that is merely slow stays in force. Ignored for a router no longer in force.
   */
  report(router: Router, error: unknown, options?: { readonly isPending?: boolean }): void;
  /**
   * The only candidate of the search under way, if it accepted a connection and takes long to answer: it may be asked
   * already, if nobody is given its answer before it proved itself.
   */
  prospect(): { readonly address: string } | undefined;
  /**
   * Says that the head of a response came. A router that was suspect for its silence alone is trusted again; one whose
   * answer is no longer that of a router that knows this guest is asked for the proof at once; a prospect is asked for it
   * again, since what was asked before got lost.
   */
  observe(router: Router, observed: Observed): void;
  /** Starts a search although nothing failed, as on SIGHUP. The router in force stays so until another is validated. */
  refresh(): void;
  /** Calls back when the state or the router changes. */
  onChange(listener: () => void): void;
  status(): ResolverStatus;
  close(): Promise<void>;
}
