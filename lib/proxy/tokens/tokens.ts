/**
 * Session tokens, as EC2's IMDSv2 has them: a PUT gives one, and later requests must show it. What can make a program
 * on this machine fetch a URL can rarely make it send a PUT and a header of choice.
 *
 * A token is kept by nobody: it says itself how long it is good, and bears a code that only this process can make. So
 * there is no number of tokens, however large, that pushes one out. A restart makes a new key, and clients fetch another.
 *
 * | bytes | meaning |
 * |---|---|
 * | 0-5 | until when it is good, in milliseconds of the process's clock, big-endian |
 * | 6-15 | random |
 * | 16-31 | the first half of HMAC-SHA-256 over bytes 0-15 |
 *
 * as base64url without padding: 43 characters.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import type { RequestBy } from "../request/client_request.ts";
import { hmacSha256 } from "./sha256.ts";

/** Where a token is asked for. */
const TOKEN_PATH = "/latest/api/token";
/** The header that says for how many seconds a token was given. */
const TTL_HEADER = "x-aws-ec2-metadata-token-ttl-seconds";

/** Six hours, as in IMDSv2. */
const MAX_TTL_SEC = 21_600;

/** Gives tokens and knows them again. */
export interface Tokens {
  /** Makes a token that is good for so many seconds. */
  issue(ttlSec: number): string;
  /** Tells whether a token was given out and is still good. */
  isValid(token: string): boolean;
}

/** Parses the wanted lifetime of a token, 1 to 21600 seconds; `undefined` if it is anything else. */
export function parseTokenTtlSec(text: string | undefined): number | undefined {
  const seconds = text !== undefined && /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return seconds >= 1 && seconds <= MAX_TTL_SEC ? seconds : undefined;
}

/** Answers a PUT with a token, if that is what it asks for, or says with which status to refuse it. */
export function answerTokenRequest({ target, tokenTtl }: RequestBy<"PUT">, tokens: Tokens): Response | number {
  if (target !== TOKEN_PATH) return STATUS_CODE.MethodNotAllowed;
  const ttlSec = parseTokenTtlSec(tokenTtl);
  if (ttlSec === undefined) return STATUS_CODE.BadRequest;
  return new Response(tokens.issue(ttlSec), {
    headers: { "content-type": "text/plain", "cache-control": "no-store", [TTL_HEADER]: String(ttlSec) },
  });
}

/** What a token is made of, in bytes. */
const EXPIRY = 6;
const SIGNED = 16;
const LENGTH = 32;

/** So many tokens that were found good are known without computing their code again, which takes some 20 us. */
const MAX_VERIFIED = 64;

/**
 * Creates tokens under a key of their own.
 *
 * @param options.now a monotonic clock, in milliseconds
 * @param options.random fills an array with random bytes
 */
export function createTokens(
  { now, random = (bytes) => crypto.getRandomValues(bytes) }: {
    readonly now: () => number;
    readonly random?: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>;
  },
): Tokens {
  const key = random(new Uint8Array(32));
  /** Until when each is good. Nothing is lost with an entry but time. */
  const verified = new Map<string, number>();

  const sign = (token: Uint8Array): string => {
    token.set(hmacSha256(key, token.subarray(0, SIGNED)).subarray(0, LENGTH - SIGNED), SIGNED);
    return base64url(token);
  };

  /** @returns until when it is good; `undefined` if it is none of this process's */
  const verify = (token: string): number | undefined => {
    const bytes = fromBase64url(token);
    if (bytes === undefined || !isEqual(sign(bytes), token)) return undefined;
    const view = new DataView(bytes.buffer);
    const expiresAt = view.getUint16(0) * 2 ** 32 + view.getUint32(2);
    if (verified.size >= MAX_VERIFIED) verified.clear();
    verified.set(token, expiresAt);
    return expiresAt;
  };

  return {
    issue(ttlSec) {
      const token = new Uint8Array(LENGTH);
      random(token.subarray(EXPIRY, SIGNED));
      const view = new DataView(token.buffer);
      const expiresAt = Math.ceil(now() + ttlSec * 1_000);
      view.setUint16(0, Math.floor(expiresAt / 2 ** 32));
      view.setUint32(2, expiresAt % 2 ** 32);
      return sign(token);
    },

    isValid(token) {
      const expiresAt = verified.get(token) ?? verify(token);
      return expiresAt !== undefined && now() < expiresAt;
    },
  };
}

/** Compares texts in a time that tells nothing of where they differ. */
function isEqual(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** @returns `undefined` if the text is no token's */
function fromBase64url(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[\w-]{43}$/.test(text)) return undefined;
  return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));
}
