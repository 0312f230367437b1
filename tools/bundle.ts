/**
 * Writes the program as one module: what is compiled, and what the tests run where they do not run the compiled program.
 *
 * So nothing is embedded that is not used, and nothing that differs from build to build, such as a path or a time.
 *
 * @module
 */

import { COMMIT } from "../lib/system/commit.ts";
import { removeIfStopped } from "./cleanup.ts";
import { isNpmOnly, networkFlags, programFlags, TOP } from "./program.ts";
import { sha256 } from "./sha256.ts";

/** Where the files that only a build needs are written. */
const BUILD_FOLDER = `${TOP}/dist/build`;

/** Where `ensureBundle` writes. */
const BUNDLE = `${TOP}/dist/mdproxy4cs.js`;

/**
 * Writes the program as one module, with the commit in it, and returns its path in `folder`.
 *
 * @throws {Error} If it cannot be bundled.
 */
export async function bundle(folder: string): Promise<string> {
  const module = `${folder}/mdproxy4cs.js`;
  await run(Deno.execPath(), [
    "bundle",
    "--quiet",
    "--no-check",
    "--minify", // less to hold in memory
    ...networkFlags(),
    `--output=${module}`,
    `${TOP}/main.ts`,
  ]);
  const text = replaceOnce(
    await Deno.readTextFile(module),
    JSON.stringify(COMMIT),
    JSON.stringify(await describeCommit()),
  );
  await Deno.writeTextFile(module, isNpmOnly() ? withoutNode(text) : text);
  await Deno.utime(module, 0, 0); // embedded too
  return module;
}

/** @throws {Error} If it does not come exactly once. */
function replaceOnce(text: string, found: string, by: string): string {
  const [before, after, ...more] = text.split(found);
  if (after === undefined || more.length > 0) throw new Error(`Cannot find the one place of ${found} in the bundle`);
  return before + by + after;
}

/**
 * Leaves out Node's modules: npm's `dotenv` asks for some, of which its `parse` uses none. Loading them was most of a start with
 * Deno 2.9, and a release, which is made of another `dotenv`, has none.
 */
function withoutNode(text: string): string {
  const require = "__deno_internal_createRequire";
  const imported = replaceOnce(text, `import{createRequire as ${require}} from "node:module";`, "");
  return replaceOnce(imported, `${require}(import.meta.url)`, "()=>({})");
}

/**
 * Ensures that the module is in `dist`, of the sources as they are, and returns its path. Safe while others run it.
 *
 * @throws {Error} If it cannot be bundled.
 */
export async function ensureBundle(): Promise<string> {
  const { folder, settle } = await makeBuildFolder();
  try {
    const module = await bundle(folder);
    if (await sha256(module) !== await sha256(BUNDLE).catch(() => undefined)) await Deno.rename(module, BUNDLE);
    return BUNDLE;
  } finally {
    await Deno.remove(folder, { recursive: true });
    settle();
  }
}

/**
 * Ensures that there is a script that runs the bundle under the Deno that runs this, with the program's own permissions
 * and V8 flags: what a release is, but for the form of the file.
 *
 * @returns its path, for `MDPROXY4CS_BINARY`
 */
export async function ensureWrapper(): Promise<string> {
  const wrapper = `${TOP}/dist/mdproxy4cs-deno-${Deno.version.deno}`;
  const module = await ensureBundle();
  const part = await Deno.makeTempFile({ dir: BUILD_FOLDER });
  await writeWrapper(part, { deno: Deno.execPath(), module });
  await Deno.rename(part, wrapper);
  return wrapper;
}

/** Writes the script that runs a bundle under the given executable of this Deno. */
export async function writeWrapper(
  path: string,
  { deno, module }: { readonly deno: string; readonly module: string },
): Promise<void> {
  const flags = ["--quiet", "--no-config", "--no-lock", "--no-check", "--no-code-cache", "--no-remote", "--no-npm"];
  const argv = [deno, "run", ...flags, ...programFlags(Deno.version.deno), module].map(quote);
  const script = `#!/bin/sh
# What \`deno run\` reads for itself, before there is a program, must not come from a test.
unset DENO_PERMISSION_BROKER_PATH
DENO_DIR=/dev/null/none DENO_NO_UPDATE_CHECK=1 exec ${argv.join(" ")} "$@"
`;
  await Deno.writeTextFile(path, script);
  await Deno.chmod(path, 0o755);
}

/**
 * Makes a new folder for a build, on the file system of `dist`; whoever asked for it removes it, and then calls `settle`.
 *
 * @throws {Error} If `dist` cannot be written to.
 */
export async function makeBuildFolder(): Promise<{ folder: string; settle: () => void }> {
  try {
    await Deno.mkdir(BUILD_FOLDER, { recursive: true });
    const folder = await Deno.makeTempDir({ dir: BUILD_FOLDER });
    return { folder, settle: removeIfStopped(folder) };
  } catch (cause) {
    throw new Error(`Cannot write to ${TOP}/dist: take a clone of your own that can be written to`, { cause });
  }
}

/** Returns what git calls the tree, or `unknown` outside a clone. */
async function describeCommit(): Promise<string> {
  const args = ["describe", "--always", "--dirty", "--exclude=*", "--abbrev=12"];
  try {
    // Where there is no git this throws at once, where it fails it is told by the status.
    const git = await new Deno.Command("git", { args, cwd: TOP, stderr: "null" }).output();
    return git.success ? new TextDecoder().decode(git.stdout).trim() : "unknown";
  } catch {
    return "unknown";
  }
}

/** Runs Deno in the repository. @throws {Error} If it fails; it says itself why. */
export async function run(command: string, args: string[], env: Readonly<Record<string, string>> = {}): Promise<void> {
  const { success } = await new Deno.Command(command, { args, cwd: TOP, env, stdout: "null" }).spawn().status;
  if (!success) throw new Error(`deno ${args[0]} failed: see its message above`);
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
