/**
 * The commands that a test network runs. A test that fails leaves behind what it had begun and not waited for yet: that ends
 * with the network, and nobody hears of it any more, so that no later test fails for it.
 *
 * @module
 */

import { runCommand } from "./process.ts";
import type { CommandOptions, Output } from "./process.ts";

/** Runs commands, as `runCommand` does. */
export interface Commands {
  run(argv: readonly string[], options?: CommandOptions): Promise<Output>;
  /** Ends what is under way. Whoever waits for that waits for ever. */
  abandon(): Promise<void>;
}

const NEVER = new Promise<never>(() => {});

/** Creates what runs commands. */
export function createCommands(): Commands {
  const underWay = new Set<Promise<unknown>>();
  let over = new AbortController();
  return {
    async run(argv, options) {
      const { signal } = over;
      const command = runCommand(argv, { ...options, signal });
      underWay.add(command);
      try {
        return await command;
      } finally {
        underWay.delete(command);
        if (signal.aborted) await NEVER;
      }
    },

    async abandon() {
      over.abort();
      over = new AbortController();
      await Promise.allSettled(underWay);
    },
  };
}
