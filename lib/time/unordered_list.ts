/**
 * A set for what comes and goes with every request.
 *
 * A `Set` would be less code, but the tables that it outgrows hold one another, and so whatever was in them, until the
 * whole heap is collected: with a few entries per request that was most of the garbage collector's work. Here nobody
 * holds what has left.
 *
 * @module
 */

/** A member's place on an unordered list. */
export interface Slot<T> {
  /** Whose it is; `undefined` when it was cancelled. */
  readonly member: T | undefined;
  /** Takes the member off. Harmless when it was done before. */
  cancel(): void;
}

/** Members in no order. */
export class UnorderedList<T> {
  readonly #entries: Entry<T>[] = [];

  get size(): number {
    return this.#entries.length;
  }

  add(member: T): Slot<T> {
    return new Entry(this.#entries, member);
  }

  /** Those on it now; each may be cancelled while the list is gone through. */
  slots(): readonly Slot<T>[] {
    return [...this.#entries];
  }
}

class Entry<T> implements Slot<T> {
  member: T | undefined;
  #index: number;

  constructor(readonly entries: Entry<T>[], member: T) {
    this.member = member;
    this.#index = entries.push(this) - 1;
  }

  cancel(): void {
    if (this.member === undefined) return;
    this.member = undefined;
    const last = this.entries.pop()!;
    if (last === this) return;
    this.entries[this.#index] = last;
    last.#index = this.#index;
  }
}
