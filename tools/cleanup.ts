/**
 * What a tool has begun and must not leave behind when it is told to stop, as by Ctrl-C.
 *
 * @module
 */

const unfinished = new Set<string>();
let isListening = false;

/**
 * Has a file or folder removed if a signal ends this process before the returned function is called. That function
 * removes nothing: who lives on cleans up by itself.
 */
export function removeIfStopped(path: string): () => void {
  listen();
  unfinished.add(path);
  return () => void unfinished.delete(path);
}

function listen(): void {
  if (isListening) return;
  isListening = true;
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const) {
    Deno.addSignalListener(signal, () => {
      for (const path of unfinished) remove(path);
      Deno.exit(code);
    });
  }
}

function remove(path: string): void {
  try {
    Deno.removeSync(path, { recursive: true });
  } catch {
    // It is gone already, or nobody may remove it: there is no one left to tell.
  }
}
