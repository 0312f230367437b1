/**
 * Remembers the last warnings and errors, for whoever asks how the program is without having its log.
 *
 * @module
 */

import type { Fields, Log, LogLevel } from "./log.ts";
import { plainValue } from "./log.ts";

/** A warning or an error that was logged. */
export interface RecentEvent {
  /** ISO 8601. */
  readonly time: string;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** A log that keeps its last warnings and errors, oldest first. */
export interface RecentLog {
  readonly log: Log;
  events(): readonly RecentEvent[];
}

/** Wraps a log so that its last `count` warnings and errors can be read back. */
export function rememberRecent(log: Log, count = 10): RecentLog {
  const kept: RecentEvent[] = [];
  const remembering = (level: "warn" | "error") => (message: string, fields: Fields = {}) => {
    const texts = Object.entries(fields).filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, String(plainValue(value))]);
    kept.push({ time: new Date().toISOString(), level, message, fields: Object.fromEntries(texts) });
    if (kept.length > count) kept.shift();
    log[level](message, fields);
  };
  return { log: { ...log, warn: remembering("warn"), error: remembering("error") }, events: () => [...kept] };
}
