/**
 * What a source of a router's address is.
 *
 * @module
 */

import type { SourceError } from "./source_error.ts";
import type { Host } from "../../system/host.ts";
import type { Network } from "./network.ts";

/** How a source came to name an address. */
export interface NamedBy {
  readonly iface?: string | undefined;
  /** The sender of the message that names it, where there is one: a server that names others has fewer places. */
  readonly from?: string | undefined;
}

/** What a source is given when it is asked. */
export interface Ask {
  readonly host: Host;
  readonly network: Network;
  /** The fixed address that the program was told, if any. */
  readonly server: string | undefined;
  /** A router that was good until a moment ago, if any. */
  readonly known: string | undefined;
  /** How often to ask whoever does not answer. */
  readonly retryMs: number;
  /** Ends the search. */
  readonly signal: AbortSignal;
  /** Names a possible router. It is validated by whoever asks. An interface may be given alone. */
  propose(address: string, by?: string | NamedBy): void;
  /** Says what the source has to do without. */
  note(trouble: SourceError): void;
}

/**
 * Asks one source: it proposes what it knows, or returns without a word, or rejects with why it broke. It is asked again
 * after a while for as long as the search goes on.
 */
export type Source = (ask: Ask) => Promise<void>;
