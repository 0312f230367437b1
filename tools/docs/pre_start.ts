/**
 * `pre-start.sh` with the name of every variable in it: it says which ones are none, and the program, which may not list its
 * environment, cannot.
 *
 * @module
 */

import { OPTIONS, variableOf } from "../../lib/config/options.ts";
import { TOP } from "../program.ts";

const LIST = /^variables="[^"]*"$/m;
const WIDTH = 120;

/** The script as it stands, with the list written anew. */
export function fillPreStart(): string {
  const lines = ['variables="'];
  for (const { flag } of OPTIONS) {
    const word = `${variableOf(flag)} `;
    if (lines.at(-1)!.length + word.length > WIDTH) lines.push("");
    lines.push(lines.pop() + word);
  }
  return Deno.readTextFileSync(`${TOP}/assets/pre-start.sh`).replace(LIST, `${lines.join("\\\n").trimEnd()}"`);
}
