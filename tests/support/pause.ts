/**
 * Real time, for the few that must let some pass: those who poll what gives no notice, and servers that are slow on purpose.
 *
 * @module
 */

/** Waits; for no time given, until what is due now has had its turn. */
export function pause(ms = 0): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
