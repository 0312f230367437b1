/**
 * Session tokens, as EC2's IMDSv2 has them: a PUT gives one, and later requests must show it. What can make a program
 * on this machine fetch a URL can rarely make it send a PUT and a header of choice.
 *
 * Kept in memory only; a restart forgets them, and clients ask for another.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import type { RequestBy } from "./client_request.ts";
import { emptyResponse } from "../server/respond.ts";

/** Where a token is asked for. */
const TOKEN_PATH = "/latest/api/token";
/** The header that says for how many seconds a token is wanted, and for how many it was given. */
const TTL_HEADER = "x-aws-ec2-metadata-token-ttl-seconds";

/** Six hours, as in IMDSv2. */
const MAX_TTL_SEC = 21_600;

/** Enough for every program in a VM; beyond, the oldest token is forgotten. */
const MAX_TOKENS = 4_096;

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

/** Answers a PUT with a token, if that is what it asks for. */
export function answerTokenRequest({ target, headers }: RequestBy<"PUT">, tokens: Tokens): Response {
  if (target !== TOKEN_PATH) return emptyResponse(STATUS_CODE.MethodNotAllowed);
  const ttlSec = parseTokenTtlSec(headers.find(([name]) => name === TTL_HEADER)?.[1]);
  if (ttlSec === undefined) return emptyResponse(STATUS_CODE.BadRequest);
  return new Response(tokens.issue(ttlSec), {
    headers: { "content-type": "text/plain", "cache-control": "no-store", [TTL_HEADER]: String(ttlSec) },
  });
}

/**
 * Creates an empty store.
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
  const expiries = new Map<string, number>();

  return {
    issue(ttlSec) {
      const [oldest] = expiries.keys();
      if (expiries.size >= MAX_TOKENS && oldest !== undefined) expiries.delete(oldest);
      const token = base64url(random(new Uint8Array(32)));
      expiries.set(token, now() + ttlSec * 1_000);
      return token;
    },
    isValid(token) {
      const valid = now() < (expiries.get(token) ?? -Infinity);
      if (!valid) expiries.delete(token);
      return valid;
    },
  };
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}
