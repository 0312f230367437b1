/**
 * What passes between the gate and the server behind it: heads without what concerns the client's connection only. Pure.
 *
 * @module
 */

import { toBytes } from "../../http1/fields.ts";
import type { Header } from "../../http1/message.ts";
import type { ClientHead } from "./request_head.ts";

/** Names under which fields travel from the server behind the gate, because the runtime changes the real ones. */
export const STANDS_FOR: ReadonlyMap<string, string> = new Map([
  ["mdproxy4cs-cache-control", "cache-control"],
  ["mdproxy4cs-vary", "vary"],
]);

/** This hop's own business. (A runtime took `Upgrade: h2c` with a length for an error, which Java's client sends.) */
const HOP_ONLY: ReadonlySet<string> = new Set([
  "content-length",
  "expect",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/** What a Connection may list that is settled at the gate; what else it names is for whoever passes the request on. */
const SETTLED: ReadonlySet<string> = new Set(["close", "http2-settings", "keep-alive", "upgrade"]);

/** Encodes a client's head for the server behind the gate, where every connection stays open. */
export function encodeInnerHead({ method, target, headers }: ClientHead): Uint8Array<ArrayBuffer> {
  const lines = [`${method} ${target} HTTP/1.1\r\n`];
  for (const [name, value] of toInner(headers)) lines.push(name, ": ", value, "\r\n");
  lines.push("\r\n");
  return toBytes(lines.join(""));
}

/** Picks what of a client's fields is not settled at the gate. */
export function toInner(headers: readonly Header[]): Header[] {
  const kept: Header[] = [];
  for (const field of headers) {
    const [name, value] = field;
    if (HOP_ONLY.has(name)) continue;
    if (name !== "connection") {
      kept.push(field);
      continue;
    }
    const rest = withoutSettled(value);
    if (rest !== undefined) kept.push([name, rest]);
  }
  return kept;
}

function withoutSettled(connection: string): string | undefined {
  const items = connection.split(",").map((item) => item.trim());
  const kept = items.filter((item) => item !== "" && !SETTLED.has(item.toLowerCase()));
  return kept.length === 0 ? undefined : kept.join(", ");
}

/** Picks what the client is to see of the fields of an inner answer, under the names that they stand for. */
export function fromInner(headers: readonly Header[]): Header[] {
  const isDisguised = headers.some(([name]) => STANDS_FOR.has(name));
  return headers.flatMap(([name, value]): Header[] => {
    if (name === "connection" || name === "keep-alive") return [];
    if (!isDisguised) return [[name, value]];
    const real = STANDS_FOR.get(name);
    if (real !== undefined) return value === "" ? [] : [[real, value]];
    return DISGUISED.has(name) ? [] : [[name, value]];
  });
}

const DISGUISED: ReadonlySet<string> = new Set(STANDS_FOR.values());
