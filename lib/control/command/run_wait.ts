/**
 * `mdproxy4cs wait`: ends as soon as metadata can be had. It is told of every change; only while no service runs does it
 * look for one, twice a second.
 *
 * @module
 */

import { SYSTEM_CLOCK } from "../../time/clock.ts";
import type { Clock } from "../../time/clock.ts";
import { askService, ControlError } from "../control_client.ts";
import { summarizeStatus } from "../format_status.ts";
import type { CommandEnvironment } from "./run_status.ts";

/** How often a service that does not run is looked for. */
const LOOK_AGAIN_MS = 500;

/** How to wait. */
export interface WaitOptions {
  /** `undefined` is for ever. */
  readonly timeoutMs: number | undefined;
  /** Whether somebody is looking, who wants to see what is waited for. */
  readonly isShown: boolean;
  readonly clock?: Clock;
}

/** Runs the command. @returns the exit code: 0 when metadata can be had, 1 when the time was up before */
export async function runWait(
  { timeoutMs, isShown, clock = SYSTEM_CLOCK }: WaitOptions,
  { socketPath, say }: CommandEnvironment,
): Promise<number> {
  const over = new AbortController();
  const limit = clock.schedule(timeoutMs ?? Infinity, () => over.abort());
  let cause = "";
  const note = (text: string) => {
    if (isShown && text !== cause) say(`waiting: ${text}`);
    cause = text;
  };
  /** Watches the service for as long as it runs; whether it became ready. */
  const watch = async (): Promise<boolean> => {
    try {
      for await (const status of askService(socketPath, "watch", over.signal)) {
        if (status.state === "ready") return true;
        note(summarizeStatus(status));
      }
    } catch (error) {
      if (!(error instanceof ControlError)) throw error;
      note(error.message);
    }
    return false;
  };
  try {
    for (; !over.signal.aborted; await clock.sleep(LOOK_AGAIN_MS, over.signal)) {
      if (await watch()) return 0;
    }
    say(`mdproxy4cs: error: no metadata within ${timeoutMs! / 1_000} s: ${cause}`);
    return 1;
  } finally {
    limit.cancel();
  }
}
