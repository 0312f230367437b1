/**
 * All that differs between the versions of Deno that this program runs on, 2.4.2 (compiled where only npm can be reached)
 * to 2.9 (released), each with the sentence that says when it can go. When it is empty, so can the file.
 *
 * @module
 */

/** Whether a version of Deno, such as `2.9.6`, is at least another. */
function isAtLeast(version: string, [major, minor]: readonly [major: number, minor: number]): boolean {
  const [ownMajor = 0, ownMinor = 0] = version.split(".").map(Number);
  return ownMajor > major || ownMajor === major && ownMinor >= minor;
}

/**
 * The rights of `--allow-net` that sending to Unix sockets needs: exactly these paths, their folder is not enough. Before 2.9
 * the rights to read and write there are all, and the spelling of this one is an error.
 *
 * Can go when nothing older than 2.9 compiles the program; then write the rights into the list itself.
 */
export function unixSocketRights(denoVersion: string, paths: readonly string[]): string[] {
  return isAtLeast(denoVersion, [2, 9]) ? paths.map((path) => `unix:${path}`) : [];
}

/**
 * Sends a signal to this process, which before 2.9 takes the right to run any program: then it does nothing.
 *
 * Can go when nothing older than 2.9 compiles the program; then call `Deno.kill`.
 */
export function signalItself(signal: Deno.Signal): void {
  try {
    Deno.kill(Deno.pid, signal);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
  }
}
