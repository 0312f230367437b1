/**
 * Contract only, until the room is built.
 *
 * @module
 */

import type { RequestHead, UpstreamResponse } from "./message.ts";

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

/** The limits that a client keeps. */
export interface ClientLimits {
  readonly connectTimeoutMs: number;
  readonly responseTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxHeaderBytes: number;
}

/** Asks routers for metadata, over connections that it keeps for the next request. */
export interface Client {
  /**
   * Sends one request to port 80 of the address and reads the head of its answer.
   *
   * @param options.fresh use a new connection, not a kept one
   * @throws {UpstreamError} If the router does not answer as it should.
   * @throws the signal's reason, if it aborts first; the connection is closed then
   */
  request(
    address: string,
    head: RequestHead,
    options: { readonly signal: AbortSignal; readonly fresh?: boolean },
  ): Promise<UpstreamResponse>;
  /** Closes the kept connections. */
  close(): void;
}

/** Creates a client. `connect` is handed in by tests. */
export declare function createClient(limits: ClientLimits, connect?: typeof Deno.connect): Client;
