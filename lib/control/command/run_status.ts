/**
 * `mdproxy4cs status`: says what the running service believes, with exit codes as `systemctl status` has them.
 *
 * | exit code | means |
 * |---|---|
 * | 0 | ready: metadata can be had |
 * | 1 | it runs and is not ready |
 * | 3 | it does not run |
 * | 4 | it cannot be told: this user may not ask, or it does not answer |
 *
 * @module
 */

import { toPrintableJson } from "../../telemetry/log.ts";
import { askStatus, ControlError } from "../control_client.ts";
import { formatStatus } from "../format_status.ts";

/** What the commands work with. */
export interface CommandEnvironment {
  readonly socketPath: string;
  /** Writes to standard output. */
  readonly write: (text: string) => void;
  /** Writes a line to standard error. */
  readonly say: (line: string) => void;
}

/** Runs the command. @returns the exit code */
export async function runStatus(
  { json }: { readonly json: boolean },
  { socketPath, write, say }: CommandEnvironment,
): Promise<number> {
  try {
    const status = await askStatus(socketPath);
    write(json ? toPrintableJson(status) : formatStatus(status));
    return status.state === "ready" ? 0 : 1;
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    say(`mdproxy4cs: ${error.message}`);
    return error.kind === "no_service" ? 3 : 4;
  }
}
