/**
 * What can go wrong between this program and a router, each with a short name that is also its metric label.
 *
 * @module
 */

/** Why a router did not answer as it should, or was not asked. */
export type UpstreamErrorKind =
  /** Nothing of the router's: this machine has no descriptor, memory or port left to ask it with. */
  | "exhausted"
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

/** The kernel's names for what a process or the whole machine has none left of: processes, descriptors, buffers, memory. */
const WANTS: readonly unknown[] = ["EAGAIN", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"];

/** Tells whether an error is a want of this machine's own, which says nothing of whoever was to be asked. */
export function isExhausted(error: unknown): boolean {
  return error instanceof Error && WANTS.includes((error as { readonly code?: unknown }).code);
}
