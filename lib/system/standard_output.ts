/**
 * Standard output: a pipe whose reader may have read enough, or a file on a disk that may be full.
 *
 * @module
 */

/** What was to be printed could not be written. */
export class OutputError extends Error {
  override readonly name = "OutputError";
  constructor(cause: unknown) {
    super("cannot write to standard output", { cause });
  }
}

/**
 * Writes all bytes.
 *
 * @returns whether somebody still reads: who has read enough, as `head` does, has gone
 * @throws {OutputError} If they cannot be written.
 */
export function writeOutput(bytes: Uint8Array): boolean {
  try {
    for (let rest = bytes; rest.length > 0;) rest = rest.subarray(Deno.stdout.writeSync(rest));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) return false;
    throw new OutputError(error);
  }
}
