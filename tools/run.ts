/**
 * Runs the program from source, with the permissions that the compiled one has, and ends with it.
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
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  Deno.addSignalListener(signal, () => {
    // Of Ctrl-C a terminal tells the program too, and a second one would end it at once.
    if (signal !== "SIGINT" || !Deno.stdin.isTerminal()) program.kill(signal);
  });
}
const program = new Deno.Command(Deno.execPath(), {
  args: ["run", ...networkFlags(), ...programFlags(Deno.version.deno), `${TOP}/main.ts`, ...Deno.args],
}).spawn();
const { code } = await program.status;
Deno.exit(code);
