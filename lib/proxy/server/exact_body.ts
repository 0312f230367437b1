/**
 * Keeps the runtime's web server from compressing what passes through it.
 *
 * Deno before 2.9 compresses a body by itself when the client takes gzip and the type looks like text, and cannot be
 * told not to; what it respects is a response that must not be transformed (RFC 9111 section 5.2.2.6). From 2.9 on it
 * leaves bodies alone, and nothing is added here.
 *
 * @module
 */

import type { Header } from "../../http1/message.ts";

const [major = 0, minor = 0] = Deno.version.deno.split(".").map(Number);
const COMPRESSES = major < 2 || (major === 2 && minor < 9);

/** The fields with which the runtime sends a body as it is. */
export const asExactBody: (headers: readonly Header[]) => readonly Header[] = COMPRESSES
  ? (headers) =>
    headers.some(([name]) => name === "content-encoding")
      ? headers
      : [...headers, ["cache-control", "no-transform"] as const]
  : (headers) => headers;
