/**
 * Reads the command line: which command, and which options were given. Knows flags, not what their values mean.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { ConfigError } from "./config_error.ts";
import type { Flag, Option } from "./options.ts";
import { OPTIONS } from "./options.ts";

/** What the user asked for, and the text of every option given on the command line. */
export interface Arguments {
  readonly command: "serve" | "discover" | "help" | "version";
  readonly values: ReadonlyMap<Flag, string>;
  readonly envFile: string | undefined;
  /** Whether `discover` is to print JSON. */
  readonly json: boolean;
}

const TABLE: readonly Option[] = OPTIONS;
const SWITCHES = [...TABLE.filter((option) => option.placeholder === undefined).map((option) => option.flag), "json"];
const TEXTS = [...TABLE.filter((option) => option.placeholder !== undefined).map((option) => option.flag), "env-file"];

/**
 * Parses the command line.
 *
 * @throws {ConfigError} If a flag is unknown, repeated or lacks its value, or an argument is unexpected.
 */
export function parseArguments(argv: readonly string[]): Arguments {
  const parsed = parseArgs(bindLoneDashes(argv), {
    string: TEXTS,
    boolean: [...SWITCHES, "help", "version"],
    alias: { help: "h" },
    collect: [...TEXTS, ...SWITCHES],
    unknown: (argument, key) => {
      if (key === undefined) return true; // a word: judged below
      throw argument.startsWith("--")
        ? usageError(`unknown long flag '--${key}'`, `--${key}`)
        : usageError(`unknown short flag '-${key}'`, `-${key}`);
    },
  });
  if (parsed["help"]) return { command: "help", values: new Map(), envFile: undefined, json: false };
  if (parsed["version"]) return { command: "version", values: new Map(), envFile: undefined, json: false };

  const [word, ...rest] = parsed._.map(String);
  const unexpected = word === "discover" ? rest[0] : word;
  if (unexpected !== undefined) throw usageError(`unexpected argument '${unexpected}'`);
  const command = word === "discover" ? "discover" : "serve";

  const single = (flag: string): string | undefined => {
    const [value, ...repeats] = parsed[flag] as (string | boolean)[];
    if (repeats.length > 0) throw usageError(`flag '${flag}' cannot be repeated`, `--${flag}`);
    if (value === "" && !argv.includes(`--${flag}=`)) {
      throw usageError(`expected argument for flag '--${flag}'`, `--${flag}`);
    }
    return value === undefined ? undefined : String(value);
  };
  const values = new Map<Flag, string>();
  for (const { flag } of OPTIONS) {
    const value = single(flag);
    if (value !== undefined) values.set(flag, value);
  }
  const json = single("json") === "true";
  if (json && command !== "discover") throw usageError("flag '--json' goes with the command 'discover'", "--json");
  return { command, values, envFile: single("env-file"), json };
}

/** `--log-file -` means standard output; the parser would take the dash for a word of its own. */
function bindLoneDashes(argv: readonly string[]): string[] {
  const bound: string[] = [];
  for (const argument of argv) {
    const flag = bound.at(-1);
    if (argument === "-" && flag !== undefined && TEXTS.includes(flag.slice(2))) bound.push(`${bound.pop()}=-`);
    else bound.push(argument);
  }
  return bound;
}

function usageError(message: string, option?: string): ConfigError {
  return new ConfigError(`${message}, try --help`, option === undefined ? {} : { option });
}
