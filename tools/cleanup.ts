/**
 * What a tool has begun and must not leave behind when it is told to stop, as by Ctrl-C.
 *
 * @module
 */

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

const unfinished = new Set<() => void>();

const LISTENERS = Object.entries(EXIT_CODES).map(([signal, code]) =>
  [signal as Deno.Signal, () => {
    for (const undo of unfinished) undo();
    Deno.exit(code);
  }] as const
);

/**
 * Has something undone if a signal ends this process before the returned function is called. That function undoes
 * nothing: who lives on cleans up by itself.
 */
export function undoIfStopped(undo: () => void): () => void {
  if (unfinished.size === 0) { for (const [signal, listener] of LISTENERS) Deno.addSignalListener(signal, listener); }
  unfinished.add(undo);
  return () => {
    if (!unfinished.delete(undo) || unfinished.size > 0) return;
    for (const [signal, listener] of LISTENERS) Deno.removeSignalListener(signal, listener);
  };
}

/** The same for a file or folder, which is removed. */
export function removeIfStopped(path: string): () => void {
  return undoIfStopped(() => remove(path));
}

function remove(path: string): void {
  try {
    Deno.removeSync(path, { recursive: true });
  } catch {
    // It is gone already, or nobody may remove it: there is no one left to tell.
  }
}
