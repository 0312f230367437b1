/**
 * A set for what comes and goes with every request.
 *
 * A `Set` would be less code, but the tables that it outgrows hold one another, and so whatever was in them, until the
 * whole heap is collected: with a few entries per request that was most of the garbage collector's work. Here nobody
 * holds what has left.
 *
 * @module
 */

/** A member's place on a roster. */
export interface Registration<T> {
  /** Whose it is; `undefined` when it was cancelled. */
  readonly member: T | undefined;
  /** Takes the member off. Harmless when it was done before. */
  cancel(): void;
}

/** Members in no order. */
export class Roster<T> {
  readonly #places: Place<T>[] = [];

  get size(): number {
    return this.#places.length;
  }

  add(member: T): Registration<T> {
    return new Place(this.#places, member);
  }

  /** Those on it now; each may be cancelled while the list is gone through. */
  registrations(): readonly Registration<T>[] {
    return [...this.#places];
  }
}

class Place<T> implements Registration<T> {
  member: T | undefined;
  #index: number;

  constructor(readonly places: Place<T>[], member: T) {
    this.member = member;
    this.#index = places.push(this) - 1;
  }

  cancel(): void {
    if (this.member === undefined) return;
    this.member = undefined;
    const last = this.places.pop()!;
    if (last === this) return;
    this.places[this.#index] = last;
    last.#index = this.#index;
  }
}
