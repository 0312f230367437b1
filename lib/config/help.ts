/**
 * Writes what `--help` says, from the table of options.
 *
 * @module
 */

import type { Option } from "./options.ts";
import { OPTIONS, PLAIN_FLAGS, variableOf } from "./options.ts";

const PREAMBLE = `usage: mdproxy4cs [<flags>]
       mdproxy4cs discover [--json] [<flags>]

Finds the CloudStack virtual router that serves this VM's metadata and proxies HTTP requests to it.
Without a command it serves until it is stopped. "discover" searches once, prints what every source
said, and exits 0 if it found a router.

`;

/** Writes the whole help text: every option with its variable and default. */
export function formatHelp(): string {
  const groups = Map.groupBy<string, Option>(OPTIONS, (option) => option.group);
  const sections = [...groups].map(([group, options]) => `\n${group}:\n${options.map(formatOption).join("")}`);
  return [PREAMBLE, ...PLAIN_FLAGS.map(formatPlainFlag), ...sections].join("");
}

function formatPlainFlag({ flag, placeholder, help }: typeof PLAIN_FLAGS[number]): string {
  const short = flag === "help" ? "-h, " : "";
  return `  ${short}--${flag}${placeholder === undefined ? "" : `=${placeholder}`}\n      ${help}\n`;
}

function formatOption({ flag, placeholder, default: preset, help }: Option): string {
  const value = placeholder === undefined ? "" : `=${placeholder}`;
  const facts = preset === "" ? variableOf(flag) : `${variableOf(flag)}, default ${preset}`;
  return `  --${flag}${value}\n      ${help}\n      (${facts})\n`;
}
