/**
 * The password on a config drive, asked for as a router's is: given once each time that the drive is read, where a router
 * gives it until it was saved, and never again after the guest has said that it saved it.
 *
 * A drive stays as it is when the password was saved, where a router forgets it: so it is noted which one that was, over
 * reloads and restarts. Not over a reboot, whose guest programs expect what CloudStack's own script does.
 *
 * @module
 */

import type { Log } from "../telemetry/log.ts";
import { fingerprint } from "./fingerprint.ts";
import type { DriveFile } from "./read_drive.ts";

/** What the router's password server says when there is nothing to give, or to an acknowledgement. */
const SAVED = "saved_password";

/** The password on a drive. */
export interface DrivePassword {
  /** Gives it, the first time; `saved_password` from then on, or where there is none. */
  take(): Promise<string>;
  /** Forgets it for good. */
  forget(): Promise<void>;
}

/** What is done with it. */
export interface DrivePasswordOptions {
  readonly savedPath: string | undefined;
  readonly log: Log;
  /** Called when it is forgotten for good. */
  readonly onForget?: () => void;
}

/** Opens the password of a drive that was just read. */
export function openDrivePassword(
  file: DriveFile | undefined,
  { savedPath, log, onForget = () => {} }: DrivePasswordOptions,
): DrivePassword {
  // As the router's server prints it: a line.
  const text = file === undefined ? "" : new TextDecoder().decode(file.bytes).trim();
  let state: "untouched" | "given" | "forgotten" = text === "" || text === SAVED ? "forgotten" : "untouched";

  return {
    async take() {
      if (state !== "untouched") return SAVED;
      // Before anything is waited for: two who ask at once are not both given it.
      state = "given";
      if (await fingerprint(text) !== readSaved(savedPath)) return text;
      state = "forgotten";
      return SAVED;
    },
    async forget() {
      if (state === "forgotten") return;
      state = "forgotten";
      onForget();
      try {
        if (savedPath !== undefined) Deno.writeTextFileSync(savedPath, await fingerprint(text), { mode: 0o600 });
      } catch (error) {
        log.warn("cannot note that the password was saved", { path: savedPath, error });
      }
    },
  };
}

function readSaved(path: string | undefined): string | undefined {
  try {
    return path === undefined ? undefined : Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}
