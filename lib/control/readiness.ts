/**
 * Whether metadata can be had, as the one belief that the status, systemd's status line, `/readyz`, the metrics and `wait` speak
 * of: what is known of the router, and whether clients are served at all.
 *
 * Knows when to look whether they are; leaves looking, and finding the router, to whom it is handed.
 *
 * @module
 */

import type { Log } from "../telemetry/log.ts";
import type { Clock, Timer } from "../time/clock.ts";
import { describeBelief } from "./status.ts";
import type { Belief, Resolved } from "./status.ts";

/** What is believed, kept up to date. */
export interface Readiness {
  /** What is believed now. */
  belief(): Belief;
  /** Looks whether clients are served. @returns whether they are; once it is closed, what was seen last */
  look(): Promise<boolean>;
  /** Calls back when the belief changes, until it is closed. */
  onChange(listener: () => void): void;
  close(): void;
}

/** What it works with. */
export interface ReadinessOptions {
  readonly resolver: {
    status(): Resolved;
    onChange(listener: () => void): void;
  };
  /** Whether clients are served, tried now. */
  readonly isServed: () => Promise<boolean>;
  readonly log: Log;
  readonly clock: Pick<Clock, "schedule">;
}

/** How often to look when nobody asks and nothing is heard of. */
const LOOK_MS = 600_000;
/** The same while clients are not served: somebody may be waiting. */
const LOOK_AGAIN_MS = 1_000;

/** Starts with clients that are served. */
export function createReadiness({ resolver, isServed: tryIt, log, clock }: ReadinessOptions): Readiness {
  const listeners: (() => void)[] = [];
  let isServed = true;
  let isClosed = false;
  let looking: Promise<boolean> | undefined;
  let timer: Timer = clock.schedule(LOOK_MS, look);

  const tell = () => {
    if (!isClosed) listeners.forEach((listener) => listener());
  };
  resolver.onChange(tell);

  function look(): Promise<boolean> {
    if (isClosed) return Promise.resolve(isServed);
    return looking ??= see().finally(() => looking = undefined);
  }

  async function see(): Promise<boolean> {
    const isServedNow = await tryIt();
    if (isClosed) return isServed;
    timer.cancel();
    timer = clock.schedule(isServedNow ? LOOK_MS : LOOK_AGAIN_MS, look);
    if (isServedNow === isServed) return isServed;
    isServed = isServedNow;
    if (isServed) log.info("the listen address is served again");
    else log.warn("the listen address is not served");
    tell();
    return isServed;
  }

  return {
    belief: () => describeBelief(resolver.status(), { isServed }),
    look,
    onChange: (listener) => void listeners.push(listener),
    close() {
      isClosed = true;
      timer.cancel();
    },
  };
}
