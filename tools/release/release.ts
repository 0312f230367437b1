/**
 * Writes a release to `dist/release`: for each platform an archive as .tar.gz, .tar.xz and .zip, each wrapping one folder of
 * that name, a Debian package, and a bill of materials (SPDX); `install.sh`, and `checksums.txt` over all of them.
 *
 * Two builds of one commit are bit-identical: sorted names, one fixed time, owner 0, modes set here. Nothing is built
 * that is there already.
 *
 * @module
 */

import manifest from "../../deno.json" with { type: "json" };
import { latin1 } from "../../tests/support/latin1.ts";
import { refuseUnknown } from "../arguments.ts";
import { removeIfStopped } from "../cleanup.ts";
import { compile, findCompiler } from "../compile.ts";
import { checkPlatform, PLATFORMS, TARGETS } from "../elf.ts";
import type { Platform } from "../elf.ts";
import { ensurePackages, takeInstall } from "../packages.ts";
import { BINARY, isNpmOnly, TOP } from "../program.ts";
import { sha256 } from "../sha256.ts";
import { readComponents } from "./components.ts";
import type { Component } from "./components.ts";
import { writeDeb } from "./deb.ts";
import { formatNotices, formatSbom } from "./sbom.ts";

/** Where a release is written. */
const RELEASE = `${TOP}/dist/release`;

/** The programs that archives are made with. */
const NEEDED = ["zip", "libdeflate-gzip", "xz", "dpkg-deb"] as const;

/** The time of every file in an archive: the earliest that a .zip can hold. */
const FILE_TIME = Date.UTC(1980, 0, 1) / 1_000;

/** The name of an archive, and of the folder in it. */
export function archiveName(platform: Platform): string {
  return `mdproxy4cs_${manifest.version}_linux_${platform}`;
}

/** How a release is built. */
export interface ReleaseOptions {
  /** Whether to install packages that are missing. */
  readonly install?: boolean;
  /** How hard is compressed, 0 to 9: the last is a minute of processor time for each file. */
  readonly level?: number;
}

/** The notices of what is inside the executable, in every archive. */
export const NOTICES = "THIRD-PARTY-NOTICES";

/**
 * Builds the release into `folder`, on the file system of `dist`, unless it is there.
 *
 * @throws {Error} If something does not compile, or a program that is needed is not installed.
 */
export async function release(folder = RELEASE, { install = false, level = 9 }: ReleaseOptions = {}): Promise<void> {
  if (!await ensurePackages({ what: "./dev release", programs: [...NEEDED], install })) {
    throw new Error(`A release needs ${NEEDED.join(", ")}`);
  }
  await writeRelease(folder, await compilePrograms(), level);
}

/**
 * Writes the release of these programs into `folder`, unless it is there.
 *
 * @throws {Error} If a program is for another platform than its name says, or holds no runtime.
 */
async function writeRelease(
  folder: string,
  programs: ReadonlyMap<Platform, string>,
  level: number,
): Promise<void> {
  for (const [platform, program] of programs) await checkPlatform(program, platform);
  const contents = await listContents();
  const sources = [
    ...programs.values(),
    ...contents,
    `${TOP}/CHANGELOG.md`,
    ...await listFiles(`${TOP}/tools/release`),
  ];
  const inputs = `level ${level}\n` +
    (await Promise.all(sources.map(async (path) => `${await sha256(path)} ${path}\n`))).join("");
  const stamp = `${folder}.inputs`;
  if (await Deno.readTextFile(stamp).catch(() => undefined) === inputs) return;

  // Put in place as a whole, so that nobody ever sees half a release.
  await Deno.mkdir(`${TOP}/dist`, { recursive: true });
  const part = await Deno.makeTempDir({ dir: `${TOP}/dist`, prefix: "release." });
  const settle = removeIfStopped(part);
  try {
    for (const [platform, program] of programs) await packPlatform(part, platform, { program, contents, level });
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

/** Writes all that a release has for one platform. */
async function packPlatform(
  folder: string,
  platform: Platform,
  { program, contents, level }: {
    readonly program: string;
    readonly contents: readonly string[];
    readonly level: number;
  },
): Promise<void> {
  const name = archiveName(platform);
  console.error(
    `packing ${name} as .tar.xz, .deb, .tar.gz and .zip${level === 9 ? ", as small as they get: a minute or two" : ""}`,
  );
  const components = await componentsOf(program);
  const notices = formatNotices(components);
  const hash = await sha256(program);
  await Deno.writeTextFile(
    `${folder}/${name}.spdx.json`,
    formatSbom({ name, version: manifest.version, sha256: hash }, components),
  );
  await Promise.all([
    pack(folder, name, { files: [program, ...contents], texts: { [NOTICES]: notices }, level }),
    writeDeb(folder, { platform, program, notices, fileTime: FILE_TIME, level, run }),
  ]);
}

/** What is inside an executable. */
export async function componentsOf(program: string): Promise<Component[]> {
  const { version } = await findCompiler();
  return readComponents(latin1(await Deno.readFile(program)), { denoVersion: version, isNpmOnly: isNpmOnly() });
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
  return [`${TOP}/LICENSE`, `${TOP}/README.md`, ...await listFiles(`${TOP}/assets`)];
}

async function listFiles(folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isFile } of Deno.readDir(folder)) if (isFile) files.push(`${folder}/${name}`);
  return files.sort();
}

/** Writes `NAME.tar.gz`, `NAME.tar.xz` and `NAME.zip` of these files and texts below a folder NAME. */
async function pack(
  folder: string,
  name: string,
  { files, texts, level }: {
    readonly files: readonly string[];
    readonly texts: Readonly<Record<string, string>>;
    readonly level: number;
  },
): Promise<void> {
  const stage = await Deno.makeTempDir({ dir: folder });
  try {
    await Deno.mkdir(`${stage}/${name}/assets`, { recursive: true });
    const entries = [name, `${name}/assets`];
    for (const file of files) {
      const entry = `${name}/${file.startsWith(`${TOP}/assets/`) ? "assets/" : ""}${file.split("/").at(-1)}`;
      await Deno.copyFile(file, `${stage}/${entry}`);
      entries.push(entry);
    }
    for (const [file, text] of Object.entries(texts)) {
      await Deno.writeTextFile(`${stage}/${name}/${file}`, text);
      entries.push(`${name}/${file}`);
    }
    entries.sort();
    for (const entry of entries) {
      await Deno.chmod(`${stage}/${entry}`, await isExecutable(`${stage}/${entry}`) ? 0o755 : 0o644);
      await Deno.utime(`${stage}/${entry}`, FILE_TIME, FILE_TIME);
    }
    const tar = ["--format=gnu", "--no-recursion", "--owner=0", "--group=0", "--numeric-owner"];
    await run(["tar", ...tar, `--mtime=@${FILE_TIME}`, "--create", `--file=${folder}/${name}.tar`, ...entries], stage);
    // One thread: with more the result depends on how many there are.
    await run(["xz", `-${level}`, "--threads=1", "--keep", `${folder}/${name}.tar`], stage);
    await Promise.all([
      run(["libdeflate-gzip", level === 9 ? "-12" : `-${level + 1}`, `${folder}/${name}.tar`], stage),
      run(["zip", `-${level}`, "-X", "-q", "--no-dir-entries", `${folder}/${name}.zip`, ...entries], stage),
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

/** `TZ` because a .zip holds local times, the rest for dpkg-deb: one time, one thread. */
async function run([command = "", ...args]: readonly string[], cwd: string): Promise<void> {
  const env = { TZ: "UTC", LC_ALL: "C", SOURCE_DATE_EPOCH: String(FILE_TIME), DPKG_DEB_THREADS_MAX: "1" };
  const { success } = await new Deno.Command(command, { args, cwd, env, stdout: "null" }).spawn().status;
  if (!success) throw new Error(`${command} failed: see its message above`);
}

if (import.meta.main) {
  const { args, install } = takeInstall(Deno.args);
  refuseUnknown(args);
  try {
    await release(RELEASE, { install });
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
  console.log(await Deno.readTextFile(`${RELEASE}/checksums.txt`));
}
