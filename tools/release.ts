/**
 * Writes a release to `dist/release`: for each platform an archive as .tar.gz and .zip, each wrapping one folder of that
 * name, `install.sh`, and `checksums.txt` over all of them.
 *
 * Two builds of one commit are bit-identical: sorted names, one fixed time, owner 0, modes set here. Nothing is built
 * that is there already.
 *
 * @module
 */

import manifest from "../deno.json" with { type: "json" };
import { removeIfStopped } from "./cleanup.ts";
import { compile } from "./compile.ts";
import { checkPlatform, PLATFORMS, TARGETS } from "./elf.ts";
import type { Platform } from "./elf.ts";
import { ensurePackages, takeInstall } from "./packages.ts";
import { BINARY, isNpmOnly, TOP } from "./program.ts";
import { sha256 } from "./sha256.ts";

/** Where a release is written. */
export const RELEASE = `${TOP}/dist/release`;

/** The programs that archives are made with. */
const NEEDED = ["zip", "libdeflate-gzip"] as const;

/** The time of every file in an archive: the earliest that a .zip can hold. */
const FILE_TIME = Date.UTC(1980, 0, 1) / 1_000;

/** The name of an archive, and of the folder in it. */
export function archiveName(platform: Platform): string {
  return `mdproxy4cs_${manifest.version}_linux_${platform}`;
}

/**
 * Builds the release into `folder`, on the file system of `dist`, unless it is there.
 *
 * @throws {Error} If something does not compile, or a program that is needed is not installed.
 */
export async function release(folder = RELEASE, { install = false } = {}): Promise<void> {
  if (!await ensurePackages({ what: "./dev release", programs: [...NEEDED], install })) {
    throw new Error(`A release needs ${NEEDED.join(", ")}`);
  }
  const programs = await compilePrograms();
  const contents = await listContents();
  const inputs =
    (await Promise.all([...programs.values(), ...contents].map(async (path) => `${await sha256(path)} ${path}\n`)))
      .join("");
  const stamp = `${folder}.inputs`;
  if (await Deno.readTextFile(stamp).catch(() => undefined) === inputs) return;

  // Put in place as a whole, so that nobody ever sees half a release.
  await Deno.mkdir(`${TOP}/dist`, { recursive: true });
  const part = await Deno.makeTempDir({ dir: `${TOP}/dist`, prefix: "release." });
  const settle = removeIfStopped(part);
  try {
    for (const [platform, program] of programs) {
      await checkPlatform(program, platform);
      await pack(part, archiveName(platform), [program, ...contents]);
    }
    await Deno.copyFile(`${TOP}/assets/install.sh`, `${part}/install.sh`);
    await writeChecksums(part);
    await Deno.chmod(part, 0o755);
    await Deno.remove(folder, { recursive: true }).catch(() => {});
    await Deno.rename(part, folder);
    await Deno.writeTextFile(stamp, inputs);
  } catch (error) {
    await Deno.remove(part, { recursive: true }).catch(() => {});
    throw error;
  } finally {
    settle();
  }
}

/** Compiles for every platform whose runtime is at hand. */
async function compilePrograms(): Promise<Map<Platform, string>> {
  const programs = new Map<Platform, string>();
  for (const platform of PLATFORMS) {
    const target = TARGETS[platform];
    if (target === Deno.build.target) {
      await compile();
      programs.set(platform, BINARY);
    } else if (isNpmOnly()) {
      console.error(`left out ${archiveName(platform)}: npm has no runtime for ${target}`);
    } else {
      const output = `${TOP}/dist/${platform}/mdproxy4cs`;
      await Deno.mkdir(`${TOP}/dist/${platform}`, { recursive: true });
      await compile({ output, target });
      programs.set(platform, output);
    }
  }
  return programs;
}

/** The files that every archive holds besides the program. */
async function listContents(): Promise<string[]> {
  const assets: string[] = [];
  for await (const { name } of Deno.readDir(`${TOP}/assets`)) assets.push(`${TOP}/assets/${name}`);
  return [`${TOP}/LICENSE`, `${TOP}/README.md`, ...assets.sort()];
}

/** Writes `NAME.tar.gz` and `NAME.zip` of these files below a folder NAME. */
async function pack(folder: string, name: string, files: readonly string[]): Promise<void> {
  const stage = await Deno.makeTempDir({ dir: folder });
  try {
    await Deno.mkdir(`${stage}/${name}/assets`, { recursive: true });
    const entries = [name, `${name}/assets`];
    for (const file of files) {
      const entry = `${name}/${file.startsWith(`${TOP}/assets/`) ? "assets/" : ""}${file.split("/").at(-1)}`;
      await Deno.copyFile(file, `${stage}/${entry}`);
      entries.push(entry);
    }
    entries.sort();
    for (const entry of entries) {
      await Deno.chmod(`${stage}/${entry}`, await isExecutable(`${stage}/${entry}`) ? 0o755 : 0o644);
      await Deno.utime(`${stage}/${entry}`, FILE_TIME, FILE_TIME);
    }
    const tar = ["--format=gnu", "--no-recursion", "--owner=0", "--group=0", "--numeric-owner"];
    await run(["tar", ...tar, `--mtime=@${FILE_TIME}`, "--create", `--file=${folder}/${name}.tar`, ...entries], stage);
    await Promise.all([
      run(["libdeflate-gzip", "-12", `${folder}/${name}.tar`], stage),
      run(["zip", "-9", "-X", "-q", "--no-dir-entries", `${folder}/${name}.zip`, ...entries], stage),
    ]);
  } finally {
    await Deno.remove(stage, { recursive: true });
  }
}

/** Folders, the program and the scripts: whatever git's mode or a download made of them. */
async function isExecutable(path: string): Promise<boolean> {
  return path.endsWith("/mdproxy4cs") || path.endsWith(".sh") || (await Deno.stat(path)).isDirectory;
}

async function writeChecksums(folder: string): Promise<void> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folder)) names.push(name);
  const lines = await Promise.all(names.sort().map(async (name) => `${await sha256(`${folder}/${name}`)}  ${name}\n`));
  await Deno.writeTextFile(`${folder}/checksums.txt`, lines.join(""));
}

/** `TZ` because a .zip holds local times. */
async function run([command = "", ...args]: readonly string[], cwd: string): Promise<void> {
  const { success } = await new Deno.Command(command, { args, cwd, env: { TZ: "UTC", LC_ALL: "C" } }).spawn().status;
  if (!success) throw new Error(`${command} failed: see its message above`);
}

if (import.meta.main) {
  try {
    await release(RELEASE, takeInstall(Deno.args));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
  console.log(await Deno.readTextFile(`${RELEASE}/checksums.txt`));
}
