/**
 * Answers a request for a document as a web server would: conditions (RFC 9110 section 13), ranges (section 14), HEAD.
 * Pure.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import type { Header, RequestHead, ResponseBody, UpstreamResponse } from "../http1/message.ts";
import type { Document, Documents } from "./documents.ts";

const NOTHING = new Uint8Array(0);

/** A drive is replaced at any moment, and its successor's answers are to be seen at once. */
const ASK_ALWAYS: Header = ["cache-control", "no-cache"];

/** Answers from the documents; 404 without a body for what is not there. */
export function respond(documents: Documents, { method, target, headers }: RequestHead): UpstreamResponse {
  const document = documents(target.split("?", 1)[0]!);
  if (document === undefined) return reply(STATUS_CODE.NotFound, [["content-length", "0"]]);
  const fields = new Map(headers.map(([name, value]) => [name.toLowerCase(), value.trim()]));
  const { status, from, to } = choose(document, fields, method);
  const { bytes, etag, modifiedAt, type } = document;
  const validators: Header[] = [["last-modified", new Date(modifiedAt).toUTCString()], ["etag", etag], ASK_ALWAYS];
  switch (status) {
    case STATUS_CODE.NotModified:
      return reply(status, validators);
    case STATUS_CODE.PreconditionFailed:
      return reply(status, [["content-length", "0"]]);
    case STATUS_CODE.RangeNotSatisfiable:
      return reply(status, [["content-range", `bytes */${bytes.length}`], ["content-length", "0"]]);
  }
  const isPart = status === STATUS_CODE.PartialContent;
  return reply(status, [
    ...validators,
    ["accept-ranges", "bytes"],
    ["content-length", String(to - from)],
    ...(isPart ? [["content-range", `bytes ${from}-${to - 1}/${bytes.length}`] as const] : []),
    ["content-type", type],
  ], method === "HEAD" ? NOTHING : bytes.slice(from, to));
}

/** What is to be sent: a status, and which bytes. */
interface Choice {
  readonly status: number;
  readonly from: number;
  readonly to: number;
}

/** In the order of RFC 9110 section 13.2.2. */
function choose(document: Document, fields: ReadonlyMap<string, string>, method: RequestHead["method"]): Choice {
  const { bytes: { length }, etag, modifiedAt } = document;
  const whole = (status: number): Choice => ({ status, from: 0, to: length });
  const ifMatch = fields.get("if-match");
  const ifUnmodifiedSince = parseDate(fields.get("if-unmodified-since"));
  if (ifMatch !== undefined) {
    if (!names(ifMatch, etag, { weak: false })) return whole(STATUS_CODE.PreconditionFailed);
  } else if (ifUnmodifiedSince !== undefined && modifiedAt > ifUnmodifiedSince) {
    return whole(STATUS_CODE.PreconditionFailed);
  }
  const ifNoneMatch = fields.get("if-none-match");
  const ifModifiedSince = parseDate(fields.get("if-modified-since"));
  if (ifNoneMatch !== undefined) {
    if (names(ifNoneMatch, etag, { weak: true })) return whole(STATUS_CODE.NotModified);
  } else if (ifModifiedSince !== undefined && modifiedAt <= ifModifiedSince) {
    return whole(STATUS_CODE.NotModified);
  }
  const range = fields.get("range");
  const ifRange = fields.get("if-range");
  const isSame = ifRange === undefined || ifRange === etag || parseDate(ifRange) === modifiedAt;
  if (range === undefined || method !== "GET" || !isSame) return whole(STATUS_CODE.OK);
  return chooseRange(range, length) ?? whole(STATUS_CODE.OK);
}

/** One range of bytes; `undefined` for what a server may ignore: other units, several ranges, nonsense. */
function chooseRange(range: string, length: number): Choice | undefined {
  const [, first, last] = /^bytes=[ \t]*(\d*)-(\d*)$/i.exec(range) ?? [];
  if (first === undefined || (first === "" && last === "")) return undefined;
  const from = first === "" ? Math.max(0, length - Number(last)) : Number(first);
  const to = first === "" || last === "" ? length : Math.min(length, Number(last) + 1);
  if (first !== "" && last !== "" && Number(last) < Number(first)) return undefined;
  if (from >= length) return { status: STATUS_CODE.RangeNotSatisfiable, from: 0, to: 0 };
  return { status: STATUS_CODE.PartialContent, from, to };
}

/** Whether a list of entity tags names this one; a weak one equals it only where that is enough. */
function names(list: string, etag: string, { weak }: { readonly weak: boolean }): boolean {
  return list === "*" || list.split(",").some((item) => {
    const tag = item.trim();
    return tag === etag || (weak && tag === `W/${etag}`);
  });
}

/** @returns milliseconds since 1970; `undefined` for what is no date */
function parseDate(text: string | undefined): number | undefined {
  const time = text === undefined || !/^[A-Z][a-z]{2}/.test(text) ? NaN : Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}

function reply(status: number, headers: readonly Header[], bytes = NOTHING): UpstreamResponse {
  return { status, headers, body: bodyOf(bytes) };
}

/** A body that is there already. */
function bodyOf(bytes: Uint8Array<ArrayBuffer>): ResponseBody {
  let left: Uint8Array<ArrayBuffer> | undefined = bytes;
  const take = () => {
    const taken = left;
    left = undefined;
    return taken;
  };
  return {
    get length() {
      return left?.length ?? 0;
    },
    takeWhole: take,
    read: () => Promise.resolve(left === undefined || left.length === 0 ? undefined : take()),
    cancel: () => void take(),
  };
}
