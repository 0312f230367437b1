/**
 * Runs the program from source, with the permissions that the compiled one has.
 *
 * @module
 */

import { networkFlags, programFlags, TOP } from "./program.ts";

const { code } = await new Deno.Command(Deno.execPath(), {
  args: ["run", ...networkFlags(), ...programFlags(Deno.version.deno), `${TOP}/main.ts`, ...Deno.args],
}).spawn().status;
Deno.exit(code);
