/**
 * Those who wait for a router.
 *
 * @module
 */

import type { Router } from "./router.ts";

/** A queue of callers, each with its own patience. */
export interface Waiters {
  readonly size: number;
  /** Resolves with the next router served. @throws what `explain` returns, when the signal aborts first. */
  wait(signal: AbortSignal, explain: () => Error): Promise<Router>;
  /** Gives everyone the router. */
  serve(router: Router): void;
  /** Sends everyone away. */
  dismiss(): void;
}

/** Creates an empty queue. */
export function createWaiters(): Waiters {
  const waiting = new Set<{ serve(router: Router): void; dismiss(): void }>();
  return {
    get size() {
      return waiting.size;
    },

    wait: (signal, explain) =>
      new Promise((resolve, reject) => {
        const leave = () => {
          waiting.delete(waiter);
          signal.removeEventListener("abort", waiter.dismiss);
        };
        const waiter = {
          serve(router: Router) {
            leave();
            resolve(router);
          },
          dismiss() {
            leave();
            reject(explain());
          },
        };
        if (signal.aborted) return reject(explain());
        waiting.add(waiter);
        signal.addEventListener("abort", waiter.dismiss);
      }),

    serve: (router) => waiting.forEach((waiter) => waiter.serve(router)),
    dismiss: () => waiting.forEach((waiter) => waiter.dismiss()),
  };
}
