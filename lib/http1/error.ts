/**
 * What can go wrong between this program and a router, each with a short name that is also its metric label.
 *
 * @module
 */

/** Why a router did not answer as it should. */
export type UpstreamErrorKind =
  | "refused"
  | "unreachable"
  | "connect_timeout"
  | "response_timeout"
  | "reset"
  | "malformed"
  | "too_large"
  | "cut_short"
  | "idle_timeout";

/** A router that did not answer as it should. */
export class UpstreamError extends Error {
  override readonly name = "UpstreamError";
  constructor(readonly kind: UpstreamErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}
