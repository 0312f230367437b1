/**
 * Reads test data written as hex: two digits a byte, blanks between them as one likes, and comments from `#` to the end of
 * a line.
 *
 * @module
 */

const TESTDATA = new URL("../testdata/", import.meta.url);

/** Reads a file below `tests/testdata/`. */
export function readHex(path: string): Uint8Array<ArrayBuffer> {
  return parseHex(Deno.readTextFileSync(new URL(path, TESTDATA)));
}

/** Parses commented hex. */
export function parseHex(text: string): Uint8Array<ArrayBuffer> {
  const digits = text.replace(/#.*/g, "").match(/[\da-f]{2}/gi) ?? [];
  return Uint8Array.from(digits, (byte) => parseInt(byte, 16));
}

/** The names of the files in a folder below `tests/testdata/`, in order. */
export function listTestdata(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, TESTDATA))].map((entry) => entry.name).sort();
}
