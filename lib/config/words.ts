/**
 * Reads the values that are one or some of a few words.
 *
 * Pure text to value. Every parser throws a `TypeError` whose message is a clause that says what would be right.
 *
 * @module
 */

import type { LogLevel } from "../telemetry/log.ts";
import { LOG_LEVELS } from "../telemetry/log.ts";
import { parseList } from "./value.ts";

/** The sources of a router's address, in the order that is best on real networks (see ARCHITECTURE). */
export const SOURCE_NAMES = [
  "server",
  "dhcp",
  "networkd",
  "dhclient",
  "network_manager",
  "dhcpcd",
  "wicked",
  "dns",
  "gateway",
  "config_drive",
] as const;
export type SourceName = typeof SOURCE_NAMES[number];

/** The words of a switch. */
export const SWITCH = ["yes", "no"] as const;

/** Whether a request needs a session token: tokens are not issued, are honoured if sent, or are required. */
export const REQUIRE_TOKEN = ["no", "optional", "yes"] as const;

/**
 * Creates the parser of a value that is one of these words.
 *
 * @throws {TypeError} If it is none of them.
 */
export function parseWord<const Word extends string>(words: readonly Word[]): (text: string) => Word {
  return (text) => {
    const word = words.find((word) => word === text.toLowerCase());
    if (word === undefined) throw new TypeError(`must be ${enumerate(words)}`);
    return word;
  };
}

/**
 * Parses a yes or no as systemd reads one: `true`, `yes`, `on`, `1` and their opposites.
 *
 * @throws {TypeError} If the text is neither.
 */
export function parseSwitch(text: string): boolean {
  const answer = yesOrNo(text);
  if (answer === undefined) throw new TypeError("must be yes or no");
  return answer;
}

/**
 * Parses `--require-token`, which was a switch once: its words still count.
 *
 * @throws {TypeError} If the text is none of the words.
 */
export function parseRequireToken(text: string): typeof REQUIRE_TOKEN[number] {
  const answer = yesOrNo(text);
  return answer === undefined ? parseWord(REQUIRE_TOKEN)(text) : answer ? "yes" : "no";
}

function yesOrNo(text: string): boolean | undefined {
  if (/^(true|yes|on|1)$/i.test(text)) return true;
  if (/^(false|no|off|0)$/i.test(text)) return false;
  return undefined;
}

/** The levels that version 1 knew besides, of the library logrus. */
const OTHER_LEVELS: ReadonlyMap<string, LogLevel> = new Map([
  ["trace", "debug"],
  ["warning", "warn"],
  ["fatal", "error"],
  ["panic", "error"],
]);

/** Parses a log level. A typing error in how much is logged must not keep a VM from booting: it becomes info. */
export function parseLogLevel(text: string, warn: (clause: string) => void): LogLevel {
  const word = text.toLowerCase();
  const level = LOG_LEVELS.find((known) => known === word) ?? OTHER_LEVELS.get(word);
  if (level === undefined) warn(`must be ${enumerate(LOG_LEVELS)}; using info`);
  return level ?? "info";
}

/**
 * Parses the list of sources, each once.
 *
 * @throws {TypeError} If it is empty or names something else.
 */
export function parseSources(text: string): readonly SourceName[] {
  const names = parseList(text);
  const isSource = (name: string): name is SourceName => (SOURCE_NAMES as readonly string[]).includes(name);
  if (names.length === 0 || !names.every(isSource)) {
    throw new TypeError(`must be one or more of ${SOURCE_NAMES.join(", ")}`);
  }
  return [...new Set(names)];
}

/** Says `a, b or c`. */
function enumerate(words: readonly string[]): string {
  return `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}
