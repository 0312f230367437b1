/**
 * Answers that are given at the gate, in bytes that are ready: what is stored and fresh, to requests that the policy keys; and
 * what is stored and stale, where it is that or an error (RFC 5861 section 4), to those that find no room inside.
 *
 * @module
 */

import type { Header } from "../../http1/message.ts";
import type { Cache } from "../cache/cache.ts";
import type { Handler, ReadyRecipient } from "../gate/client_connection.ts";
import type { ClientHead } from "../gate/request_head.ts";
import { createDateText, encodeResponse } from "../gate/response.ts";
import type { EncodedResponse } from "../gate/response.ts";
import type { ProxyMetrics } from "../metrics/proxy_metrics.ts";
import { readClientRequest, urlOf } from "../request/client_request.ts";
import type { RequestRules } from "../request/client_request.ts";
import { pathOf } from "./responder.ts";
import type { Responder } from "./responder.ts";

/** What ready answers come from. */
export interface ReadyAnswerOptions {
  readonly cache: Cache;
  readonly rules: RequestRules;
  readonly responder: Responder;
  readonly counts: ProxyMetrics;
  /** Milliseconds since 1970. */
  readonly date: () => number;
}

/** Creates what gives them. */
export function createReadyAnswers(
  { cacheTtlMs, requireToken }: { readonly cacheTtlMs: number; readonly requireToken: string },
  { cache, rules, responder, counts, date }: ReadyAnswerOptions,
): Pick<Handler, "keyOf" | "ready"> {
  const dateText = createDateText(date);
  // A stored answer makes its fields once for each second of its age: the bytes that they became are good as long.
  const usual = new WeakMap<readonly Header[], EncodedResponse>();

  const encode = (headers: readonly Header[], body: Uint8Array<ArrayBuffer>, recipient: ReadyRecipient) => {
    const isUsual = recipient.persistent && recipient.minor === 1 && recipient.method === "GET";
    const known = isUsual ? usual.get(headers) : undefined;
    if (known !== undefined) return known;
    const encoded = encodeResponse({ status: 200, headers, body }, recipient, dateText());
    if (isUsual) usual.set(headers, encoded);
    return encoded;
  };

  return {
    keyOf(head) {
      if (cacheTtlMs === 0 || requireToken === "yes" || hasRepeatedField(head)) return undefined;
      const request = readClientRequest(asRequest(head), rules);
      if ("kind" in request || request.method === "PUT" || request.token !== undefined) return undefined;
      return request.cacheKey;
    },

    ready(key, recipient, need) {
      const stored = cache.get(key);
      if (stored === undefined) return undefined;
      const from = stored.isFresh() ? "hit" : "stale";
      if (from === "stale" && (need === "fresh" || !stored.isUsableWhenStale())) return undefined;
      const encoded = encode(stored.headers(), stored.body, recipient);
      const { method, target, startedAt } = recipient;
      counts.onCache(from);
      responder.note(200, { method, path: pathOf(target), from, startedAt });
      return encoded;
    },
  };
}

/** Whether a field comes twice: what its values mean together is not for this place to say. */
function hasRepeatedField({ headers }: ClientHead): boolean {
  return new Set(headers.map(([name]) => name)).size < headers.length;
}

/** As the runtime would say it, behind the gate. */
function asRequest(head: ClientHead) {
  const { method, headers } = head;
  return {
    method,
    url: urlOf(head),
    headers: {
      forEach(callback: (value: string, name: string, parent: Headers) => void) {
        for (const [name, value] of headers) callback(value, name, undefined as unknown as Headers);
      },
    },
  };
}
