/**
 * The config drive: where CloudStack attaches one, it serves the metadata as a router would.
 *
 * @module
 */

import { CONFIG_DRIVE } from "../../config_drive/address.ts";
import { SourceError } from "./source_error.ts";
import type { Source } from "./source.ts";

/** Proposes the drive if there is one. @throws {SourceError} If there is one that cannot be used. */
// deno-lint-ignore require-await
export const configDrive: Source = async ({ host, propose }) => {
  if (host.drive.isPresent()) return propose(CONFIG_DRIVE);
  const problem = host.drive.problem();
  if (problem !== undefined) throw new SourceError("unreadable", `the config drive cannot be used: ${problem}`);
};
