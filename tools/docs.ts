/**
 * Writes what is generated from the table of options into `assets/`: the reference env file, the man page, and the
 * shells' completions. A test says so when they were not written anew.
 *
 * @module
 */

import { completeBash, completeFish, completeZsh } from "./docs/completions.ts";
import { formatEnvFile } from "./docs/env_file.ts";
import { formatManPage } from "./docs/man_page.ts";
import { TOP } from "./program.ts";

/** The text of each generated file, by its name in `assets/`. */
export const DOCUMENTS: Readonly<Record<string, () => string>> = {
  "default": formatEnvFile,
  "mdproxy4cs.8": formatManPage,
  "mdproxy4cs.bash": completeBash,
  "mdproxy4cs.fish": completeFish,
  "_mdproxy4cs": completeZsh,
};

if (import.meta.main) {
  for (const [name, format] of Object.entries(DOCUMENTS)) await Deno.writeTextFile(`${TOP}/assets/${name}`, format());
}
