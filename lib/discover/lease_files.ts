/**
 * Reads the files in which DHCP clients keep their leases.
 *
 * @module
 */

import type { FileContent, Machine } from "../system/host.ts";
import type { Ask } from "./source.ts";

/**
 * Proposes, for each interface, the server named by the file that bears the interface's index. No index is looked up
 * unless the folder has files.
 */
export async function proposeByIndex(
  { machine, network, propose }: Pick<Ask, "machine" | "network" | "propose">,
  { folder, parse }: { readonly folder: string; readonly parse: (text: string) => string | undefined },
): Promise<void> {
  if ((await machine.listFolder(folder)).length === 0) return;
  for (const { name, index } of await network.indexedNics()) {
    const file = await machine.readFile(`${folder}/${index}`);
    const server = file && parse(new TextDecoder().decode(file.bytes));
    if (server !== undefined) propose(server, name);
  }
}

/** A file with its name, without the folder. */
export interface LeaseFile extends FileContent {
  readonly name: string;
}

/** A folder of leases that holds more is not read to its end. */
const MAX_FILES = 64;

/**
 * Reads every file in the folders whose name matches, the newest first. A folder that does not exist is empty.
 *
 * @throws {Error} If something may not be read, and nothing else was there.
 */
export async function readNewest(
  machine: Pick<Machine, "listFolder" | "readFile">,
  { folders, pattern }: { readonly folders: readonly string[]; readonly pattern: RegExp },
): Promise<readonly LeaseFile[]> {
  const files: LeaseFile[] = [];
  const failures: unknown[] = [];
  for (const folder of folders) {
    try {
      const names = (await machine.listFolder(folder)).filter((name) => pattern.test(name)).slice(0, MAX_FILES);
      for (const name of names) {
        const file = await machine.readFile(`${folder}/${name}`);
        if (file !== undefined) files.push({ name, ...file });
      }
    } catch (error) {
      // NetworkManager keeps its folder to root: no reason to miss what lies elsewhere.
      failures.push(error);
    }
  }
  if (files.length === 0 && failures.length > 0) throw failures[0];
  return files.toSorted((a, b) => b.modifiedAt - a.modifiedAt);
}
