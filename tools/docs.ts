/**
 * Writes what is generated: from the table of options the reference env file, the man page, the shells' completions and the
 * names of variables in `pre-start.sh`, all in `assets/`; and the pictures of the README, in `tools/docs/`. A test says so
 * when they were not written anew.
 *
 *   ./dev docs [--demo]
 *
 * `--demo` runs the demo first, in namespaces, and keeps what it prints.
 *
 * @module
 */

import { refuseUnknown } from "./arguments.ts";
import { completeBash, completeFish, completeZsh } from "./docs/completions.ts";
import { drawDemo, TRANSCRIPT, withoutTimes } from "./docs/demo_picture.ts";
import { formatEnvFile } from "./docs/env_file.ts";
import { formatManPage } from "./docs/man_page.ts";
import { drawPlace } from "./docs/place_picture.ts";
import { fillPreStart } from "./docs/pre_start.ts";
import { networkFlags, TOP } from "./program.ts";

/** The text of each generated file, by its name in `assets/`. */
export const DOCUMENTS: Readonly<Record<string, () => string>> = {
  "default": formatEnvFile,
  "mdproxy4cs.8": formatManPage,
  "mdproxy4cs.bash": completeBash,
  "mdproxy4cs.fish": completeFish,
  "_mdproxy4cs": completeZsh,
  "pre-start.sh": fillPreStart,
};

/** Each picture, by its name in `tools/docs/`. */
export const PICTURES: Readonly<Record<string, () => string>> = {
  "demo.svg": () => drawDemo(Deno.readTextFileSync(TRANSCRIPT)),
  "place.svg": drawPlace,
};

/**
 * Runs the demo as `./dev demo` does and returns what it printed, without times.
 *
 * @throws {Error} If it fails.
 */
export async function runDemo(): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "-A", ...networkFlags(), "tools/demo.ts"],
    cwd: TOP,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  if (code !== 0) throw new Error(`The demo failed: ${new TextDecoder().decode(stderr)}`);
  return withoutTimes(new TextDecoder().decode(stdout));
}

if (import.meta.main) {
  refuseUnknown(Deno.args, ["--demo"]);
  if (Deno.args.includes("--demo")) await Deno.writeTextFile(TRANSCRIPT, await runDemo());
  for (const [name, format] of Object.entries(DOCUMENTS)) await Deno.writeTextFile(`${TOP}/assets/${name}`, format());
  for (const [name, draw] of Object.entries(PICTURES)) await Deno.writeTextFile(`${TOP}/tools/docs/${name}`, draw());
}
