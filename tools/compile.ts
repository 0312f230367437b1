/**
 * Compiles the program into one self-contained executable, unless the one that is there is of the same sources.
 *
 * The sources become one module first: so nothing is embedded that is not used, and nothing that differs from build to
 * build, such as a path or a time. Two builds of one commit are bit-identical.
 *
 * @module
 */

import { COMMIT } from "../lib/system/commit.ts";
import { removeIfStopped } from "./cleanup.ts";
import { whyNotDeno } from "./deno_version.ts";
import { ensureDenort } from "./denort.ts";
import { BINARY, isNpmOnly, networkFlags, programFlags, TOP } from "./program.ts";
import { sha256 } from "./sha256.ts";

/** Where the files that only a build needs are written. */
const BUILD_FOLDER = `${TOP}/dist/build`;

/**
 * Compiles the program for this machine, or for `target`, to `output`, on the file system of `dist`.
 *
 * @throws {Error} If it does not compile.
 */
export async function compile({ output = BINARY, target }: { output?: string; target?: string } = {}): Promise<void> {
  await Deno.mkdir(BUILD_FOLDER, { recursive: true });
  const folder = await Deno.makeTempDir({ dir: BUILD_FOLDER });
  const settle = removeIfStopped(folder);
  try {
    const compiler = await findCompiler();
    const why = whyNotDeno(compiler.version);
    if (why !== undefined) throw new Error(why);
    const module = await bundle(folder);
    const args = [
      "compile",
      "--quiet",
      "--no-config",
      "--no-check", // `deno task check` does that
      "--no-code-cache", // it would be kept in /tmp, under a name that anybody can take first
      ...programFlags(compiler.version),
      ...target === undefined ? [] : [`--target=${target}`],
    ];
    const inputs = `${[compiler.version, ...args, await sha256(module)].join("\n")}\n`;
    const stamp = `${output}.inputs`;
    if (await exists(output) && await Deno.readTextFile(stamp).catch(() => undefined) === inputs) return;

    console.error(`compiling ${output.slice(TOP.length + 1)} with Deno ${compiler.version}`);
    // The name is embedded, so it is the folder that has to be new.
    await run(compiler.deno, [...args, `--output=${folder}/mdproxy4cs`, module], compiler.env);
    await Deno.rename(`${folder}/mdproxy4cs`, output);
    await Deno.writeTextFile(stamp, inputs);
  } finally {
    await Deno.remove(folder, { recursive: true });
    settle();
  }
}

/** Finds the Deno that compiles: on the npm-only network only an older one has a runtime for compiled programs. */
export async function findCompiler(): Promise<{ deno: string; version: string; env: Record<string, string> }> {
  if (!isNpmOnly()) return { deno: Deno.execPath(), version: Deno.version.deno, env: {} };
  const cache = Deno.env.get("MDPROXY4CS_CACHE");
  if (cache === undefined) throw new Error("MDPROXY4CS_CACHE is not set: run ./dev compile");
  const deno = `${TOP}/tools/npm/deno/node_modules/deno-2.4/deno`;
  return { deno, version: "2.4.2", env: { DENORT_BIN: await ensureDenort(cache) } };
}

/** Writes the program as one module, with the commit in it, and returns its path. */
async function bundle(folder: string): Promise<string> {
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
  const [before, after, ...more] = (await Deno.readTextFile(module)).split(JSON.stringify(COMMIT));
  if (after === undefined || more.length > 0) throw new Error(`Cannot find the one place of the commit in ${module}`);
  await Deno.writeTextFile(module, before + JSON.stringify(await describeCommit()) + after);
  await Deno.utime(module, 0, 0); // embedded too
  return module;
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

async function run(command: string, args: string[], env: Record<string, string> = {}): Promise<void> {
  const { success } = await new Deno.Command(command, { args, cwd: TOP, env, stdout: "null" }).spawn().status;
  if (!success) throw new Error(`deno ${args[0]} failed: see its message above`);
}

function exists(path: string): Promise<boolean> {
  return Deno.stat(path).then(() => true, () => false);
}

if (import.meta.main) {
  try {
    await compile();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
  console.error(`${BINARY.slice(TOP.length + 1)}: ${(await Deno.stat(BINARY)).size} bytes`);
}
