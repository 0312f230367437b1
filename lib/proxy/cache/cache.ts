/**
 * Stores good responses in memory: for a few seconds to spare the router a burst, and for longer to be served stale while no
 * router can be reached (RFC 9111; stale-if-error of RFC 5861).
 *
 * Knows how much may be stored, in what it costs; leaves to `storage.ts` what may be and for how long, and to the proxy when
 * a stored response is used. It outlives a change of router: it is the same VM's metadata, and the time it counts as fresh is
 * shorter than the move.
 *
 * @module
 */

import type { Header } from "../../http1/message.ts";
import { SMALL_BODY_BYTES } from "../gate/response.ts";
import { judgeStorage } from "./storage.ts";
import type { Storage, StorageLimits } from "./storage.ts";

/** A response that was stored. */
export interface StoredResponse {
  readonly body: Uint8Array<ArrayBuffer>;
  /** Whether it may be used without asking the router. */
  isFresh(): boolean;
  /** Whether it may be used when no router can be reached. */
  isUsableWhenStale(): boolean;
  /** Its header fields, with its Age: the same list for a whole second. */
  headers(): readonly Header[];
}

/** A store of responses. */
export interface Cache {
  /** How often all was made stale. */
  readonly generation: number;
  get(key: string): StoredResponse | undefined;
  /** Stores a router's 200 if that is allowed and there is room, unless it was asked for in an earlier generation. */
  put(key: string, response: Storable, asked: { readonly generation: number }): void;
  /** Makes all that is stored stale, and what is still on its way not worth storing: what it was copied from may have changed. */
  expire(): void;
}

/** What of a router's 200 is stored. */
export interface Storable {
  readonly headers: readonly Header[];
  readonly body: Uint8Array<ArrayBuffer>;
  /** When it was asked for, by the cache's clock. */
  readonly askedAt: number;
}

/** The limits that a cache keeps. */
export interface CacheLimits extends StorageLimits {
  readonly cacheBytes: number;
}

/**
 * What a stored response costs besides its text and its bytes, as measured in V8's heap and rounded up: the entry with its
 * slot in the map, its lists and the buffer of its body (1 KiB), and a field with its two strings and its slots.
 */
const ENTRY_BYTES = 1_024;
const FIELD_BYTES = 192;

/** What storing a response costs, in bytes. A small body may be held a second time, behind a head that is ready to be sent. */
export function costOf(key: string, { headers, body }: Pick<Storable, "headers" | "body">): number {
  const fields = headers.reduce((sum, [name, value]) => sum + FIELD_BYTES + 2 * (name.length + value.length), 0);
  return ENTRY_BYTES + key.length + fields + body.length + Math.min(body.length, SMALL_BODY_BYTES);
}

/** What a cache tells the time by. */
export interface CacheClock {
  /** A monotonic clock, in milliseconds. */
  readonly now: () => number;
  /** The date as a field has it. */
  readonly dateText: () => string;
}

/** Creates an empty cache that drops what was not used for longest when it is full. */
export function createCache({ cacheBytes, ...limits }: CacheLimits, { now, dateText }: CacheClock): Cache {
  // A map iterates in the order of insertion: the first is the one that was not used for longest.
  const entries = new Map<string, Entry>();
  let total = 0;
  let generation = 0;

  /** The last of them: it need not be moved there. */
  let newest: string | undefined;

  const drop = (key: string) => {
    total -= entries.get(key)?.cost ?? 0;
    entries.delete(key);
    if (key === newest) newest = undefined;
  };
  const setLast = (key: string, entry: Entry) => {
    if (key !== newest) entries.delete(key);
    entries.set(key, entry);
    newest = key;
  };

  return {
    get generation() {
      return generation;
    },

    get(key) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      if (!entry.isFresh() && !entry.isUsableWhenStale()) {
        drop(key);
        return undefined;
      }
      setLast(key, entry);
      return entry;
    },

    put(key, response, asked) {
      if (asked.generation !== generation) return;
      const dated = { ...response, headers: withDate(response.headers, dateText) };
      const cost = costOf(key, dated);
      const storedAt = now();
      const storage = judgeStorage(response.headers, { ...limits, delayMs: storedAt - response.askedAt });
      if (storage === undefined || Math.max(storage.freshForMs, storage.usableForMs) === 0 || cost > cacheBytes) {
        return drop(key);
      }
      total += cost - (entries.get(key)?.cost ?? 0);
      setLast(key, new Entry(dated, { storage, now, storedAt, cost }));
      while (total > cacheBytes) drop(entries.keys().next().value!);
    },

    expire() {
      generation++;
      for (const entry of entries.values()) entry.expire();
    },
  };
}

class Entry implements StoredResponse {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly cost: number;
  /** The fields as one text: as they were read they are parts of the whole head, which would be held with them. */
  readonly #fields: string;
  readonly #now: () => number;
  readonly #askedAt: number;
  readonly #storedAt: number;
  readonly #usableUntil: number;
  readonly #ageBeforeSec: number;
  #freshUntil: number;
  #aged: readonly Header[] | undefined;
  #agedSec = 0;

  constructor(
    { headers, body, askedAt }: Storable,
    { storage: { freshForMs, usableForMs, ageSec }, now, storedAt, cost }: {
      readonly storage: Storage;
      readonly now: () => number;
      readonly storedAt: number;
      readonly cost: number;
    },
  ) {
    this.body = body;
    this.cost = cost;
    this.#fields = headers.map(([name, value]) => `${name}:${value}`).join("\n");
    this.#now = now;
    this.#askedAt = askedAt;
    this.#storedAt = storedAt;
    this.#freshUntil = storedAt + freshForMs;
    this.#usableUntil = storedAt + usableForMs;
    this.#ageBeforeSec = ageSec;
  }

  isFresh(): boolean {
    return this.#now() < this.#freshUntil;
  }

  isUsableWhenStale(): boolean {
    return this.#now() < this.#usableUntil;
  }

  expire(): void {
    this.#freshUntil = this.#storedAt;
  }

  headers(): readonly Header[] {
    // Built once for each second of its life, because it is asked for with every hit.
    const ageSec = Math.floor((this.#now() - this.#askedAt) / 1_000);
    if (this.#aged === undefined || ageSec !== this.#agedSec) {
      const fields = parseFields(this.#fields).filter(([name]) => name !== "age");
      this.#aged = [...fields, ["age", String(this.#ageBeforeSec + ageSec)]];
      this.#agedSec = ageSec;
    }
    return this.#aged;
  }
}

/** Adds the moment of its arrival to an answer that does not say when it was made (RFC 9110 section 6.6.1). */
function withDate(headers: readonly Header[], dateText: () => string): readonly Header[] {
  return headers.some(([name]) => name === "date") ? headers : [...headers, ["date", dateText()]];
}

function parseFields(text: string): Header[] {
  return text.split("\n").map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1)];
  });
}
