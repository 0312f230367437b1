/**
 * The command line: arguments and environment to a Config, a Config to the daemon or a command, their outcome to an exit
 * code.
 *
 * @module
 */

import type { Arguments } from "./lib/config/arguments.ts";
import { parseArguments } from "./lib/config/arguments.ts";
import type { Config } from "./lib/config/config.ts";
import { ConfigError } from "./lib/config/config_error.ts";
import { createConfigDrive } from "./lib/config_drive/config_drive.ts";
import { formatHelp } from "./lib/config/help.ts";
import { readConfig } from "./lib/config/read_config.ts";
import { runGet } from "./lib/control/command/run_get.ts";
import { runStatus } from "./lib/control/command/run_status.ts";
import { runWait } from "./lib/control/command/run_wait.ts";
import { askStatus } from "./lib/control/control_client.ts";
import { runDaemon } from "./lib/daemon.ts";
import { runDiscover } from "./lib/discover/command/run_discover.ts";
import { isExhausted } from "./lib/http1/error.ts";
import { BUILD } from "./lib/system/build_info.ts";
import { dropLateVariables, findEarlyVariables } from "./lib/system/runtime_environment.ts";
import { RUNTIME_FILES } from "./lib/system/runtime_folder.ts";
import { readEnvFile } from "./lib/system/read_env_file.ts";
import { writeOutput } from "./lib/system/standard_output.ts";
import { describeError, escapeControls, SILENT } from "./lib/telemetry/log.ts";

/** What can heal by itself or on the next try. */
const EXIT_FAILURE = 1;
/** `EX_CONFIG` of sysexits(3): what no restart mends. The unit does not try again. */
const EXIT_CONFIG = 78;

/** Runs what the command line asks for and gives the exit code: 0 is success. */
async function main(argv: readonly string[]): Promise<number> {
  const args = parseArguments(argv);
  switch (args.command) {
    case "help":
      print(formatHelp());
      return 0;
    case "version":
      print(`mdproxy4cs ${BUILD.version} (commit ${BUILD.commit}, Deno ${BUILD.deno}, ${BUILD.target})\n`);
      return 0;
  }
  const config = readConfig({
    flags: args.values,
    environment: readVariable,
    file: args.envFile === undefined ? undefined : { path: args.envFile, text: readFile(args.envFile) },
  });
  if (args.command !== "serve") return await runCommand(args, config);
  refuseBackDoors();
  return await runDaemon(config);
}

/** Runs what an operator asks for, and gives the exit code. */
async function runCommand({ command, json, operand, timeoutMs }: Arguments, config: Config): Promise<number> {
  const environment = { socketPath: RUNTIME_FILES.controlSocket, write: print, say: printError };
  switch (command) {
    case "discover": {
      for (const warning of config.warnings) printError(`mdproxy4cs: warning: ${warning}`);
      const drive = createConfigDrive({ ...config.drive, savedPath: undefined, log: SILENT });
      await drive.load();
      const { listen } = config.proxy;
      const terminal = readTerminal();
      return await runDiscover(config.discovery, {
        json,
        write: print,
        drive,
        listen,
        isColored: terminal.isColored,
        ...(terminal.isShown ? { show: showOnTerminal } : {}),
        askService: () => askStatus(RUNTIME_FILES.controlSocket),
      });
    }
    case "status":
      return await runStatus({ json }, environment);
    case "wait":
      return await runWait({ timeoutMs, isShown: Deno.stderr.isTerminal() }, environment);
    case "get": {
      const { listen, requestTimeoutMs, idleTimeoutMs, maxHeaderBytes } = config.proxy;
      // The service itself gives up after its own limit, and says why.
      const limits = { responseTimeoutMs: requestTimeoutMs + 5_000, idleTimeoutMs, maxHeaderBytes };
      return await runGet(operand!, { listen, limits, writeBytes: writeOutput }, environment);
    }
    default:
      throw new ConfigError(`there is no command '${command}'`);
  }
}

/** Refuses to serve secrets where the environment has told the runtime what to do: open a debugger's port, for example. */
function refuseBackDoors(): void {
  dropLateVariables();
  const found = findEarlyVariables();
  if (found.length > 0) throw new ConfigError(`the environment sets ${found.join(", and ")}: unset it`);
}

function readVariable(name: string): string | undefined {
  try {
    return Deno.env.get(name);
  } catch (cause) {
    throw new ConfigError(`${name} must be UTF-8`, { cause });
  }
}

function readFile(path: string): string {
  try {
    return readEnvFile(path);
  } catch (cause) {
    const message = `--env-file: cannot read "${path}": ${(cause as Error).message}`;
    throw isExhausted(cause) ? new Error(message, { cause }) : new ConfigError(message, { cause });
  }
}

/** Whether to show colours, and progress: not in a pipe, and not on a terminal that can do neither. */
function readTerminal(): { readonly isColored: boolean; readonly isShown: boolean } {
  const isDumb = ["", "dumb"].includes(Deno.env.get("TERM") ?? "");
  return {
    isColored: !Deno.noColor && !isDumb && Deno.stdout.isTerminal(),
    isShown: !isDumb && Deno.stderr.isTerminal(),
  };
}

function showOnTerminal(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(text));
}

function printError(line: string): void {
  console.error(escapeControls(line));
}

function print(text: string): void {
  writeOutput(new TextEncoder().encode(text));
}

if (import.meta.main) {
  const code = await main(Deno.args).catch((error) => {
    console.error(`mdproxy4cs: error: ${escapeControls(describeError(error))}`);
    return error instanceof ConfigError ? EXIT_CONFIG : EXIT_FAILURE;
  });
  // Not left to the event loop: a look-up of a name cannot be called off, and takes many seconds where DNS is dead.
  Deno.exit(code);
}
