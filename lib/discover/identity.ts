/**
 * Whose metadata this machine is to be served: that of the instance-id which proved its first router.
 *
 * A virtual router knows its guests by their address, so another id means another virtual machine's metadata, or a machine
 * that only plays the router. While the process runs nobody of another id becomes the router. A reload or a restart says
 * that the operator accepts one; even then the old one is looked for first.
 *
 * @module
 */

import type { DiscoveryConfig } from "../config/config.ts";
import type { WantedIdentity } from "./search.ts";

/** What is known of this machine's identity. */
export interface Identity {
  /** What a search is to look for; `undefined` for whoever it is. */
  wanted(): WantedIdentity | undefined;
  /** A router was taken. */
  adopt(id: string): void;
  /** The operator accepts another identity, until a router is found. */
  allowChange(): void;
}

/** Starts from what was known before a restart, if anything was. */
export function createIdentity(mode: DiscoveryConfig["identity"], remembered: string | undefined): Identity {
  let known = remembered;
  let mayChange = true;
  return {
    wanted: () => mode === "any" || known === undefined ? undefined : { id: known, mayChange },
    adopt(id) {
      known = id;
      mayChange = false;
    },
    allowChange: () => void (mayChange = true),
  };
}
