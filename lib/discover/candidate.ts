/**
 * What is known of one address that may be the router's.
 *
 * @module
 */

import type { SourceName } from "../config/words.ts";

/** Who named a candidate. */
export interface Proposal {
  readonly source: SourceName;
  readonly iface: string | undefined;
  /** The sender of the message that names it, where there is one. */
  readonly from?: string | undefined;
  /** Whether it did so in an earlier search. */
  readonly isRemembered?: boolean;
}

/** An address that may be the router's. */
export interface Candidate {
  /** An IPv4 address, or what stands for a config drive. */
  readonly address: string;
  /** Whether it lies in a network that the machine is attached to. */
  readonly isOnLink: boolean;
  /** Everyone who named it, the most trusted first. */
  readonly proposals: readonly Proposal[];
  /** `foreign` is one that serves metadata, but of another identity than it should. */
  readonly state: "undecided" | "valid" | "foreign" | "invalid" | "refused";
  /** The instance-id that it serves. */
  readonly identity: string | undefined;
  /** Whether it accepted a connection. */
  readonly isConnected: boolean;
  /** When it came to its state, in milliseconds since the search began. */
  readonly elapsedMs: number;
  /** Why it is invalid, foreign or refused. */
  readonly failure?: unknown;
}
