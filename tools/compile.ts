/**
 * Compiles the program into one self-contained executable, unless the one that is there is of the same sources.
 *
 * Two builds of one commit are bit-identical.
 *
 * @module
 */

import { refuseUnknown } from "./arguments.ts";
import { bundle, makeBuildFolder, run } from "./bundle.ts";
import { whyNotDeno } from "./deno_version.ts";
import { checkPlatform, PLATFORMS, TARGETS } from "./elf.ts";
import type { Platform } from "./elf.ts";
import { ensureDenort } from "./denort.ts";
import { exists } from "./file_path.ts";
import { BINARY, isNpmOnly, programFlags, TOP } from "./program.ts";
import { sha256 } from "./sha256.ts";

/** A Deno that compiles. */
export interface Compiler {
  readonly deno: string;
  readonly version: string;
  readonly env: Readonly<Record<string, string>>;
}

/** What is compiled, for whom. */
export interface CompileOptions {
  /** A path on the file system of `dist`. */
  readonly output?: string;
  /** As Deno names platforms; this machine's if not given. */
  readonly target?: string;
  /** For a program of tests; its version is not judged. */
  readonly compiler?: Compiler;
}

/**
 * Compiles the program for this machine, or for `target`, to `output`, on the file system of `dist`.
 *
 * @throws {Error} If it does not compile.
 */
export async function compile({ output = BINARY, target, compiler }: CompileOptions = {}): Promise<void> {
  const { folder, settle } = await makeBuildFolder();
  try {
    compiler ??= await findCompiler();
    const module = await bundle(folder);
    const args = [...compileArguments(compiler.version), ...target === undefined ? [] : [`--target=${target}`]];
    const inputs = `${[compiler.version, ...args, await sha256(module)].join("\n")}\n`;
    const stamp = `${output}.inputs`;
    if (await exists(output) && await Deno.readTextFile(stamp).catch(() => undefined) === inputs) return;

    console.error(`compiling ${output.slice(TOP.length + 1)} with Deno ${compiler.version}`);
    // The name is embedded, so it is the folder that has to be new.
    await run(compiler.deno, [...args, `--output=${folder}/mdproxy4cs`, module], compiler.env);
    await checkPlatform(`${folder}/mdproxy4cs`, platformOf(target));
    await Deno.rename(`${folder}/mdproxy4cs`, output);
    await Deno.writeTextFile(stamp, inputs);
  } finally {
    await Deno.remove(folder, { recursive: true });
    settle();
  }
}

/** What a compiler of this version is told, whatever it compiles. */
export function compileArguments(version: string): string[] {
  return [
    "compile",
    "--quiet",
    "--no-config",
    "--no-check", // `deno task check` does that
    "--no-code-cache", // it would be kept in /tmp, under a name that anybody can take first
    ...programFlags(version),
  ];
}

/**
 * Finds the Deno that compiles: on the npm-only network only an older one has a runtime for compiled programs.
 *
 * @throws {Error} If this Deno must not.
 */
export async function findCompiler(): Promise<Compiler> {
  if (!isNpmOnly()) {
    const why = whyNotDeno(Deno.version.deno);
    if (why !== undefined) throw new Error(why);
    return { deno: Deno.execPath(), version: Deno.version.deno, env: {} };
  }
  const cache = Deno.env.get("MDPROXY4CS_CACHE");
  if (cache === undefined) throw new Error("MDPROXY4CS_CACHE is not set: run ./dev compile");
  const deno = `${TOP}/tools/npm/deno/node_modules/deno-2.4/deno`;
  return { deno, version: "2.4.2", env: { DENORT_BIN: await ensureDenort(cache) } };
}

/** The platform that Deno calls `target`; this machine's if there is none. */
function platformOf(target: string = Deno.build.target): Platform {
  const platform = PLATFORMS.find((platform) => TARGETS[platform] === target);
  if (platform === undefined) throw new Error(`There is no release for ${target}`);
  return platform;
}

if (import.meta.main) {
  refuseUnknown(Deno.args);
  try {
    await compile();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
  console.error(`${BINARY.slice(TOP.length + 1)}: ${(await Deno.stat(BINARY)).size} bytes`);
}
