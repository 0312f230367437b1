/**
 * Completions of the command line for bash, zsh and fish.
 *
 * @module
 */

import type { Option } from "../../lib/config/options.ts";
import { OPTIONS, PLAIN_FLAGS, SOURCE_NAMES } from "../../lib/config/options.ts";
import { LOG_LEVELS } from "../../lib/telemetry/log.ts";

type Flag = typeof PLAIN_FLAGS[number];

const FLAGS: readonly Flag[] = [...PLAIN_FLAGS, ...OPTIONS];
const DISCOVER = "search once and say what every source said";

/** The values of an option that can be listed, by what stands for them in help. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  LEVEL: LOG_LEVELS,
  FORMAT: ["text", "json"],
  "SOURCE[,SOURCE]": SOURCE_NAMES,
};

function valuesOf({ placeholder = "" }: Pick<Option, "placeholder">): string | undefined {
  return VALUES[placeholder]?.join(" ");
}

/** Writes the completion for bash. */
export function completeBash(): string {
  const cases = FLAGS.flatMap((option) => {
    if (option.placeholder === undefined) return [];
    const values = valuesOf(option);
    const generate = option.placeholder === "PATH" ? "-f" : values === undefined ? undefined : `-W "${values}"`;
    const reply = generate === undefined ? "" : ` mapfile -t COMPREPLY < <(compgen ${generate} -- "$current")`;
    return `    --${option.flag})${reply} ;;`;
  });
  return `\
# bash completion for mdproxy4cs                                             -*- shell-script -*-

_mdproxy4cs() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]}
  # --flag=value comes as three words
  [[ $current == "=" ]] && current=""
  [[ $previous == "=" ]] && previous=\${COMP_WORDS[COMP_CWORD - 2]}
  COMPREPLY=()
  case $previous in
${cases.join("\n")}
    *) mapfile -t COMPREPLY < <(compgen -W "discover ${
    FLAGS.map(({ flag }) => `--${flag}`).join(" ")
  }" -- "$current") ;;
  esac
}
complete -F _mdproxy4cs mdproxy4cs
`;
}

/** Writes the completion for zsh. */
export function completeZsh(): string {
  const specs = FLAGS.map((option) => {
    const { flag, placeholder, help } = option;
    const action = placeholder === "PATH" ? "_files" : valuesOf(option) === undefined ? " " : `(${valuesOf(option)})`;
    const value = placeholder === undefined ? "" : `:${zshEscape(placeholder)}:${action}`;
    return `--${flag}${placeholder === undefined ? "" : "="}[${zshEscape(help)}]${value}`;
  });
  const lines = [...specs, `1:command:((discover\\:"${DISCOVER}"))`].map((spec) =>
    `  '${spec.replaceAll("'", "'\\''")}'`
  );
  return `#compdef mdproxy4cs\n\n_arguments \\\n${lines.join(" \\\n")}\n`;
}

function zshEscape(text: string): string {
  return text.replace(/[\[\]:\\]/g, "\\$&");
}

/** Writes the completion for fish. */
export function completeFish(): string {
  const lines = FLAGS.map((option) => {
    const { flag, placeholder, help } = option;
    const values = valuesOf(option);
    const kind = placeholder === undefined ? "" : placeholder === "PATH" ? " -r -F" : " -x";
    return `complete -c mdproxy4cs -l ${flag}${kind}${values === undefined ? "" : ` -a '${values}'`} -d '${
      help.replace(/['\\]/g, "\\$&")
    }'`;
  });
  return `complete -c mdproxy4cs -f\ncomplete -c mdproxy4cs -n __fish_is_first_arg -a discover -d '${DISCOVER}'\n${
    lines.join("\n")
  }\n`;
}
