/**
 * The config drive as a provider of metadata: what CloudStack attaches to a VM on a network whose router serves none.
 *
 * It holds what it has read until it is told to read anew: `pre-start.sh` may replace the folder at any time, and what is
 * served is one drive's and never parts of two. Answers like a router's client, so that whoever asks need not know.
 *
 * @module
 */

import { UpstreamError } from "../http1/error.ts";
import type { Client, RequestOptions } from "../http1/client.ts";
import type { RequestHead, UpstreamResponse } from "../http1/message.ts";
import { describeError } from "../telemetry/log.ts";
import type { Log } from "../telemetry/log.ts";
import { CONFIG_DRIVE } from "./address.ts";
import { createDocuments } from "./documents.ts";
import type { Documents } from "./documents.ts";
import { openDrivePassword } from "./drive_password.ts";
import type { DrivePassword } from "./drive_password.ts";
import { readDrive } from "./read_drive.ts";
import { respond } from "./respond.ts";

/** A config drive, or the place where one may come. */
export interface ConfigDrive {
  /** Reads the folder anew. Never fails: a drive that cannot be used is a line in the log, and then there is none. */
  load(): Promise<void>;
  /** Whether there is a drive that can be used. */
  isPresent(): boolean;
  /** Why one that is there cannot be used; `undefined` if it can, or there is none. */
  problem(): string | undefined;
  /**
   * Answers a request for metadata.
   *
   * @throws {UpstreamError} If there is no drive (any more).
   */
  respond(head: RequestHead): UpstreamResponse;
  /** The password on it; one that has nothing to give where there is no drive. */
  readonly password: DrivePassword;
}

/** Where a drive is, and what is noted of it. */
export interface ConfigDriveOptions {
  /** The copy of its `cloudstack` folder; there is never a drive if not given. */
  readonly folder: string | undefined;
  /** Where it is noted which password has been saved; it is not, if not given. */
  readonly savedPath: string | undefined;
  readonly log: Log;
}

/** Creates a drive of which nothing has been read. */
export function createConfigDrive({ folder, savedPath, log }: ConfigDriveOptions): ConfigDrive {
  let documents: Documents | undefined;
  let problem: string | undefined;
  let password = openDrivePassword(undefined, { savedPath, log });

  return {
    async load() {
      if (folder === undefined) return;
      const wasPresent = documents !== undefined;
      try {
        const files = await readDrive(folder);
        const read = files && await createDocuments(files);
        password = openDrivePassword(files?.password, { savedPath, log, onForget: () => forgetFile(folder) });
        documents = read;
        problem = undefined;
        if (files !== undefined) log.info("read the config drive", { folder, keys: files.metadata.size });
        else if (wasPresent) log.info("the config drive is gone", { folder });
      } catch (error) {
        documents = undefined;
        problem = describeError(error);
        password = openDrivePassword(undefined, { savedPath, log });
        log.warn("the config drive cannot be used", { folder, error });
      }
    },

    isPresent: () => documents !== undefined,
    problem: () => problem,

    respond(head) {
      if (documents === undefined) throw new UpstreamError("unreachable", "There is no config drive");
      return respond(documents, head);
    },

    get password() {
      return password;
    },
  };
}

/** Makes a client that answers requests to the drive's "address" from the drive, and makes all others itself. */
export function withConfigDrive(client: Client, drive: Pick<ConfigDrive, "respond">): Client {
  // deno-lint-ignore require-await
  const answer = async (head: RequestHead, { signal, onSent }: RequestOptions): Promise<UpstreamResponse> => {
    signal.throwIfAborted();
    onSent?.({ reused: false });
    return drive.respond(head);
  };
  return {
    request: (address, head, options) =>
      address === CONFIG_DRIVE ? answer(head, options) : client.request(address, head, options),
    close: () => client.close(),
  };
}

/** A signal to read again that comes without a new copy must not bring the password back. */
function forgetFile(folder: string): void {
  try {
    Deno.removeSync(`${folder}/password/vm_password.txt`);
  } catch {
    // The folder may be one that the program only reads; what was saved is noted beside.
  }
}
