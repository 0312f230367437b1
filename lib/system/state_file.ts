/**
 * A small file that outlives a restart of the program, and that nobody else can have written.
 *
 * @module
 */

import type { Log } from "../telemetry/log.ts";
import { removeLeftOver } from "./runtime_folder.ts";

/** Text in a file. */
export interface StateFile {
  /** What was written last; `undefined`, with the reason in the log, if it cannot be trusted. */
  read(): string | undefined;
  /** Replaces it as a whole: whoever reads it finds the old text or the new one. A failure is logged. */
  write(text: string): void;
}

/** More than is ever written. */
const MAX_BYTES = 4_096;
const MODE = 0o600;
/** Somebody else's rights to write. */
const FOREIGN_WRITE = 0o022;

/** Opens the file; none needs to be there. */
export function openStateFile(path: string, log: Log): StateFile {
  const temporary = `${path}.new`;
  return {
    read() {
      try {
        const flaw = findFlaw(Deno.lstatSync(path));
        if (flaw === undefined) return Deno.readTextFileSync(path);
        log.warn("ignoring what was known before the restart", { file: path, reason: flaw });
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) log.warn("cannot read what was known", { file: path, error });
      }
      return undefined;
    },

    write(text) {
      try {
        removeLeftOver(temporary);
        Deno.writeTextFileSync(temporary, text, { mode: MODE, createNew: true });
        Deno.renameSync(temporary, path);
      } catch (error) {
        log.warn("cannot write what is known", { file: path, error });
      }
    },
  };
}

function findFlaw({ isFile, size, mode, uid }: Deno.FileInfo): string | undefined {
  if (!isFile) return "it is no regular file";
  if (size > MAX_BYTES) return `it is larger than ${MAX_BYTES} bytes`;
  if (uid !== Deno.uid()) return `it belongs to the user with the number ${uid}`;
  return mode !== null && (mode & FOREIGN_WRITE) !== 0 ? "others may write to it" : undefined;
}
