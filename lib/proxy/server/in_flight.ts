/**
 * The requests inside that wait for something, which can be ended when the program stops.
 *
 * @module
 */

import { UnorderedList } from "../../time/unordered_list.ts";
import type { Slot } from "../../time/unordered_list.ts";
import { StoppingError } from "../gate/errors.ts";

/** Ends something that is waited for. */
export type Abort = (reason: unknown) => void;

/** What is waited for. */
export class InFlightRequests {
  readonly #waiting = new UnorderedList<Abort>();

  /** Notes how something that is waited for can be ended, until that is cancelled. */
  add(abort: Abort): Slot<Abort> {
    return this.#waiting.add(abort);
  }

  /** Ends all of it. */
  abort(): void {
    for (const { member: abort } of this.#waiting.slots()) abort?.(new StoppingError("The program stops"));
  }
}
