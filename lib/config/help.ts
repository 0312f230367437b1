/**
 * Writes what `--help` says, from the tables of commands and options.
 *
 * @module
 */

import type { Command, PlainFlag } from "./commands.ts";
import { COMMANDS, PLAIN_FLAGS } from "./commands.ts";
import type { Option } from "./options.ts";
import { OPTIONS, variableOf } from "./options.ts";

const PREAMBLE = `usage: mdproxy4cs [<command>] [<flags>]

Finds the CloudStack virtual router that serves this VM's metadata and proxies HTTP requests to it.
Without a command it serves until it is stopped.

`;

/** Writes the whole help text: every command, and every option with its variable and default. */
export function formatHelp(): string {
  const groups = Map.groupBy<string, Option>(OPTIONS, (option) => option.group);
  const sections = [...groups].map(([group, options]) => `\n${group}:\n${options.map(formatOption).join("")}`);
  const commands = `Commands:\n${COMMANDS.map(formatCommand).join("")}\n`;
  return [PREAMBLE, commands, ...PLAIN_FLAGS.map(formatPlainFlag), ...sections].join("");
}

function formatCommand({ name, operand, help }: Command): string {
  return `  ${[name, operand].filter(Boolean).join(" ").padEnd(10)}${help}\n`;
}

function formatPlainFlag({ flag, unit, help }: PlainFlag): string {
  const short = flag === "help" ? "-h, " : "";
  return `  ${short}--${flag}${unit === undefined ? "" : `=${unit}`}\n      ${help}\n`;
}

function formatOption({ flag, unit, bare, default: preset, help }: Option): string {
  const value = bare === undefined ? `=${unit}` : `[=${unit}]`;
  const variable = variableOf(flag);
  // A terminal's width is not ours to say, but a long list of defaults needs a line of its own.
  const gap = variable.length + preset.length > 100 ? "\n       " : " ";
  const facts = preset === "" ? variable : `${variable},${gap}default ${preset}`;
  return `  --${flag}${value}\n      ${help}\n      (${facts})\n`;
}
