/**
 * The command line: arguments and environment to a Config, a Config to the daemon or a command, their outcome to an exit
 * code.
 *
 * @module
 */

import { parseArguments } from "./lib/config/arguments.ts";
import { ConfigError } from "./lib/config/config_error.ts";
import { formatHelp } from "./lib/config/help.ts";
import { readConfig } from "./lib/config/read_config.ts";
import { runDaemon } from "./lib/daemon.ts";
import { BUILD } from "./lib/system/build_info.ts";
import { READABLE } from "./lib/system/permissions.ts";
import { describeError } from "./lib/telemetry/log.ts";

/** Runs what the command line asks for and gives the exit code: 0 is success, 1 is any failure. */
async function main(argv: readonly string[]): Promise<number> {
  const { command, values, envFile, json } = parseArguments(argv);
  switch (command) {
    case "help":
      print(formatHelp());
      return 0;
    case "version":
      print(`mdproxy4cs ${BUILD.version} (commit ${BUILD.commit}, Deno ${BUILD.deno}, ${BUILD.target})\n`);
      return 0;
  }
  const config = readConfig({
    flags: values,
    environment: (variable) => Deno.env.get(variable),
    file: envFile === undefined ? undefined : { path: envFile, text: readEnvFile(envFile) },
  });
  if (command === "serve") return await runDaemon(config);

  // Imported late: what only an operator asks for costs nothing at boot.
  const { runDiscover } = await import("./lib/discover/command/run_discover.ts");
  return await runDiscover(config.discovery, { json, write: print });
}

function readEnvFile(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (cause) {
    const reason = cause instanceof Deno.errors.NotCapable
      ? `the program may only read in ${READABLE.join(", ")}`
      : (cause as Error).message;
    throw new ConfigError(`--env-file: cannot read "${path}": ${reason}`, {
      option: "--env-file",
      value: path,
      cause,
    });
  }
}

function print(text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(Deno.stdout.writeSync(rest));
}

if (import.meta.main) {
  const code = await main(Deno.args).catch((error) => {
    console.error(`mdproxy4cs: error: ${describeError(error)}`);
    return 1;
  });
  // Not left to the event loop: a look-up of a name cannot be called off, and takes many seconds where DNS is dead.
  Deno.exit(code);
}
