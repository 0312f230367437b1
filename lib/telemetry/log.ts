/**
 * One line per event: a constant message and its values as fields, for people (text) or machines (JSON).
 *
 * Knows levels, formats and how to keep a line one line; leaves where the lines go to its sink. Bodies and queries are
 * never given to it.
 *
 * @module
 */

/** The levels, least urgent first. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = typeof LOG_LEVELS[number];

/** What a line says besides its message. An `undefined` value is left out; an `Error` is written with its causes. */
export type Fields = Readonly<Record<string, unknown>>;

/** What a part of the program writes its events to. */
export type Log = Readonly<Record<LogLevel, (message: string, fields?: Fields) => void>>;

/** The formats that can be chosen. */
export const LOG_FORMATS = ["text", "json"] as const;

/** How lines look. `journal` is text behind an sd-daemon(3) priority, without the time that journald adds itself. */
export type LogFormat = typeof LOG_FORMATS[number] | "journal";

/** A log that writes nothing, for parts used outside the daemon. */
export const SILENT: Log = Object.freeze({ debug() {}, info() {}, warn() {}, error() {} });

/** The syslog(3) priority of each level. */
const PRIORITY: Readonly<Record<LogLevel, number>> = { debug: 7, info: 6, warn: 4, error: 3 };

/** A field longer than this is cut: a path of 8 KB is noise to whoever reads the log. */
const MAX_FIELD_LENGTH = 512;

/**
 * Creates a log that hands every line at `level` or above to `write`, ended by a newline.
 *
 * @param options.now the clock, in milliseconds since 1970
 */
export function createLog(
  write: (line: string) => void,
  options: { readonly level: LogLevel; readonly format: LogFormat; readonly now?: () => number },
): Log {
  const { level, format, now = Date.now } = options;
  const threshold = LOG_LEVELS.indexOf(level);
  const at = (level: LogLevel) =>
    LOG_LEVELS.indexOf(level) < threshold
      ? () => {}
      : (message: string, fields: Fields = {}) => write(formatLine({ time: now(), level, message, fields }, format));
  return Object.freeze({ debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") });
}

interface Event {
  readonly time: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Fields;
}

function formatLine({ time, level, message, fields }: Event, format: LogFormat): string {
  const values = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => [key, plainValue(value)] as const);
  if (format === "json") {
    const line = { time: new Date(time).toISOString(), level, message, ...Object.fromEntries(values) };
    return escapeControls(JSON.stringify(line)) + "\n";
  }
  const text = [message, ...values.map(([key, value]) => `${key}=${quote(value)}`)].join(" ");
  return format === "journal"
    ? `<${PRIORITY[level]}>${text}\n`
    : `${new Date(time).toISOString()} ${level.padEnd(5)} ${text}\n`;
}

/** Says a field's value as a line does: an error with its causes, and of a long text the beginning. */
export function plainValue(value: unknown): string | number | boolean {
  if (typeof value === "number" || typeof value === "boolean") return value;
  const text = value instanceof Error ? describeError(value) : String(value);
  return text.length <= MAX_FIELD_LENGTH ? text : `${text.slice(0, MAX_FIELD_LENGTH)}…`;
}

/** What Deno adds to a refusal is advice for whoever compiles the program, not for whoever runs it. */
const ADVICE = /, (run again with the --allow-\S+ flag|specify the required permissions during compilation using .*)$/;

/** Says an error with its causes, outermost first: `Cannot X: why: why that`. A symbol is a mark within the program. */
export function describeError(error: unknown): string {
  const seen: string[] = [];
  const isTelling = (at: unknown) => at !== undefined && typeof at !== "symbol";
  for (let at = error; isTelling(at) && seen.length < 5; at = at instanceof Error ? at.cause : undefined) {
    const text = at instanceof Error ? at.message.replace(ADVICE, "") || at.name : String(at);
    // An outer message that already quotes its cause need not say it twice.
    if (!seen.some((said) => said.includes(text))) seen.push(text);
  }
  return seen.join(": ");
}

// Control characters, line and paragraph separators, and bidirectional overrides: whatever could end, hide or reorder a line.
// deno-lint-ignore no-control-regex
const NOT_PRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Escapes what could end, hide or reorder a line, wherever text of others is shown. */
export function escapeControls(text: string): string {
  return text.replace(NOT_PRINTABLE, escapeCharacter);
}

/** Writes a document in indented lines, for programs and for people: no text of others in it can do anything to a terminal. */
export function toPrintableJson(document: unknown): string {
  return `${JSON.stringify(document, undefined, 2).split("\n").map(escapeControls).join("\n")}\n`;
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function quote(value: string | number | boolean): string {
  const text = String(value);
  if (/^[\w.:/,+@%-]+$/.test(text)) return text;
  return `"${escapeControls(text.replace(/["\\]/g, "\\$&"))}"`;
}
