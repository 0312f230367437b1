/**
 * Tries whether a gate still accepts, by a connection of the program to itself. It counts when this program has accepted: the
 * kernel alone would go on for a while after it has ceased to.
 *
 * @module
 */

import type { ListenAddress } from "../../config/value.ts";
import { withTimeout } from "../../time/with_timeout.ts";
import type { TimeoutOptions } from "../../time/with_timeout.ts";

/** Tells whether a gate accepts. */
export interface AcceptProbe {
  /** Is to be told of the port of each client that was accepted. */
  onAccepted(port: number): void;
  /** Whether a connection to the address is accepted, tried now. */
  isAccepting(address: ListenAddress, options: TimeoutOptions): Promise<boolean>;
}

/** How long the machine may take to connect to itself. */
const PROBE_TIMEOUT_MS = 2_000;

/** Creates a probe. */
export function createAcceptProbe(): AcceptProbe {
  const probes = new Set<(port: number) => void>();
  return {
    onAccepted(port) {
      for (const note of probes) note(port);
    },

    async isAccepting(address, options) {
      const ports: number[] = [];
      const { promise: accepted, resolve, reject } = Promise.withResolvers<void>();
      let own: number | undefined;
      const note = (port: number) => {
        ports.push(port);
        if (port === own) resolve();
      };
      probes.add(note);
      try {
        await withTimeout(PROBE_TIMEOUT_MS, options, async (signal) => {
          signal.addEventListener("abort", () => reject(signal.reason));
          // Not `using`: compiled, it left every connection open, until there were no descriptors any more.
          const conn = await Deno.connect({ ...address, signal });
          try {
            own = conn.localAddr.port;
            if (!ports.includes(own)) await accepted;
          } finally {
            conn.close();
          }
        });
        return true;
      } catch {
        return false;
      } finally {
        accepted.catch(() => {});
        probes.delete(note);
      }
    },
  };
}
