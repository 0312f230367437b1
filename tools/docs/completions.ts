/**
 * Completions of the command line for bash, zsh and fish.
 *
 * @module
 */

import type { Command, PlainFlag } from "../../lib/config/commands.ts";
import { COMMANDS, PLAIN_FLAGS } from "../../lib/config/commands.ts";
import type { Option } from "../../lib/config/options.ts";
import { OPTIONS } from "../../lib/config/options.ts";

type Flag = PlainFlag & Partial<Pick<Option, "words" | "bare">>;

const FLAGS: readonly Flag[] = [...PLAIN_FLAGS, ...OPTIONS];
const WORDS: readonly Command[] = COMMANDS;

function valuesOf({ words }: Flag): string | undefined {
  return words?.join(" ");
}

/** Whether the next word is the flag's value: behind a switch it is not. */
function takesNextWord({ unit, bare }: Flag): boolean {
  return unit !== undefined && bare === undefined;
}

/** Writes the completion for bash. */
export function completeBash(): string {
  const cases = FLAGS.flatMap((option) => {
    if (option.unit === undefined) return [];
    const values = valuesOf(option);
    const generate = option.unit === "PATH" ? "-f" : values === undefined ? undefined : `-W "${values}"`;
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
    *) mapfile -t COMPREPLY < <(compgen -W "${WORDS.map(({ name }) => name).join(" ")} ${
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
    const { flag, unit, help } = option;
    const action = unit === "PATH" ? "_files" : valuesOf(option) === undefined ? " " : `(${valuesOf(option)})`;
    const colon = takesNextWord(option) ? ":" : "::";
    const value = unit === undefined ? "" : `${colon}${zshEscape(unit)}:${action}`;
    const equals = unit === undefined ? "" : takesNextWord(option) ? "=" : "=-";
    return `--${flag}${equals}[${zshEscape(help)}]${value}`;
  });
  const commands = WORDS.map(({ name, help }) => `${name}\\:"${help}"`).join(" ");
  const lines = [...specs, `1:command:((${commands}))`, "2:path: "].map((spec) =>
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
    const { flag, unit, help } = option;
    const values = valuesOf(option);
    const kind = !takesNextWord(option) ? "" : unit === "PATH" ? " -r -F" : " -x";
    return `complete -c mdproxy4cs -l ${flag}${kind}${values === undefined ? "" : ` -a '${values}'`} -d '${
      help.replace(/['\\]/g, "\\$&")
    }'`;
  });
  const commands = WORDS.map(({ name, help }) =>
    `complete -c mdproxy4cs -n __fish_is_first_arg -a ${name} -d '${help.replace(/['\\]/g, "\\$&")}'`
  );
  return `${["complete -c mdproxy4cs -f", ...commands, ...lines].join("\n")}\n`;
}
