/**
 * Gives memory back to the system.
 *
 * @module
 */

import { signalItself } from "./runtime_shims.ts";

/** The memory of the process, as far as it matters here. */
export interface Memory {
  /** What it holds with all the garbage in it, in bytes. */
  size(): number;
  /** Frees the garbage and returns its memory: takes some ten milliseconds, in which nothing else is done. */
  collect(): void;
}

/** Less growth is not worth a collection. */
const GROWTH_BYTES = 2 * 1024 * 1024;

/**
 * Creates what frees garbage if there is much of it, to be called when hardly anybody asks for anything. V8 would keep what its
 * heap once took, twice what is in use, for as long as the program is at rest, which in a VM may be months. Compiled code
 * is dropped too, so that the first thousand requests of the next burst take longer.
 *
 * @returns gives memory back, and tells whether it was worth it
 */
export function createMemoryRelease(memory: Memory = OWN_MEMORY): () => boolean {
  let usual = memory.size();
  return () => {
    const size = memory.size();
    if (size < usual + GROWTH_BYTES) {
      // Some of it goes back only after a collection.
      usual = Math.min(usual, size);
      return false;
    }
    memory.collect();
    // Step by step: V8 and malloc give some of it back a moment later, and what is there by then is not usual.
    usual = Math.min(memory.size(), usual + GROWTH_BYTES);
    return true;
  };
}

const OWN_MEMORY: Memory = {
  // Not the size of the heap: V8 keeps pages that it freed, and bytes of bodies lie outside, until a collection like this.
  size: () => Deno.memoryUsage().rss,
  collect() {
    gc?.({ type: "major", execution: "sync", flavor: "last-resort" });
    // Where the unit asks for it, the runtime calls malloc_trim(3) at this signal; else nobody may be there to take it. By
    // itself glibc returns only what lies above all that is in use: a few bytes there keep megabytes.
    if (Deno.env.get("DENO_USR2_MEMORY_TRIM")) signalItself("SIGUSR2");
  },
};

/** V8's, where it runs with `--expose-gc`. */
const { gc } = globalThis as {
  readonly gc?: (
    options: { readonly type: "major"; readonly execution: "sync"; readonly flavor: "last-resort" },
  ) => void;
};
