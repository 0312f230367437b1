/**
 * Gives memory back to the system.
 *
 * @module
 */

/** The heap, as far as it matters here. */
export interface Heap {
  /** Its size with all the garbage in it, in bytes. */
  size(): number;
  /** Frees the garbage and returns its memory: takes some ten milliseconds, in which nothing else is done. */
  collect(): void;
}

/** Less growth is not worth a collection. */
const GROWTH = 1.25;

/**
 * Creates what frees garbage if there is much of it, to be called when nobody asks for anything. V8 would keep what its
 * heap once took: twice of what is in use, for as long as it is at rest, which in a VM may be months. It drops compiled
 * code too, so that the first thousand requests of the next burst take longer.
 *
 * @returns gives memory back, and tells whether it was worth it
 */
export function createMemoryRelease(heap: Heap = V8_HEAP): () => boolean {
  let usual = heap.size();
  return () => {
    if (heap.size() < usual * GROWTH) return false;
    heap.collect();
    usual = heap.size();
    return true;
  };
}

const V8_HEAP: Heap = {
  size() {
    // Bytes of bodies lie outside of the heap, and are held until it is collected.
    const { heapTotal, external } = Deno.memoryUsage();
    return heapTotal + external;
  },
  collect: () => gc?.({ type: "major", execution: "sync", flavor: "last-resort" }),
};

/** V8's, where it runs with `--expose-gc`. */
const { gc } = globalThis as {
  readonly gc?: (
    options: { readonly type: "major"; readonly execution: "sync"; readonly flavor: "last-resort" },
  ) => void;
};
