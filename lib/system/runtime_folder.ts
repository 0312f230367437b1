/**
 * The one folder for what the program needs while the machine runs: sockets that only it may reach, and what shall
 * outlive a restart. The unit makes it (`RuntimeDirectory=`); started otherwise, the program does.
 *
 * @module
 */

import type { Log } from "../telemetry/log.ts";

/** Its path. */
export const RUNTIME_FOLDER = "/run/mdproxy4cs";

/** Where pre-start.sh, as root, puts what only root may read: root writes into nobody else's folder. */
export const ROOT_FOLDER = "/run/mdproxy4cs-root";

/** What is in the two. What is not named here may not be connected to. */
export const RUNTIME_FILES = Object.freeze({
  /** The private end of the server of requests. */
  innerSocket: `${RUNTIME_FOLDER}/inner.sock`,
  /** Where the commands `status`, `wait` and `get` ask the service. */
  controlSocket: `${RUNTIME_FOLDER}/control.sock`,
  /** The program's end of the service manager's socket, for a moment. */
  notifySocket: `${RUNTIME_FOLDER}/notify.sock`,
  /** What was known of the router. */
  state: `${RUNTIME_FOLDER}/router.json`,
  /** The copy of a config drive. */
  configDrive: `${ROOT_FOLDER}/config-drive`,
  /** Which password on a drive has been saved. */
  savedPassword: `${RUNTIME_FOLDER}/saved-password`,
  /** Copies of leases that only root may read. */
  leases: `${ROOT_FOLDER}/leases`,
});

/** Where a program that uses the folder listens. */
const SOCKETS = ["inner.sock", "control.sock"] as const;

/**
 * Ensures that the folder is there, that nobody else may enter it, and that no other program of this user is at work in it.
 *
 * @returns its path; `undefined`, with the reason in the log, where it cannot be had: what needs it does without
 */
export async function openRuntimeFolder(log: Log, path = RUNTIME_FOLDER): Promise<string | undefined> {
  try {
    makeFolder(path);
    const { isDirectory, uid } = Deno.statSync(path);
    if (!isDirectory) throw new Error("it is not a folder");
    // A service that runs under another user has its sockets there.
    if (uid !== Deno.uid()) throw new Error(`it belongs to the user with the number ${uid}`);
    Deno.chmodSync(path, 0o700);
    // One that listens elsewhere, such as a second one started by hand, must not be cut off from its own sockets.
    for (const name of SOCKETS) {
      if (await isServed(`${path}/${name}`)) throw new Error("another mdproxy4cs is at work in it");
    }
    return path;
  } catch (error) {
    log.warn("doing without a runtime folder", { folder: path, error });
    return undefined;
  }
}

/**
 * Makes way for a socket at the path: its folder may have been taken away, and a run that was killed may have left one there.
 *
 * @throws {Error} If the folder cannot be made, or what is there not removed.
 */
export function makeWay(path: string): void {
  makeFolder(path.slice(0, path.lastIndexOf("/")));
  removeLeftOver(path);
}

/** Makes a folder that nobody else may enter, if there is none. @throws {Error} If it cannot be made. */
function makeFolder(path: string): void {
  try {
    Deno.mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
}

/** Removes what a run of the program that was killed may have left there. @throws {Error} If it is there and cannot be removed. */
export function removeLeftOver(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Whether there is still something at the path: an operator, or what cleans up, may have taken it away. */
export function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}

/** Whether somebody listens on a Unix socket. What a process that is gone has left behind refuses, or is not there. */
async function isServed(path: string): Promise<boolean> {
  try {
    (await Deno.connect({ transport: "unix", path })).close();
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.ConnectionRefused);
  }
}
