/**
 * What a router's 200 allows to be done with it, by its header fields (RFC 9111 sections 3, 4.2 and 5; RFC 5861 section 4).
 * Pure.
 *
 * The store is a shared one: all programs of the VM ask it. Of what the specification leaves open:
 *
 * | what | is done |
 * |---|---|
 * | no lifetime is said | the operator's is taken (`--cache-ttl`), which caps any other too |
 * | a directive comes twice, or is malformed | the stricter reading: the shortest lifetime, or none |
 * | `private` or `no-cache` with field names | as without: nothing is stored |
 * | the age of a response on its arrival | as Age says, and the time it was waited for; not by Date: a VM's clock may be far off while it boots |
 * | `Pragma: no-cache` without Cache-Control | as `no-cache` |
 *
 * `no-transform` needs nothing: nothing is ever transformed. `immutable`, `public`, `must-understand`, `stale-while-revalidate`
 * would allow more than is done.
 *
 * @module
 */

import type { Header } from "../../http1/message.ts";
import { isVariedBy } from "../request/header_policy.ts";

/** How a response may be used. */
export interface Storage {
  /** How long without asking the router. */
  readonly freshForMs: number;
  /** How long, from its arrival, while no router can be reached; 0 is never. */
  readonly usableForMs: number;
  /** How old it was when it was asked for. */
  readonly ageSec: number;
}

/** The longest times that the operator wants. */
export interface StorageLimits {
  /** 0 is never. */
  readonly cacheTtlMs: number;
  /** 0 is never. */
  readonly staleIfErrorMs: number;
}

/**
 * Judges a 200 by its header fields.
 *
 * @param options.delayMs how long it was waited for
 * @returns `undefined` if it must not be stored
 */
export function judgeStorage(
  headers: readonly Header[],
  { delayMs, cacheTtlMs, staleIfErrorMs }: StorageLimits & { readonly delayMs: number },
): Storage | undefined {
  const said = readFields(headers);
  const control = readCacheControl(said.cacheControl ?? (/\bno-cache\b/i.test(said.pragma ?? "") ? "no-cache" : ""));
  if (said.hasCookie || said.isVariedOtherwise || control.isForbidden) return undefined;

  const ageSec = said.age === undefined ? 0 : readAge(said.age);
  const lifetimeSec = control.sharedMaxAgeSec ?? control.maxAgeSec ?? lifetimeByDates(said);
  const leftMs = lifetimeSec === undefined ? cacheTtlMs : Math.max(0, (lifetimeSec - ageSec) * 1_000 - delayMs);
  // s-maxage means proxy-revalidate too.
  const mayBeStale = !control.mustRevalidate && control.sharedMaxAgeSec === undefined;
  return {
    freshForMs: Math.min(leftMs, cacheTtlMs),
    usableForMs: mayBeStale ? Math.min(leftMs + control.staleIfErrorSec * 1_000, staleIfErrorMs) : 0,
    ageSec,
  };
}

/** Whether a response may be given, as it comes, to others that ask alike: what must not be stored is for one request alone. */
export function isForOthersToo(headers: readonly Header[]): boolean {
  return judgeStorage(headers, { delayMs: 0, cacheTtlMs: 0, staleIfErrorMs: 0 }) !== undefined;
}

/** What the fields say that storing depends on. */
interface Said {
  cacheControl?: string;
  pragma?: string;
  expires?: string;
  date?: string;
  age?: string;
  hasCookie: boolean;
  isVariedOtherwise: boolean;
}

function readFields(headers: readonly Header[]): Said {
  const said: Said = { hasCookie: false, isVariedOtherwise: false };
  for (const [name, value] of headers) {
    switch (name) {
      case "cache-control":
        said.cacheControl = said.cacheControl === undefined ? value : `${said.cacheControl}, ${value}`;
        break;
      case "pragma":
        said.pragma = `${said.pragma ?? ""}, ${value}`;
        break;
      case "expires":
        // Two of them are no date, and what is no date is past.
        said.expires = said.expires === undefined ? value : "";
        break;
      case "date":
        said.date = value;
        break;
      case "age":
        said.age ??= value;
        break;
      case "set-cookie":
        said.hasCookie = true;
        break;
      case "vary":
        said.isVariedOtherwise ||= !value.toLowerCase().split(",").every((item) => isVariedBy(item.trim()));
    }
  }
  return said;
}

/** What Cache-Control says, as far as it is heeded. */
interface CacheControl {
  isForbidden: boolean;
  mustRevalidate: boolean;
  maxAgeSec?: number;
  sharedMaxAgeSec?: number;
  staleIfErrorSec: number;
}

/** A directive, with its argument quoted or as a token. */
const DIRECTIVE = /([!#$%&'*+.^_`|~\w-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*)))?/g;

function readCacheControl(text: string): CacheControl {
  const control: CacheControl = { isForbidden: false, mustRevalidate: false, staleIfErrorSec: Infinity };
  if (text === "") return control;
  for (const [, name, quoted, token] of text.matchAll(DIRECTIVE)) {
    const seconds = readSeconds(quoted ?? token);
    switch (name!.toLowerCase()) {
      case "no-store":
      case "no-cache":
      case "private":
        control.isForbidden = true;
        break;
      case "must-revalidate":
      case "proxy-revalidate":
        control.mustRevalidate = true;
        break;
      case "max-age":
        control.maxAgeSec = Math.min(control.maxAgeSec ?? Infinity, seconds);
        break;
      case "s-maxage":
        control.sharedMaxAgeSec = Math.min(control.sharedMaxAgeSec ?? Infinity, seconds);
        break;
      case "stale-if-error":
        control.staleIfErrorSec = Math.min(control.staleIfErrorSec, seconds);
    }
  }
  return control;
}

/** RFC 9111 section 1.2.2: more is as good as for ever. */
const MAX_SECONDS = 2 ** 31;

/** Reads delta-seconds; what is none is no time at all. */
function readSeconds(text: string | undefined): number {
  return text !== undefined && /^\d+$/.test(text) ? Math.min(Number(text), MAX_SECONDS) : 0;
}

/** The first value counts, and what is none is ignored (RFC 9111 section 5.1). */
function readAge(value: string): number {
  return readSeconds(value.split(",", 1)[0]!.trim());
}

/** From the moment that a response was made to the one that it expires at; without a Date there is no clock to compare with. */
function lifetimeByDates({ expires, date }: Said): number | undefined {
  if (expires === undefined) return undefined;
  const end = parseHttpDate(expires);
  const start = date === undefined ? undefined : parseHttpDate(date);
  return end === undefined || start === undefined ? 0 : Math.max(0, (end - start) / 1_000);
}

/** IMF-fixdate; nothing that is met here sends one of the two obsolete forms (RFC 9110 section 5.6.7). */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/;

function parseHttpDate(text: string): number | undefined {
  const time = HTTP_DATE.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(time) ? undefined : time;
}
