/**
 * Reads an env file as systemd reads an `EnvironmentFile=` (systemd.exec(5)): comments, quotes, values over several
 * lines; nothing is ever expanded. Only the program's own variables are looked at.
 *
 * Values are read by `@std/dotenv`, of which there are two (README, "Dependencies"), and they differ in most of what is not
 * plain, as do both from systemd: what reaches it is one line with one quoted value, which all read alike.
 *
 * @module
 */

import { parse as parseLine } from "@std/dotenv/parse";

/** What an env file says. */
export interface EnvFile {
  /** The program's own variables; the last assignment of a name counts. */
  readonly values: ReadonlyMap<string, string>;
  /** A clause on each thing that was skipped although it was meant for the program. */
  readonly problems: readonly string[];
}

/** Up to the end of a line: a comment, or a key before its `=`, or something without one. */
const LINE_START = /[ \t\r\n]*(?:([#;])[^\r\n]*|([^=\r\n]*)(=?))/y;
/** One quoted piece of a value, whose closing quote may be missing. */
const QUOTED = /[ \t]*(?:'([^']*)('?)|"((?:\\[^]|[^"\\])*)("?))/y;
/** The rest of a value, where quotes are characters like any other. */
const BARE = /[ \t]*((?:\\[^]|[^\\\r\n])*)/y;

/** Reads the text of an env file. Never fails: a file is shared with others, and what they write is their affair. */
export function parseEnvFile(text: string): EnvFile {
  const values = new Map<string, string>();
  const problems: string[] = [];
  const scan = createScanner(text);
  while (!scan.isAtEnd()) {
    const [, , key = "", equals] = scan.take(LINE_START);
    if (equals !== "=") continue;
    const name = key.trimEnd();
    const { value, isOpen } = takeValue(scan);
    if (isOpen) problems.push(`the quote behind ${name} is never closed: nothing below it counts`);
    if (/^export[ \t]+MDPROXY4CS_/.test(name)) problems.push(`"${name}" is no variable: leave out "export"`);
    if (!/^MDPROXY4CS_\w*$/.test(name)) continue;
    const line = toPlainLine(name, value);
    if (line === undefined) problems.push(`the value of ${name} goes over several lines, or has both kinds of quotes`);
    else values.set(name, parseLine(line)[name] ?? "");
  }
  return { values, problems };
}

interface Scanner {
  isAtEnd(): boolean;
  /** Takes what a sticky pattern finds here, which may be nothing. */
  take(pattern: RegExp): readonly (string | undefined)[];
}

function createScanner(text: string): Scanner {
  let at = 0;
  return {
    isAtEnd: () => at >= text.length,
    take(pattern) {
      pattern.lastIndex = at;
      const found = pattern.exec(text) ?? [];
      at += found[0]?.length ?? 0;
      return found;
    },
  };
}

function takeValue(scan: Scanner): { readonly value: string; readonly isOpen: boolean } {
  let value = "";
  for (;;) {
    const [piece, single, singleEnd, double, doubleEnd] = scan.take(QUOTED);
    if (piece === undefined) break;
    value += single ?? double!.replace(/\\([^])/g, (pair, escaped) => unescape(pair, escaped));
    if ((singleEnd ?? doubleEnd) === "") return { value: value.trimEnd(), isOpen: true };
  }
  const [, bare = ""] = scan.take(BARE);
  value += bare.replace(/(?<!\\)[ \t]+$/, "").replace(/\\([^]?)/g, (_, escaped) => escaped === "\n" ? "" : escaped);
  return { value, isOpen: false };
}

/** Between double quotes a backslash is one unless it is before what a shell would otherwise interpret. */
function unescape(pair: string, escaped: string): string {
  if (escaped === "\n") return "";
  return '"\\`$'.includes(escaped) ? escaped : pair;
}

/** Writes an assignment that every parser of env files reads alike; `undefined` if there is no such line. */
function toPlainLine(name: string, value: string): string | undefined {
  if (/[\r\n\u2028\u2029]/.test(value)) return undefined;
  if (!value.includes("'")) return `${name}='${value}'`;
  return /["\\]/.test(value) ? undefined : `${name}="${value}"`;
}
