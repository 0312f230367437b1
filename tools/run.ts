/**
 * Runs the program from source, with the permissions that the compiled one has.
 *
 * @module
 */

import { whyNotDeno } from "./deno_version.ts";
import { networkFlags, programFlags, TOP } from "./program.ts";

const why = whyNotDeno(Deno.version.deno);
if (why !== undefined) {
  console.error(why);
  Deno.exit(1);
}
const { code } = await new Deno.Command(Deno.execPath(), {
  args: ["run", ...networkFlags(), ...programFlags(Deno.version.deno), `${TOP}/main.ts`, ...Deno.args],
}).spawn().status;
Deno.exit(code);
