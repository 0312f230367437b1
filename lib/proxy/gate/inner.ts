/**
 * What is behind the gate, as far as the gate knows it: a request in, without what concerns the client's connection only, and
 * an answer out, as much of it at a time as is taken, and with fields that no runtime touches.
 *
 * A runtime's web server changes fields that it knows: it compresses a text and says so, joins what comes twice, counts a
 * length. So all that the client is to see of a router's fields travels in one that it does not know.
 *
 * @module
 */

import { toBytes } from "../../http1/message.ts";
import type { Header, ResponseHead } from "../../http1/message.ts";
import type { ClientHead } from "./request_head.ts";
import { encodeResponseHead } from "./response.ts";
import type { Recipient } from "./response.ts";

/** What answers that is not ready at the gate. */
export interface Inner {
  /** How many exchanges are under way. */
  readonly used: number;
  /** Begins one. */
  open(): InnerExchange;
  /** Gives up what is kept for later. */
  rest(): void;
  /** The same, and for good. */
  close(): void;
}

/** What is known of an answer before its body. */
export type InnerHead = Pick<ResponseHead, "status" | "headers" | "framing">;

/** A request and its answer. */
export interface InnerExchange {
  /** Whether the whole answer was taken. */
  readonly isDone: boolean;
  /**
   * Asks, and waits for the head of the answer. Once.
   *
   * @throws {Error} If there is none.
   */
  ask(head: ClientHead, maxHeadBytes: number): Promise<InnerHead>;
  /** Takes what has come of the body: as it is framed, or its content only. Good until the next is waited for; may be empty. */
  takeBody(form: "framed" | "content"): Uint8Array<ArrayBuffer>;
  /** Waits for more of the body. @throws {Error} If there is none although there should be. */
  more(): Promise<void>;
  /** Ends it: what is not over is cut, which whoever answers notices. Harmless when done before. */
  release(): void;
}

/** Begins to pass an answer on: encodes its head for a client, with what has come of the body. */
export function beginRelay(
  exchange: InnerExchange,
  { status, headers, framing }: InnerHead,
  { minor, persistent }: Pick<Recipient, "minor" | "persistent">,
): { readonly first: Uint8Array<ArrayBuffer>; readonly form: "framed" | "content"; readonly persistent: boolean } {
  // A client of HTTP/1.0 knows no chunks: it gets what is in them, and the end of the connection as the end.
  const isUnchunked = framing === "chunked" && minor === 0;
  const form = isUnchunked ? "content" : "framed";
  const lines = fromInner(isUnchunked ? headers.filter(([name]) => name !== "transfer-encoding") : headers);
  const stays = persistent && !isUnchunked && !headers.some(isClose);
  const first = encodeResponseHead({ status, lines, behind: exchange.takeBody(form) }, { minor, persistent: stays });
  return { first, form, persistent: stays };
}

const isClose = ([name, value]: Header) => name === "connection" && /\bclose\b/i.test(value);

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

/** The field of an answer that carries all others. */
export const CARRIER = "mdproxy4cs-fields";

/** What is the server's to say of an answer whose fields are carried, unless they say it. */
const SERVERS_OWN: ReadonlySet<string> = new Set(["content-length", "date", "transfer-encoding"]);

/** Writes fields as one value: with a tab behind each but the last, and two for one within them. */
export function carry(headers: readonly Header[]): string {
  let text = "";
  for (const [name, value] of headers) {
    if (text !== "") text += "\t";
    text += `${name}: ${value.replaceAll("\t", "\t\t")}`;
  }
  return text;
}

/** The lines of fields that were carried. (No value begins or ends with a tab, so that pairs of them are plain to see.) */
function linesOf(carried: string): string {
  if (carried === "") return "";
  const lines = carried.includes("\t\t")
    ? carried.replace(/\t\t?/g, (tabs) => tabs === "\t" ? "\r\n" : "\t")
    : carried.replaceAll("\t", "\r\n");
  return `${lines}\r\n`;
}

/** The field lines that the client is to get of an inner answer. */
export function fromInner(headers: readonly Header[]): string {
  const carried = headers.find(([name]) => name === CARRIER)?.[1];
  const said = carried === undefined ? "" : linesOf(carried);
  let lines = said;
  for (const [name, value] of headers) {
    if (name === "connection" || name === "keep-alive") continue;
    const isPassed = carried === undefined || SERVERS_OWN.has(name) && !says(said, name);
    if (isPassed) lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

function says(lines: string, name: string): boolean {
  return lines.startsWith(`${name}: `) || lines.includes(`\n${name}: `);
}
