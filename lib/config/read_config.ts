/**
 * Lays flags over environment over env file over defaults, and validates the outcome once into a frozen Config.
 *
 * @module
 */

import type { Config } from "./config.ts";
import { ConfigError } from "./config_error.ts";
import { parseEnvFile } from "./env_file.ts";
import { checkMemory } from "./memory_budget.ts";
import type { Flag, Option } from "./options.ts";
import { OPTIONS, variableOf } from "./options.ts";

/** The texts that options were given, by where they came from. */
export interface Layers {
  /** From the command line. */
  readonly flags: ReadonlyMap<Flag, string>;
  /** Reads an environment variable. */
  readonly environment: (variable: string) => string | undefined;
  /** The env file, where one was named. */
  readonly file?: { readonly path: string; readonly text: string } | undefined;
}

/** A text and how the user would name the place it came from. */
interface Given {
  readonly text: string;
  /** `--iname`, or `MDPROXY4CS_INAME`, or `MDPROXY4CS_INAME in /etc/default/mdproxy4cs`. */
  readonly option: string;
  readonly isChosen: boolean;
}

const ROWS: readonly Option[] = OPTIONS;

/**
 * Validates everything the program was told. An empty variable counts as not set.
 *
 * @throws {ConfigError} If a value cannot be used, or not together with another; the message says what would be right.
 */
export function readConfig(layers: Layers): Config {
  const { file } = layers;
  const { values: fromFile, problems } = parseEnvFile(file?.text ?? "");
  const warnings = [
    ...problems.map((problem) => `${file!.path}: ${problem}`),
    ...unknownVariables(fromFile).map((name) => `ignoring ${name} in ${file!.path}: there is no such option`),
  ];
  const slices: Record<string, Record<string, unknown>> = {};
  const put = (place: string, value: unknown) => {
    const [slice, name] = place.split(".") as [string, string];
    (slices[slice] ??= {})[name] = value;
  };
  for (const row of ROWS) {
    const given = findText(row, layers, fromFile);
    put(row.place, parse(row, given, (warning) => warnings.push(warning)));
    if (row.chosen !== undefined) put(row.chosen, given.isChosen);
  }
  // The types of the slices follow from the very rows that were read.
  const config = { ...slices, warnings } as unknown as Config;
  checkMemory(config.proxy);
  checkListeners(config);
  const { server, sources } = config.discovery;
  if (server !== undefined && !sources.includes("server")) {
    warnings.push("--server is not used: --discovery does not name server");
  }
  return deepFreeze(config);
}

/** Finds what counts: a flag before the environment before the file before the default. */
function findText(row: Option, { flags, environment, file }: Layers, fromFile: ReadonlyMap<string, string>): Given {
  const variable = variableOf(row.flag);
  const flag = flags.get(row.flag as Flag);
  if (flag !== undefined) return { text: flag, option: `--${row.flag}`, isChosen: true };
  // Version 1's env file sets every variable to its default: a variable that says the same as nothing is no choice.
  const fromVariable = environment(variable);
  if (fromVariable) return { text: fromVariable, option: variable, isChosen: fromVariable.trim() !== row.default };
  const fromLine = fromFile.get(variable);
  if (fromLine) {
    return { text: fromLine, option: `${variable} in ${file?.path}`, isChosen: fromLine.trim() !== row.default };
  }
  return { text: row.default, option: `--${row.flag}`, isChosen: false };
}

function parse(row: Option, { text, option }: Given, warn: (warning: string) => void): unknown {
  try {
    return row.parse(text.trim(), (clause) => warn(`${option}: "${text}" ${clause}`));
  } catch (cause) {
    throw new ConfigError(`${option}: "${text}" ${(cause as Error).message}`, { cause });
  }
}

/** Two listeners cannot share an address and port: one of them would wait for the other for ever. */
function checkListeners({ proxy, admin }: Config): void {
  const { hostname, port } = proxy.listen;
  if (port === 0 || admin.listen?.hostname !== hostname || admin.listen.port !== port) return;
  throw new ConfigError(
    `--admin-listen must have another address or port than --http-listen: both are ${hostname}, port ${port}`,
  );
}

function unknownVariables(fromFile: ReadonlyMap<string, string>): string[] {
  const known = new Set(ROWS.map((row) => variableOf(row.flag)));
  return [...fromFile.keys()].filter((name) => !known.has(name));
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) {
    if (typeof part === "object" && part !== null) deepFreeze(part);
  }
  return Object.freeze(value);
}
