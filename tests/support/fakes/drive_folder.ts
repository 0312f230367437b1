/**
 * The copy of a config drive in a folder of the test's own.
 *
 * @module
 */

import type { Metadata } from "../servers/metadata.ts";

/** Writes what CloudStack would put on a drive: a file for each key that has a value, `user-data` among them. */
export async function writeDrive(
  folder: string,
  metadata: Metadata,
  { password }: { readonly password?: string | undefined } = {},
): Promise<void> {
  for (const part of ["metadata", "userdata", "password"]) await Deno.mkdir(`${folder}/${part}`, { recursive: true });
  for (const [key, value] of Object.entries(metadata)) {
    const path = `${folder}/${key === "user-data" ? "userdata/user_data" : `metadata/${key}`}.txt`;
    await (typeof value === "string" ? Deno.writeTextFile(path, value) : Deno.writeFile(path, value));
    await Deno.utime(path, DRIVE_TIME, DRIVE_TIME);
  }
  if (password !== undefined) await Deno.writeTextFile(`${folder}/password/vm_password.txt`, password);
}

/** When the files of a drive were written. */
export const DRIVE_TIME = new Date("2026-01-02T03:04:05.678Z");
