/**
 * Where log lines go: standard output, or a file.
 *
 * @module
 */

import { WRITABLE } from "./permissions.ts";

/** An open destination of log lines. */
export interface LogSink {
  /** @returns whether the whole line was written: a reader that went away or a full disk must not stop metadata from being served */
  write(line: string): boolean;
  close(): void;
}

/** The name of standard output in options. */
export const STANDARD_OUTPUT = "-";

/**
 * Opens the destination. A file is appended to, and created readable by its owner and group only.
 *
 * @throws {Error} If the file cannot be opened; the message says where it may be.
 */
export function openLogSink(path: string): LogSink {
  if (path === STANDARD_OUTPUT) return { write: createLineWriter(Deno.stdout), close() {} };
  const file = openFile(path);
  return { write: createLineWriter(file), close: () => file.close() };
}

function openFile(path: string): Deno.FsFile {
  try {
    refuseSpecialFile(path);
    return Deno.openSync(path, { append: true, create: true, mode: 0o640 });
  } catch (cause) {
    const reason = cause instanceof Deno.errors.NotCapable
      ? "the program may not write there"
      : (cause as Error).message;
    throw new Error(
      `Cannot open --log-file "${path}": ${reason}; a log may be in ${WRITABLE.join(", ")}, ` +
        "under the unit in /var/log/mdproxy4cs",
      { cause },
    );
  }
}

/**
 * Opening a FIFO waits for somebody at its other end, for as long as that takes. A link of somebody else's may lead anywhere:
 * Deno follows it by itself, past the kernel's protection of links in folders where others write.
 */
function refuseSpecialFile(path: string): void {
  try {
    const { isSymlink, uid } = Deno.lstatSync(path);
    if (isSymlink && uid !== 0 && uid !== Deno.uid()) throw new Error("it is a link that somebody else made");
    if (!Deno.statSync(path).isFile) throw new Error("it is not a regular file");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function createLineWriter(destination: { writeSync(bytes: Uint8Array): number }): LogSink["write"] {
  const encoder = new TextEncoder();
  /** Whether the last line has a beginning and no end. */
  let isTorn = false;
  return (line) => {
    try {
      for (let rest = encoder.encode(isTorn ? `\n${line}` : line); rest.length > 0;) {
        rest = rest.subarray(destination.writeSync(rest));
        isTorn = rest.length > 0;
      }
      return true;
    } catch {
      return false;
    }
  };
}
