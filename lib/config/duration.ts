/**
 * Reads durations.
 *
 * @module
 */

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Longer than any VM waits, and short enough that no sum of two loses a millisecond. */
const LONGEST_HOURS = 87_600;

/**
 * Parses a duration: `250ms`, `5s`, `1m30s`, `1h`, or `0`. A bare number is seconds, as in systemd units.
 *
 * @returns milliseconds
 * @throws {TypeError} If the text is not a duration, or longer than ten years.
 */
export function parseDurationMs(text: string): number {
  const parts = (/^\d+$/.test(text) ? `${text}s` : text).matchAll(/(\d+)(ms|s|m|h)/gy);
  let totalMs = 0;
  let length = 0;
  for (const [part, count, unit] of parts) {
    totalMs += Number(count) * UNITS_MS[unit!]!;
    length += part.length;
  }
  if (length < text.length || length === 0) throw new TypeError("must be a duration such as 250ms, 5s or 1m30s");
  if (totalMs > LONGEST_HOURS * UNITS_MS["h"]!) throw new TypeError(`must be at most ${LONGEST_HOURS}h, ten years`);
  return totalMs;
}

/**
 * Parses a duration that must not be nothing.
 *
 * @returns milliseconds
 * @throws {TypeError} If the text is not a duration, or 0.
 */
export function parseTimeoutMs(text: string): number {
  const timeoutMs = parseDurationMs(text);
  if (timeoutMs === 0) throw new TypeError("must be longer than 0");
  return timeoutMs;
}
