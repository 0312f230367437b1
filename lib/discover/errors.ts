/**
 * Why there is no router: one cause for each source that was asked.
 *
 * @module
 */

import type { SourceName } from "../config/options.ts";
import { describeError } from "../telemetry/log.ts";

/** Why a source could not name a router: a short stable word. */
export type SourceErrorKind = "no_interface" | "no_address" | "no_answer" | "deaf" | "network";

/** A source that broke, or has to do without something. */
export class SourceError extends Error {
  override readonly name = "SourceError";
  constructor(readonly kind: SourceErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** Why an address is not the router's: a short stable word. */
export type ValidationErrorKind = "unusable" | "not_allowed" | "status" | "empty" | "not_metadata";

/** An address that cannot or may not be the router's, or a machine that answers otherwise than a router does. */
export class ValidationError extends Error {
  override readonly name = "ValidationError";
  constructor(readonly kind: ValidationErrorKind, message: string) {
    super(message);
  }
}

/** Why one source found no router. */
export interface Cause {
  readonly source: SourceName;
  /** A short stable word. */
  readonly kind: string;
  readonly message: string;
}

/** No router was found. */
export class DiscoveryError extends Error {
  override readonly name = "DiscoveryError";
  readonly kind = "no_router";
  readonly causes: readonly Cause[];

  constructor(causes: readonly Cause[], options?: ErrorOptions) {
    super(`No router found: ${summarize(causes) || "no source has anything to say"}`, options);
    this.causes = causes;
  }
}

function summarize(causes: readonly Cause[]): string {
  return causes
    .filter(({ kind }) => kind !== "silent")
    .map(({ source, message }) => `${source}: ${message}`)
    .join("; ");
}

/** Makes an error the cause of a source's failure; its word is the error's own `kind`, or else the name of its class. */
export function toCause(source: SourceName, error: unknown): Cause {
  const kind = error instanceof Error ? "kind" in error ? String(error.kind) : error.name : "error";
  return { source, kind, message: describeError(error) };
}
