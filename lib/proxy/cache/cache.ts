/**
 * Keeps good answers in memory: for a few seconds to spare the router a burst, and for longer to stand in while no
 * router can be reached (RFC 9111; stale-if-error of RFC 5861).
 *
 * Knows what may be kept, for how long, and how much of it; leaves to the proxy when a kept answer is used. An answer
 * outlives a change of router: it is the same VM's metadata, and the time it counts as fresh is shorter than the move.
 *
 * @module
 */

import type { Header } from "../../http1/message.ts";
import { isVariedBy } from "../request/header_policy.ts";

/** An answer that was kept. */
export interface KeptAnswer {
  readonly body: Uint8Array<ArrayBuffer>;
  /** Whether it may be used without asking the router. */
  isFresh(): boolean;
  /** Whether it may be used when no router can be reached. */
  isGoodEnough(): boolean;
  /** Its header fields, with its Age. */
  headers(): readonly Header[];
}

/** A store of answers. */
export interface Cache {
  get(key: string): KeptAnswer | undefined;
  /** Keeps a router's 200 if that is allowed and there is room. */
  put(key: string, answer: Storable): void;
}

/** What of a router's 200 is kept. */
export interface Storable {
  readonly headers: readonly Header[];
  readonly body: Uint8Array<ArrayBuffer>;
}

/** The limits that a cache keeps. */
export interface CacheLimits {
  /** 0 is never. */
  readonly cacheTtlMs: number;
  readonly cacheBytes: number;
  /** 0 is never. */
  readonly staleIfErrorMs: number;
}

/** What an entry costs besides its text and its body: objects, and slots in the map. */
const ENTRY_OVERHEAD_BYTES = 512;

/**
 * For how long a 200 may be used without asking again, by its header fields.
 *
 * @param ttlMs the longest time
 * @returns milliseconds; `undefined` if it must not be kept at all
 */
export function freshForMs(headers: readonly Header[], ttlMs: number): number | undefined {
  let forMs = ttlMs;
  for (const [name, value] of headers) {
    switch (name) {
      case "set-cookie":
        return undefined;
      case "vary":
        if (!value.toLowerCase().split(",").every((item) => isVariedBy(item.trim()))) return undefined;
        break;
      case "cache-control": {
        // Whoever asks for a check before each use does not want an old copy to stand in either.
        if (/\b(no-store|no-cache|must-revalidate|proxy-revalidate)\b/i.test(value)) return undefined;
        const [, maxAgeSec] = /\bmax-age="?(\d{1,9})/i.exec(value) ?? [];
        if (maxAgeSec !== undefined) forMs = Math.min(forMs, Number(maxAgeSec) * 1_000);
      }
    }
  }
  return forMs;
}

/**
 * Creates an empty cache that drops what was not used for longest when it is full.
 *
 * @param now a monotonic clock, in milliseconds
 */
export function createCache({ cacheTtlMs, cacheBytes, staleIfErrorMs }: CacheLimits, now: () => number): Cache {
  // A map iterates in the order of insertion: the first is the one that was not used for longest.
  const entries = new Map<string, Entry>();
  let total = 0;

  const drop = (key: string) => {
    total -= entries.get(key)?.size ?? 0;
    entries.delete(key);
  };

  return {
    get(key) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      if (!entry.isFresh() && !entry.isGoodEnough()) {
        drop(key);
        return undefined;
      }
      entries.delete(key);
      entries.set(key, entry);
      return entry;
    },

    put(key, answer) {
      drop(key);
      const forMs = freshForMs(answer.headers, cacheTtlMs);
      if (forMs === undefined || Math.max(forMs, staleIfErrorMs) === 0) return;
      const text = answer.headers.reduce((sum, [name, value]) => sum + name.length + value.length, key.length);
      const size = ENTRY_OVERHEAD_BYTES + text + answer.body.length;
      if (size > cacheBytes) return;
      entries.set(key, new Entry(answer, { now, size, forMs, staleIfErrorMs }));
      total += size;
      for (const oldest of entries.keys()) {
        if (total <= cacheBytes) break;
        drop(oldest);
      }
    },
  };
}

class Entry implements KeptAnswer {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly size: number;
  readonly #headers: readonly Header[];
  readonly #now: () => number;
  readonly #storedAt: number;
  readonly #freshUntil: number;
  readonly #goodUntil: number;
  #aged: readonly Header[] | undefined;
  #agedSec = 0;

  constructor(
    { headers, body }: Storable,
    { now, size, forMs, staleIfErrorMs }: {
      readonly now: () => number;
      readonly size: number;
      readonly forMs: number;
      readonly staleIfErrorMs: number;
    },
  ) {
    this.body = body;
    this.size = size;
    this.#headers = headers;
    this.#now = now;
    this.#storedAt = now();
    this.#freshUntil = this.#storedAt + forMs;
    this.#goodUntil = this.#storedAt + staleIfErrorMs;
  }

  isFresh(): boolean {
    return this.#now() < this.#freshUntil;
  }

  isGoodEnough(): boolean {
    return this.#now() < this.#goodUntil;
  }

  headers(): readonly Header[] {
    // Built once for each second of its life, because it is asked for with every hit.
    const ageSec = Math.floor((this.#now() - this.#storedAt) / 1_000);
    if (this.#aged === undefined || ageSec !== this.#agedSec) {
      const ageBefore = Number(this.#headers.find(([name]) => name === "age")?.[1] ?? 0) || 0;
      this.#aged = [...this.#headers.filter(([name]) => name !== "age"), ["age", String(ageBefore + ageSec)]];
      this.#agedSec = ageSec;
    }
    return this.#aged;
  }
}
