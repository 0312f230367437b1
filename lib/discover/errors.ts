/**
 * Why there is no router: one cause for each source that was asked and each candidate that was tried.
 *
 * The kinds are a closed set, so that whoever has something to say on each (a remedy, a metric) can be held to it by the
 * compiler: `Record<CauseKind, ...>`.
 *
 * @module
 */

import type { SourceName } from "../config/words.ts";
import { isExhausted, UpstreamError } from "../http1/error.ts";
import type { UpstreamErrorKind } from "../http1/error.ts";
import { describeError } from "../telemetry/log.ts";
import { TimeoutError } from "../time/with_timeout.ts";
import { SourceError } from "./sources/source_error.ts";
import type { SourceErrorKind } from "./sources/source_error.ts";

/** Why an address is not the router's. */
export type ValidationErrorKind =
  /** No address that a router can have. */
  | "unusable"
  /** This machine's own address. */
  | "own_address"
  | "not_allowed"
  /** 3xx: a portal, or another machine's web server. */
  | "redirect"
  /** 401, 403 or 404: it does not know this guest, or is no router. */
  | "unknown_guest"
  /** 5xx: its web server is broken or still starting. */
  | "server_error"
  /** Any other status but 200. */
  | "status"
  | "empty"
  /** What it serves has not the form of an instance-id. */
  | "not_metadata"
  /** It serves the metadata of another guest than the router in force. */
  | "other_identity";

/** An address that cannot or may not be the router's, or a machine that answers otherwise than a router does. */
export class ValidationError extends Error {
  override readonly name = "ValidationError";
  constructor(readonly kind: ValidationErrorKind, message: string) {
    super(message);
  }
}

/** Every kind of cause. */
export type CauseKind =
  | SourceErrorKind
  | ValidationErrorKind
  | UpstreamErrorKind
  /** It was asked and has not answered in the time there was. */
  | "timeout"
  /** It was not asked for long enough to say. */
  | "unfinished"
  /** It works and has nothing to name. */
  | "silent"
  /** What should not happen. */
  | "unexpected";

/** Why one source or one candidate is no way to a router. */
export interface Cause {
  readonly source: SourceName;
  readonly kind: CauseKind;
  readonly message: string;
}

/** A router that failed. */
export interface Suspect {
  readonly address: string;
  readonly error: unknown;
}

/** No router was found. The message is the reasons: whoever passes it on says that. */
export class DiscoveryError extends Error {
  override readonly name = "DiscoveryError";
  /** The router that was in force, and why it is not trusted any more; `undefined` if there was none. */
  readonly suspect: Suspect | undefined;

  constructor(causes: readonly Cause[], options: ErrorOptions & { readonly suspect?: Suspect | undefined } = {}) {
    super(summarize(causes) || "no source has anything to say", options);
    this.suspect = options.suspect;
  }
}

function summarize(causes: readonly Cause[]): string {
  return causes
    .filter(({ kind }) => kind !== "silent")
    .map(({ source, message }) => `${source}: ${message}`)
    .join("; ");
}

/**
 * Joins what a search under way has learned with what the one before it did: the newer word of each source, unless that is
 * only that it has not spoken yet.
 */
export function mergeCauses(newer: readonly Cause[], older: readonly Cause[]): readonly Cause[] {
  const isTelling = ({ kind }: Cause) => kind !== "unfinished";
  const told = newer.map((cause) =>
    isTelling(cause) ? cause : older.find(({ source }) => source === cause.source) ?? cause
  );
  return [...told, ...older.filter(({ source }) => !newer.some((cause) => cause.source === source))];
}

/** Makes an error the cause of a source's failure. */
export function toCause(source: SourceName, error: unknown): Cause {
  return { source, kind: causeKindOf(error), message: describeError(error) };
}

/** What the class of an error stands for that says nothing more. */
const KINDS: ReadonlyMap<string, CauseKind> = new Map([
  ["CommandError", "command"],
  ["PermissionDenied", "unreadable"],
  ["NotCapable", "unreadable"],
]);

/** The kind of an error: its own, or what its class stands for. */
export function causeKindOf(error: unknown): CauseKind {
  if (
    error instanceof SourceError || error instanceof ValidationError || error instanceof UpstreamError ||
    error instanceof TimeoutError
  ) return error.kind;
  if (isExhausted(error)) return "exhausted";
  return error instanceof Error ? KINDS.get(error.name) ?? "unexpected" : "unexpected";
}
