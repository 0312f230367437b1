/**
 * Keeps the runtime's web server from changing what passes through it.
 *
 * Deno before 2.9 compresses a body by itself when the client takes gzip and the type looks like text, and cannot be
 * told not to; what it respects is a response that must not be transformed (RFC 9111 section 5.2.2.6). It adds a Vary
 * besides. So those two fields of the router's travel to the gate under names that stand for them, and the gate drops
 * what the runtime made of the real ones. From 2.9 on bodies are left alone.
 *
 * @module
 */

import type { Header } from "../../http1/message.ts";
import { STANDS_FOR } from "../gate/inner_head.ts";
import { COMPRESSES } from "../../system/runtime_shims.ts";

const DISGUISE: ReadonlyMap<string, string> = new Map([...STANDS_FOR].map(([stands, real]) => [real, stands]));

/** The fields with which the runtime sends a body as it is. */
export const asExactBody: (headers: readonly Header[]) => readonly Header[] = COMPRESSES
  ? disguise
  : (headers) => headers;

/** Exported for its test. */
export function disguise(headers: readonly Header[]): Header[] {
  return [
    ...headers.map(([name, value]): Header => [DISGUISE.get(name) ?? name, value]),
    // Tells the gate that there is something to be undone, also where the router sent neither.
    ["mdproxy4cs-vary", ""],
    ["cache-control", "no-transform"],
  ];
}
