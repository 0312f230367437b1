/**
 * Reads the command line: which command, and which options were given. Knows flags, not what their values mean.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import type { CommandName, PlainFlag } from "./commands.ts";
import { COMMANDS, PLAIN_FLAGS } from "./commands.ts";
import { ConfigError } from "./config_error.ts";
import { parseTimeoutMs } from "./duration.ts";
import type { Flag, Option } from "./options.ts";
import { OPTIONS } from "./options.ts";

/** What the user asked for, and the text of every option given on the command line. */
export interface Arguments {
  readonly command: "serve" | "help" | "version" | CommandName;
  /** What stands behind the command, where it takes something. */
  readonly operand: string | undefined;
  readonly values: ReadonlyMap<Flag, string>;
  readonly envFile: string | undefined;
  /** Whether the command is to print JSON. */
  readonly json: boolean;
  /** How long `wait` is to wait; `undefined` is for ever. */
  readonly timeoutMs: number | undefined;
}

const ROWS: readonly Option[] = OPTIONS;
const PLAIN: readonly PlainFlag[] = PLAIN_FLAGS;
/** The flags that have a text behind them. */
const TEXTS = [...ROWS, ...PLAIN.filter(({ unit }) => unit !== undefined)].map(({ flag }) => flag);
/** The options that need none. */
const BARE: ReadonlyMap<string, Option> = new Map(
  ROWS.filter(({ bare }) => bare !== undefined).map((row) => [`--${row.flag}`, row]),
);
const SWITCHES = PLAIN.filter(({ unit }) => unit === undefined).map(({ flag }) => flag);

/**
 * Parses the command line.
 *
 * @throws {ConfigError} If a flag is unknown, repeated or lacks its value, or an argument is unexpected or missing.
 */
export function parseArguments(argv: readonly string[]): Arguments {
  const bound = bindValues(argv);
  const parsed = parseArgs(bound, {
    string: TEXTS,
    boolean: SWITCHES,
    alias: { help: "h" },
    collect: [...TEXTS, "json"],
    unknown: (argument, key) => {
      if (key === undefined) return true; // a word: judged below
      throw argument.startsWith("--")
        ? usageError(`unknown long flag '--${key}'`)
        : usageError(`unknown short flag '-${key}'`);
    },
  });
  const nothing = { operand: undefined, values: new Map(), envFile: undefined, json: false, timeoutMs: undefined };
  if (parsed["help"]) return { command: "help", ...nothing };
  if (parsed["version"]) return { command: "version", ...nothing };

  const single = (flag: string): string | undefined => {
    const [value, ...repeats] = parsed[flag] as (string | boolean)[];
    if (repeats.length > 0) throw usageError(`flag '${flag}' cannot be repeated`);
    if (value === "" && !bound.includes(`--${flag}=`)) {
      throw usageError(`expected argument for flag '--${flag}'`);
    }
    return value === undefined ? undefined : String(value);
  };
  const { command, operand } = readWords(parsed._.map(String));
  const values = new Map<Flag, string>();
  for (const { flag } of OPTIONS) {
    const value = single(flag);
    if (value !== undefined) values.set(flag, value);
  }
  const json = single("json") === "true";
  const timeout = single("timeout");
  refuseStrangers(command, [...json ? ["json"] : [], ...timeout === undefined ? [] : ["timeout"]]);
  return {
    command,
    operand,
    values,
    envFile: single("env-file"),
    json,
    timeoutMs: timeout === undefined ? undefined : readTimeout(timeout),
  };
}

/** Tells the command, and what stands behind it. */
function readWords(
  [word, ...rest]: readonly string[],
): Pick<Arguments, "operand"> & { command: "serve" | CommandName } {
  if (word === undefined) return { command: "serve", operand: undefined };
  const command = COMMANDS.find(({ name }) => name === word);
  if (command === undefined) throw usageError(`unexpected argument '${word}'`);
  const operand = "operand" in command ? rest.shift() : undefined;
  if ("operand" in command && !operand) throw usageError(`expected ${command.operand} behind '${word}'`);
  if (rest.length > 0) throw usageError(`unexpected argument '${rest[0]}'`);
  return { command: command.name, operand };
}

/** Refuses flags that go with other commands. */
function refuseStrangers(command: string, flags: readonly string[]): void {
  for (const { flag, commands } of PLAIN) {
    if (commands === undefined || !flags.includes(flag) || commands.some((name) => name === command)) continue;
    const words = commands.map((name) => `'${name}'`).join(" and ");
    throw usageError(`flag '--${flag}' goes with the command${commands.length > 1 ? "s" : ""} ${words}`);
  }
}

function readTimeout(text: string): number {
  try {
    return parseTimeoutMs(text);
  } catch (cause) {
    throw new ConfigError(`--timeout: "${text}" ${(cause as Error).message}`, { cause });
  }
}

/** What the parser would not take for the value of the flag before it: nothing, standard output, a negative number. */
const ODD_VALUE = /^$|^-$|^-\d/;

/**
 * Writes a flag and its value as one, `--flag=value`, where the parser would take the value for a word or another flag. A
 * switch takes the next word only if that is one of its words.
 */
function bindValues(argv: readonly string[]): string[] {
  const end = argv.indexOf("--");
  const own = argv.slice(0, end < 0 ? argv.length : end);
  const bound: string[] = [];
  for (let at = 0; at < own.length; at++) {
    const flag = own[at]!;
    const next = own[at + 1];
    const valued = SWITCHES.find((name) => flag.startsWith(`--${name}=`));
    if (valued !== undefined) throw usageError(`flag '--${valued}' takes no value`);
    const { bare, words } = BARE.get(flag) ?? {};
    const isText = flag.startsWith("--") && TEXTS.includes(flag.slice(2));
    const isValue = next !== undefined && (bare === undefined ? isText && ODD_VALUE.test(next) : words!.includes(next));
    if (isValue) at++;
    const value = isValue ? next : bare;
    bound.push(value === undefined ? flag : `${flag}=${value}`);
  }
  return [...bound, ...argv.slice(own.length)];
}

function usageError(message: string): ConfigError {
  return new ConfigError(`${message}, try --help`);
}
