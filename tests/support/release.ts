/**
 * The release of the sources as they are, built once.
 *
 * @module
 */

import manifest from "../../deno.json" with { type: "json" };
import { TOP } from "../../tools/program.ts";
import { release } from "../../tools/release/release.ts";

/** The version, from the one place that has it. */
export const VERSION = manifest.version;

/** Tests compress in a hurry: what is inside is the same. */
const TEST_RELEASE = `${TOP}/dist/release-of-tests`;
export const LEVEL = 0;

let built: Promise<void> | undefined;

/** Ensures that the release is built, and returns its folder. */
export async function builtRelease(): Promise<string> {
  await (built ??= release(TEST_RELEASE, { level: LEVEL }));
  return TEST_RELEASE;
}
