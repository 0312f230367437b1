/**
 * What the web server of Deno before 2.9 needs to pass a body as it is. From 2.9 on nothing here has any effect.
 *
 * @module
 */

import type { Header } from "../http1/message.ts";

const [major = 0, minor = 0] = Deno.version.deno.split(".").map(Number);
const OLD = major < 2 || (major === 2 && minor < 9);

/**
 * The fields with which a body is sent uncompressed. The old server compresses by itself what looks like text if the
 * client takes gzip, and cannot be told not to; what it respects is a response that must not be transformed (RFC 9111
 * section 5.2.2.6).
 */
export const asExactBody: (headers: readonly Header[]) => readonly Header[] = OLD
  ? (headers) =>
    headers.some(([name]) => name === "content-encoding")
      ? headers
      : [...headers, ["cache-control", "no-transform"] as const]
  : (headers) => headers;

/**
 * Creates what frees the pieces of a streamed body, one after the other. The old server holds on to every piece until
 * the body is over, and eight bodies of 50 MB would take 400 MB.
 *
 * @returns takes the piece that is passed on now, and frees the one before the last, which has left by then
 */
export function createPieceRelease(): (piece: Uint8Array<ArrayBuffer>) => void {
  if (!OLD) return () => {};
  let last: ArrayBuffer | undefined;
  let beforeLast: ArrayBuffer | undefined;
  return ({ buffer }) => {
    // Takes the bytes away from JavaScript; the server's own reference stays good for as long as it writes them.
    beforeLast?.transfer(0);
    beforeLast = last;
    last = buffer;
  };
}
