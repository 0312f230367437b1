/**
 * The release of the sources as they are, built once.
 *
 * @module
 */

import manifest from "../../deno.json" with { type: "json" };
import { RELEASE, release } from "../../tools/release.ts";

/** The version, from the one place that has it. */
export const VERSION = manifest.version;

let built: Promise<void> | undefined;

/** Ensures that the release is built, and returns its folder. */
export async function builtRelease(): Promise<string> {
  await (built ??= release());
  return RELEASE;
}
