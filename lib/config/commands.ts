/**
 * What the program can be told to do besides serving, and the flags that say so. They have no variable: a variable says
 * how, never what.
 *
 * @module
 */

/** One command: the word behind the program's name. */
export interface Command {
  readonly name: string;
  /** What stands for the word behind it in help; `undefined` if there is none. */
  readonly operand?: string;
  /** One line, lower case, no full stop. */
  readonly help: string;
}

/** Every command, in the order in which help shows them. */
export const COMMANDS = [
  { name: "discover", help: "search once and say what every source said" },
  { name: "status", help: "say what the running service knows" },
  { name: "wait", help: "wait until the running service has metadata" },
  { name: "get", operand: "PATH", help: "print the metadata at a path, asked of the running service" },
] as const satisfies readonly Command[];

/** The name of a command. */
export type CommandName = typeof COMMANDS[number]["name"];

/** A flag without a variable. */
export interface PlainFlag {
  /** The long flag, without dashes. */
  readonly flag: string;
  /** What stands for the value in help; `undefined` if it takes none. */
  readonly unit?: string;
  /** One line, lower case, no full stop. */
  readonly help: string;
  /** The only commands it goes with; all if not given. */
  readonly commands?: readonly CommandName[];
}

/** Every flag without a variable, in the order in which help shows them. */
export const PLAIN_FLAGS = [
  { flag: "help", help: "show this text" },
  { flag: "version", help: "show name, version, commit, Deno version and platform" },
  {
    flag: "env-file",
    unit: "PATH",
    help: "read variables from a file; the environment beats it, a flag beats both",
  },
  { flag: "json", commands: ["discover", "status"], help: 'with "discover" and "status": print JSON' },
  {
    flag: "timeout",
    unit: "DURATION",
    commands: ["wait"],
    help: 'with "wait": how long to wait; for ever if not given',
  },
] as const satisfies readonly PlainFlag[];
