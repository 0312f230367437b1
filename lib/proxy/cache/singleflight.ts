/**
 * Lets requests for the same thing at the same time share one errand to the router.
 *
 * @module
 */

import type { Errand } from "../upstream/forward.ts";
import type { Answer } from "../upstream/to_answer.ts";

/** The errands under way. Whoever shares one and cancels it leaves it to the others; the last one to do so ends it. */
export interface Flights {
  /** Joins the errand for a key, if there is one. Without an answer if that is a stream: only one can have it. */
  join(key: string): Errand<Answer | undefined> | undefined;
  /** Makes an errand the one for a key. */
  start(key: string, errand: Errand): Errand;
}

interface Flight {
  readonly errand: Errand;
  waiting: number;
}

/** Creates an empty set of flights. */
export function createFlights(): Flights {
  const flights = new Map<string, Flight>();

  const land = (key: string, flight: Flight) => {
    if (flights.get(key) === flight) flights.delete(key);
  };

  const board = (key: string, flight: Flight): Errand => {
    flight.waiting++;
    return {
      answer: flight.errand.answer,
      cancel(reason) {
        if (--flight.waiting > 0) return;
        land(key, flight);
        flight.errand.cancel(reason);
      },
    };
  };

  return {
    join(key) {
      const flight = flights.get(key);
      if (flight === undefined) return undefined;
      const { answer, cancel } = board(key, flight);
      return { answer: answer.then((answer) => isWhole(answer) ? answer : undefined), cancel };
    },
    start(key, errand) {
      const flight: Flight = { errand, waiting: 0 };
      flights.set(key, flight);
      errand.answer.then(() => land(key, flight), () => land(key, flight));
      return board(key, flight);
    },
  };
}

function isWhole({ body }: Answer): boolean {
  return body === undefined || body instanceof Uint8Array;
}
