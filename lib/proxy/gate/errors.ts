/**
 * Why an answer does not reach its client.
 *
 * @module
 */

/** The client went away before it had its answer. */
export class ClientGoneError extends Error {
  override readonly name = "ClientGoneError";
  readonly kind = "client_gone";
}

/** The client takes nothing any more, or takes too long over it. */
export class ClientTimeoutError extends Error {
  override readonly name = "ClientTimeoutError";
  readonly kind = "client_timeout";
}

/** The program stops, and does not wait any longer. */
export class StoppingError extends Error {
  override readonly name = "StoppingError";
  readonly kind = "stopping";
}
