/**
 * Compiles the program into one self-contained executable, unless the one that is there is of the same sources.
 *
 * Two builds of one commit are bit-identical: what is embedded has no clock, no user and no path of this machine.
 *
 * @module
 */

import { ensureDenort } from "./denort.ts";
import { BINARY, isNpmOnly, networkFlags, programFlags, TOP } from "./program.ts";
import { sha256 } from "./sha256.ts";

/** Where the files that only a build needs are written. */
const BUILD_FOLDER = `${TOP}/dist/build`;

interface Compiler {
  /** The path of its Deno. */
  readonly deno: string;
  readonly version: string;
  readonly env: Readonly<Record<string, string>>;
}

/** On the npm-only network only an older Deno has a runtime for compiled programs. */
async function findCompiler(): Promise<Compiler> {
  if (!isNpmOnly()) return { deno: Deno.execPath(), version: Deno.version.deno, env: {} };
  const cache = Deno.env.get("MDPROXY4CS_CACHE");
  if (cache === undefined) throw new Error("MDPROXY4CS_CACHE is not set: run ./dev compile");
  const deno = `${TOP}/tools/npm/deno/node_modules/deno-2.4/deno`;
  return { deno, version: "2.4.2", env: { DENORT_BIN: await ensureDenort(cache) } };
}

/** What git calls the tree, or `unknown` outside a clone. */
async function describeCommit(): Promise<string> {
  const args = ["describe", "--always", "--dirty", "--exclude=*", "--abbrev=12"];
  const git = await new Deno.Command("git", { args, cwd: TOP, stderr: "null" }).output().catch(() => undefined);
  return git?.success ? new TextDecoder().decode(git.stdout).trim() : "unknown";
}

/** Writes the import map that puts a module with the real commit in the place of the one that says "development". */
async function writeImportMap(commit: string): Promise<string> {
  const config = `${TOP}/${isNpmOnly() ? "tools/npm/" : ""}deno.json`;
  const { imports } = JSON.parse(await Deno.readTextFile(config)) as { imports: Record<string, string> };
  const fromHere = Object.entries(imports).map(([name, target]) =>
    [name, target.startsWith("./") ? target.replace(".", "../../tools/npm") : target] as const
  );
  await writeIfChanged(`${BUILD_FOLDER}/commit.ts`, `export const COMMIT = ${JSON.stringify(commit)};\n`);
  const map = { imports: { ...Object.fromEntries(fromHere), "../../lib/system/commit.ts": "./commit.ts" } };
  const path = `${BUILD_FOLDER}/import_map.json`;
  await writeIfChanged(path, `${JSON.stringify(map, undefined, 2)}\n`);
  return path;
}

async function writeIfChanged(path: string, text: string): Promise<void> {
  if (await Deno.readTextFile(path).catch(() => undefined) !== text) await Deno.writeTextFile(path, text);
}

/** A text that changes when anything changes that goes into the executable. */
async function describeInputs(args: readonly string[]): Promise<string> {
  const sources = [`${TOP}/main.ts`, `${TOP}/deno.json`, `${BUILD_FOLDER}/commit.ts`];
  for (const folder of [`${TOP}/lib`]) sources.push(...await filesIn(folder));
  const lines = await Promise.all(sources.sort().map(async (path) => `${await sha256(path)} ${path}`));
  return [...args, ...lines, ""].join("\n");
}

async function filesIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    found.push(...isDirectory ? await filesIn(path) : [path]);
  }
  return found;
}

/**
 * Compiles the program for this machine, or for `target`, to `output`.
 *
 * @throws {Error} If it does not compile.
 */
export async function compile({ output = BINARY, target }: { output?: string; target?: string } = {}): Promise<void> {
  await Deno.mkdir(BUILD_FOLDER, { recursive: true });
  const compiler = await findCompiler();
  const args = [
    "compile",
    "--quiet",
    "--no-check", // `deno task check` does that
    "--no-code-cache", // it would be kept in /tmp, under a name that anybody can take first
    ...networkFlags(),
    `--import-map=${await writeImportMap(await describeCommit())}`,
    ...programFlags(compiler.version),
    ...target === undefined ? [] : [`--target=${target}`],
  ];
  const inputs = await describeInputs([compiler.version, ...args]);
  const stamp = `${BUILD_FOLDER}/${target ?? "this"}.inputs`;
  const exists = await Deno.stat(output).then(() => true, () => false);
  if (exists && await Deno.readTextFile(stamp).catch(() => "") === inputs) return;

  // The name is embedded, so the folder has to be the one that is new.
  const folder = await Deno.makeTempDir({ dir: BUILD_FOLDER });
  try {
    const { success } = await new Deno.Command(compiler.deno, {
      args: [...args, `--output=${folder}/mdproxy4cs`, `${TOP}/main.ts`],
      cwd: TOP,
      env: compiler.env,
    }).spawn().status;
    if (!success) throw new Error("The program does not compile: see the message above");
    await Deno.rename(`${folder}/mdproxy4cs`, output);
    await Deno.writeTextFile(stamp, inputs);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  await compile();
  const { size } = await Deno.stat(BINARY);
  console.error(`compiled ${BINARY.slice(TOP.length + 1)}: ${size} bytes`);
}
