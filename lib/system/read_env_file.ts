/**
 * Opens env files.
 *
 * @module
 */

import { READABLE } from "./permissions.ts";

/** An env file has some hundred bytes: more is something else. */
const MAX_BYTES = 1024 * 1024;

/**
 * Reads the text of an env file.
 *
 * @throws {Error} If it cannot be read; the message is a clause that says why.
 */
export function readEnvFile(path: string): string {
  try {
    const { isFile, size } = Deno.statSync(path);
    // Reading a FIFO would wait for somebody at its other end.
    if (!isFile) throw new TypeError("it is not a regular file");
    if (size > MAX_BYTES) throw new TypeError("it is larger than 1 MiB");
    return Deno.readTextFileSync(path);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotCapable)) throw cause;
    throw new Error(`the program may only read in ${READABLE.join(", ")}`, { cause });
  }
}
