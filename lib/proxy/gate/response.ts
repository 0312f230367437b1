/**
 * The answers that the gate writes itself, and the heads of those that it passes on (RFC 9112). Pure.
 *
 * A runtime's web server changes fields that it knows: it compresses a text and says so, joins what comes twice, counts a
 * length. So what the client is to see of a router's fields never goes through the server behind the gate.
 *
 * @module
 */

import { STATUS_TEXT } from "@std/http/status";
import { endsWithHead, toBytes } from "../../http1/message.ts";
import type { Header } from "../../http1/message.ts";
import type { InnerExchange, InnerHead } from "./inner.ts";

/** A whole answer. What frames it on this hop is added when it is encoded. */
export interface OwnResponse {
  readonly status: number;
  readonly headers: readonly Header[];
  readonly body?: Uint8Array<ArrayBuffer>;
}

/** Whom an answer goes to. */
export interface Recipient {
  readonly method: string;
  readonly minor: 0 | 1;
  /** Whether the connection may stay open. */
  readonly persistent: boolean;
}

/** An answer in bytes. */
export interface EncodedResponse {
  /** The head, with the body where that is small. */
  readonly first: Uint8Array<ArrayBuffer>;
  /** The body where it is not. */
  readonly rest: Uint8Array<ArrayBuffer> | undefined;
  /** Whether the connection stays open behind it. */
  readonly persistent: boolean;
}

/** Up to here a copy of a body, behind its head, is cheaper than a second write. */
export const SMALL_BODY_BYTES = 16_384;

/**
 * Encodes a whole answer.
 *
 * @param date for an answer that has none; of one that was stored the store has seen to it
 */
export function encodeResponse(
  { status, headers, body }: OwnResponse,
  { method, minor, persistent }: Recipient,
  date?: string,
): EncodedResponse {
  const fields = headers.filter(([name]) => name !== "content-length");
  if (date !== undefined && !headers.some(([name]) => name === "date")) fields.push(["date", date]);
  if (!endsWithHead(status)) fields.push(["content-length", String(body?.length ?? 0)]);
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const sent = method === "HEAD" ? undefined : body;
  const isSmall = sent !== undefined && sent.length <= SMALL_BODY_BYTES;
  const behind = isSmall ? sent : undefined;
  const first = encodeResponseHead({ status, lines, behind }, { minor, persistent });
  return { first, rest: isSmall ? undefined : sent, persistent };
}

/**
 * Encodes a head, with what the connection's other end has to know of the connection.
 *
 * @param head.lines the field lines, each with its end
 * @param head.behind what is sent with it
 */
function encodeResponseHead(
  { status, lines, behind }: {
    readonly status: number;
    readonly lines: string;
    readonly behind?: Uint8Array | undefined;
  },
  { minor, persistent }: Pick<Recipient, "minor" | "persistent">,
): Uint8Array<ArrayBuffer> {
  const reason = STATUS_TEXT[status as keyof typeof STATUS_TEXT] ?? "";
  const connection = !persistent ? "connection: close\r\n" : minor === 0 ? "connection: keep-alive\r\n" : "";
  return toBytes(`HTTP/1.1 ${status} ${reason}\r\n${lines}${connection}\r\n`, behind);
}

/** Begins to pass an answer on: encodes its head for a client, with what has come of the body. */
export function beginRelay(
  exchange: Pick<InnerExchange, "takeBody">,
  answer: InnerHead,
  { minor, persistent }: Pick<Recipient, "minor" | "persistent">,
): { readonly first: Uint8Array<ArrayBuffer>; readonly form: "framed" | "content"; readonly persistent: boolean } {
  const { status, headers, framing } = answer;
  // A client of HTTP/1.0 knows no chunks: it gets what is in them, and the end of the connection as the end.
  const isUnchunked = framing === "chunked" && minor === 0;
  const form = isUnchunked ? "content" : "framed";
  let lines = "";
  for (const [name, value] of fromInner(answer)) {
    if (!isUnchunked || name !== "transfer-encoding") lines += `${name}: ${value}\r\n`;
  }
  const stays = persistent && !isUnchunked && !headers.some(isClose);
  const first = encodeResponseHead({ status, lines, behind: exchange.takeBody(form) }, { minor, persistent: stays });
  return { first, form, persistent: stays };
}

const isClose = ([name, value]: Header) => name === "connection" && /\bclose\b/i.test(value);

/** What is the server's to say of an answer whose fields are passed, unless they say it. */
const SERVERS_OWN: ReadonlySet<string> = new Set(["content-length", "date", "transfer-encoding"]);

/** The fields that the client is to get of an inner answer. */
export function fromInner({ headers, passed }: Pick<InnerHead, "headers" | "passed">): readonly Header[] {
  if (passed === undefined) return headers.filter(([name]) => name !== "connection" && name !== "keep-alive");
  return [
    ...passed,
    ...headers.filter(([name]) => SERVERS_OWN.has(name) && !passed.some(([said]) => said === name)),
  ];
}

/** Creates what writes the date for a field: anew once a second. */
export function createDateText(date: () => number): () => string {
  let second = NaN;
  let text = "";
  return () => {
    const now = Math.floor(date() / 1_000);
    if (now !== second) text = new Date(now * 1_000).toUTCString();
    second = now;
    return text;
  };
}
