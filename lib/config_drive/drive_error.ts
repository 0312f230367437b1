/**
 * What can be wrong with a config drive, each with a short name.
 *
 * @module
 */

/** Why a drive cannot be used. */
export type DriveErrorKind = "unreadable" | "no_metadata" | "no_instance_id" | "too_large";

/** A drive that is there and cannot be used. */
export class DriveError extends Error {
  override readonly name = "DriveError";
  constructor(readonly kind: DriveErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}
