/**
 * Keeps account of the requests that are being served, and can end them.
 *
 * @module
 */

import { UnorderedList } from "../../time/unordered_list.ts";
import type { Slot } from "../../time/unordered_list.ts";
import type { Activity } from "./front.ts";

/** The program stops, and does not wait any longer. */
export class StoppingError extends Error {
  override readonly name = "StoppingError";
  readonly kind = "stopping";
}

/** Ends something that is waited for. */
export type GiveUp = (reason: unknown) => void;

/** The requests that are being served. */
export class Traffic implements Activity {
  readonly #now: () => number;
  readonly #waiting = new UnorderedList<GiveUp>();
  #inFlight = 0;
  #activeAt: number;

  /** @param now a monotonic clock, in milliseconds */
  constructor(now: () => number) {
    this.#now = now;
    this.#activeAt = now();
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get activeAt(): number {
    return this.#activeAt;
  }

  /** Notes that a request has come. */
  touch(at: number): void {
    this.#activeAt = at;
  }

  begin(): void {
    this.#inFlight++;
  }

  end(): void {
    this.#inFlight--;
    this.#activeAt = this.#now();
  }

  /** Notes how something that is waited for can be ended, until that is cancelled. */
  add(giveUp: GiveUp): Slot<GiveUp> {
    return this.#waiting.add(giveUp);
  }

  giveUp(): void {
    for (const { member: giveUp } of this.#waiting.slots()) giveUp?.(new StoppingError("The program stops"));
  }
}
