/**
 * The release of the sources as they are, built once, also where several ask for it at the same time.
 *
 * Run as a process it builds program and release once more, into the folder that it is given.
 *
 * @module
 */

import manifest from "../../deno.json" with { type: "json" };
import { compile } from "../../tools/compile.ts";
import { TOP } from "../../tools/program.ts";
import { release } from "../../tools/release/release.ts";

/** The version, from the one place that has it. */
export const VERSION = manifest.version;

/** Tests compress in a hurry: what is inside is the same. */
const TEST_RELEASE = `${TOP}/dist/release-of-tests`;
const LEVEL = 0;

let built: Promise<void> | undefined;

/** Ensures that the release is built, and returns its folder. */
export async function builtRelease(): Promise<string> {
  await (built ??= buildOnce());
  return TEST_RELEASE;
}

/** What is there already is not built again: whoever comes second finds it. */
async function buildOnce(): Promise<void> {
  await Deno.mkdir(`${TOP}/dist`, { recursive: true });
  using file = await Deno.open(`${TEST_RELEASE}.lock`, { create: true, write: true });
  await file.lock(true);
  await release(TEST_RELEASE, { level: LEVEL });
}

if (import.meta.main) {
  const [folder] = Deno.args;
  await compile({ output: `${folder}/mdproxy4cs` });
  await release(`${folder}/release`, { level: LEVEL });
}
