/**
 * Lets callers that want the same thing at the same time share one piece of work.
 *
 * Each waits under its own signal. Whoever leaves leaves the work to the others; when the last one has left it is ended.
 *
 * @module
 */

/** The work under way, by key. */
export interface Singleflight<T> {
  /**
   * Waits for the work under way for a key; `undefined` if there is none.
   *
   * @throws the signal's reason, if it aborts first
   */
  join(key: string, signal: AbortSignal): Promise<T> | undefined;
  /**
   * Starts the work for a key, and waits for it.
   *
   * @param work is told by its signal that nobody waits any more
   * @throws the signal's reason, if it aborts first
   */
  start(key: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

interface Flight<T> {
  readonly result: Promise<T>;
  readonly unattended: AbortController;
  waiting: number;
}

/** Creates what shares work. */
export function createSingleflight<T>(): Singleflight<T> {
  const flights = new Map<string, Flight<T>>();

  const forget = (key: string, flight: Flight<T>) => {
    if (flights.get(key) === flight) flights.delete(key);
  };

  const wait = (key: string, flight: Flight<T>, signal: AbortSignal): Promise<T> => {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    flight.waiting++;
    const leave = () => {
      reject(signal.reason);
      if (--flight.waiting > 0) return;
      forget(key, flight);
      flight.unattended.abort(signal.reason);
    };
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave);
    const stay = () => signal.removeEventListener("abort", leave);
    flight.result.then((value) => (stay(), resolve(value)), (error) => (stay(), reject(error)));
    return promise;
  };

  return {
    join(key, signal) {
      const flight = flights.get(key);
      return flight && wait(key, flight, signal);
    },
    start(key, signal, work) {
      const unattended = new AbortController();
      const flight: Flight<T> = { result: work(unattended.signal), unattended, waiting: 0 };
      flights.set(key, flight);
      const end = () => forget(key, flight);
      flight.result.then(end, end);
      return wait(key, flight, signal);
    },
  };
}
