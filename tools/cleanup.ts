/**
 * What a tool has begun and must not leave behind when it is told to stop, as by Ctrl-C.
 *
 * @module
 */

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

const unfinished = new Set<string>();

const LISTENERS = Object.entries(EXIT_CODES).map(([signal, code]) =>
  [signal as Deno.Signal, () => {
    for (const path of unfinished) remove(path);
    Deno.exit(code);
  }] as const
);

/**
 * Has a file or folder removed if a signal ends this process before the returned function is called. That function
 * removes nothing: who lives on cleans up by itself.
 */
export function removeIfStopped(path: string): () => void {
  if (unfinished.size === 0) { for (const [signal, listener] of LISTENERS) Deno.addSignalListener(signal, listener); }
  unfinished.add(path);
  return () => {
    if (!unfinished.delete(path) || unfinished.size > 0) return;
    for (const [signal, listener] of LISTENERS) Deno.removeSignalListener(signal, listener);
  };
}

function remove(path: string): void {
  try {
    Deno.removeSync(path, { recursive: true });
  } catch {
    // It is gone already, or nobody may remove it: there is no one left to tell.
  }
}
