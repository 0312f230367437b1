/**
 * Runs the program for arm64 end to end under emulation (qemu-user), where no machine of that kind is at hand.
 *
 * The program is compiled with the one runtime for arm64 that npm has, of Deno 2.7.11, which is good for tests and is never
 * released: it does not enforce all of the permissions. What is tested is what emulation leaves: the instructions, the
 * sizes and alignments, the calls of the system; not the speed.
 *
 * ```
 *   tools/test_arm64.ts [--install] [FILE...]
 * ```
 *
 * Nothing but qemu is installed: the C library for arm64 is unpacked into the cache.
 *
 * @module
 */

import { compile } from "./compile.ts";
import { ensureDenort, RUNTIMES } from "./denort.ts";
import { TARGETS } from "./elf.ts";
import { exists } from "./file_path.ts";
import { ensurePackages, takeInstall } from "./packages.ts";
import { TOP } from "./program.ts";
import { runTests } from "./run_tests.ts";

/** What is worth its time under emulation, where a start takes seconds: discovery, proxying, caching, limits, status. */
const DEFAULT_TESTS = ["cache", "admin", "limits"].map((name) => `tests/e2e/${name}_test.ts`);

/** The C library, and what unwinds the stack for the runtime. */
const LIBRARIES = ["libc6", "libgcc-s1"];

const PROGRAM = `${TOP}/dist/arm64-test/mdproxy4cs`;
const WRAPPER = `${TOP}/dist/mdproxy4cs-arm64-test`;

/** Compiles the program for arm64, and returns the script that runs it here. */
async function ensureEmulated(cache: string): Promise<string> {
  const { version } = RUNTIMES.arm64;
  const deno = await ensureDeno(cache, version);
  await Deno.mkdir(`${TOP}/dist/arm64-test`, { recursive: true });
  const env = { DENORT_BIN: await ensureDenort(cache, RUNTIMES.arm64) };
  await compile({ output: PROGRAM, target: TARGETS.arm64, compiler: { deno, version, env } });
  const libraries = await ensureLibraries(cache);
  await Deno.writeTextFile(WRAPPER, `#!/bin/sh\nexec qemu-aarch64-static -L '${libraries}' '${PROGRAM}' "$@"\n`);
  await Deno.chmod(WRAPPER, 0o755);
  return WRAPPER;
}

/** Ensures that a version of Deno for this machine is in the cache. */
async function ensureDeno(cache: string, version: string): Promise<string> {
  const folder = `${cache}/deno-${version}`;
  const deno = `${folder}/node_modules/@deno/linux-x64-glibc/deno`;
  if (await exists(deno)) return deno;
  console.error(`downloading Deno ${version}, which compiles for arm64 here`);
  await Deno.mkdir(folder, { recursive: true });
  const npm = ["npm", "install", "--prefix", folder, "--ignore-scripts", "--no-fund", "--no-audit", "--loglevel=error"];
  await must([...npm, `@deno/linux-x64-glibc@${version}`]);
  return deno;
}

/** Ensures that the libraries for arm64 are unpacked in the cache; this machine's own packages stay what they are. */
async function ensureLibraries(cache: string): Promise<string> {
  const folder = `${cache}/arm64`;
  const root = `${folder}/root`;
  if (await exists(`${root}/.complete`)) return root;
  console.error(`downloading ${LIBRARIES.join(", ")} for arm64`);
  for (const name of ["lists/partial", "cache/archives/partial", "debs"]) {
    await Deno.mkdir(`${folder}/${name}`, { recursive: true });
  }
  await Deno.writeTextFile(`${folder}/status`, "");
  const options = {
    "APT::Architecture": "arm64",
    "APT::Architectures": "arm64",
    "APT::Sandbox::User": "root",
    "Dir::State": folder,
    "Dir::State::lists": `${folder}/lists`,
    "Dir::State::status": `${folder}/status`,
    "Dir::Cache": `${folder}/cache`,
  };
  const apt = ["apt-get", "--quiet", ...Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`])];
  await must([...apt, "update"]);
  await must([...apt, "download", ...LIBRARIES], `${folder}/debs`);
  for await (const { name } of Deno.readDir(`${folder}/debs`)) {
    await must(["dpkg-deb", "--extract", `${folder}/debs/${name}`, root]);
  }
  // Debian 13's libraries are in /usr only; a link of this name is a package of its own.
  if (!await exists(`${root}/lib`)) await Deno.symlink("usr/lib", `${root}/lib`);
  await Deno.writeTextFile(`${root}/.complete`, "");
  return root;
}

async function must([command = "", ...args]: readonly string[], cwd?: string): Promise<void> {
  const options = { args, stdin: "null", ...(cwd === undefined ? {} : { cwd }) } as const;
  const { success, stdout, stderr } = await new Deno.Command(command, options).output();
  const said = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
  if (!success) throw new Error(`${command} failed:\n${said}`);
}

if (import.meta.main) {
  const { args, install } = takeInstall(Deno.args);
  const cache = Deno.env.get("MDPROXY4CS_CACHE");
  try {
    if (cache === undefined) throw new Error("MDPROXY4CS_CACHE is not set: run ./dev test-arm64");
    const programs = ["qemu-aarch64-static", "dnsmasq", "nginx", "curl", "ip", "dpkg-deb"] as const;
    if (!await ensurePackages({ what: "./dev test-arm64", programs, install })) Deno.exit(1);
    Deno.env.set("MDPROXY4CS_BINARY", await ensureEmulated(cache));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
  Deno.exit(await runTests(args.length > 0 ? args : DEFAULT_TESTS));
}
