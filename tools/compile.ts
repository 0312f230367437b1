/**
 * Compiles the program into one self-contained executable, unless the one that is there is of the same sources.
 *
 * Two builds of one commit are bit-identical.
 *
 * @module
 */

import { BUILD_FOLDER, bundle, run } from "./bundle.ts";
import { removeIfStopped } from "./cleanup.ts";
import { whyNotDeno } from "./deno_version.ts";
import { ensureDenort } from "./denort.ts";
import { BINARY, isNpmOnly, programFlags, TOP } from "./program.ts";
import { sha256 } from "./sha256.ts";

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
