/**
 * What a tool needs of Debian: it says first what is missing and how to have it, and installs it only where it was told
 * to, by `--install` or in CI.
 *
 * Packages come without their services: nothing is started, and what they would start at boot is switched off again.
 *
 * @module
 */

import { undoIfStopped } from "./cleanup.ts";
import { missingPackages } from "../tests/support/packages.ts";
import type { Program } from "../tests/support/packages.ts";

const APT_INSTALL = ["apt-get", "install", "--yes", "--no-install-recommends"] as const;

/** What a package's scripts ask before they start a service (Debian's policy-rc.d). */
const POLICY = "/usr/sbin/policy-rc.d";
/** 101 is "forbidden by policy". */
const POLICY_TEXT = "#!/bin/sh\n# mdproxy4cs's tests: nothing that is installed now is started.\nexit 101\n";

/** Takes `--install` out of a tool's arguments; in CI it is always there. */
export function takeInstall(args: readonly string[]): { args: string[]; install: boolean } {
  return {
    args: args.filter((arg) => arg !== "--install"),
    install: args.includes("--install") || Deno.env.get("CI") === "true",
  };
}

/**
 * Ensures that programs are installed, or says on standard error what is missing and how to have it.
 *
 * @param needs.what who needs them, as in `./dev demo`
 * @param needs.programs all that tests need, if not given
 * @param needs.install whether to install what is missing, as root on Debian
 * @param needs.isOptional whether it goes on without them
 * @returns whether they are there
 */
export async function ensurePackages(
  { what, programs, install, isOptional = false }: {
    readonly what: string;
    readonly programs?: readonly Program[];
    readonly install: boolean;
    readonly isOptional?: boolean;
  },
): Promise<boolean> {
  const missing = missingPackages(programs);
  if (missing.length === 0) return true;
  const why = whyNotInstall();
  if (!install || why !== undefined) {
    const names = missing.map((names) => names.split("|")[0]);
    const lacking = isOptional
      ? "goes on without some Debian packages, and skips what needs them"
      : "needs Debian packages";
    console.error([
      `${what} ${lacking}: ${names.join(" ")}`,
      ...install ? [`They were not installed: ${why}`] : [],
      `    sudo ${[...APT_INSTALL, ...names].join(" ")}`,
      ...why === undefined ? [`or let it install them, without their services: ${what} --install`] : [],
    ].join("\n"));
    return false;
  }
  await installPackages(missing);
  const still = missingPackages(programs);
  if (still.length > 0) console.error(`${what} has to do without: ${still.join(" ")}`);
  return still.length === 0;
}

/** Why nothing can be installed here; `undefined` if it can. */
function whyNotInstall(): string | undefined {
  if (!exists("/etc/debian_version")) return "this is no Debian";
  return Deno.uid() === 0 ? undefined : "only root can";
}

/** Installs what can be had of these packages: one that cannot costs the others nothing. */
async function installPackages(wanted: readonly string[]): Promise<void> {
  await apt(["apt-get", "update", "--quiet"], "reading Debian's list of packages");
  const available = (await Promise.all(wanted.map(findCandidate))).filter((name) => name !== undefined);
  const before = await installedPackages();
  const undoPolicy = forbidStarting();
  try {
    const install = (names: readonly string[]) =>
      apt([...APT_INSTALL, ...names], `installing from Debian, without starting anything: ${names.join(" ")}`);
    if (!await install(available) && available.length > 1) {
      for (const name of available) await install([name]);
    }
  } finally {
    undoPolicy();
  }
  for (const name of await installedPackages()) if (!before.has(name)) await switchOffServices(name);
}

/** Of a package's names the one that this Debian has. */
async function findCandidate(names: string): Promise<string | undefined> {
  for (const name of names.split("|")) {
    const { stdout } = await output(["apt-cache", "policy", name]);
    if (/^\s+Candidate: (?!\(none\))/m.test(stdout)) return name;
  }
  console.error(`This Debian has no package ${names}: the tests that need it are skipped`);
  return undefined;
}

async function installedPackages(): Promise<ReadonlySet<string>> {
  const { stdout } = await output(["dpkg-query", "--show", "--showformat=${db:Status-Abbrev} ${binary:Package}\n"]);
  return new Set([...stdout.matchAll(/^ii +(\S+)$/gm)].map(([, name]) => name!));
}

/** Has no service started until the returned function is called; a policy of the machine's own stays what it is. */
function forbidStarting(): () => void {
  if (exists(POLICY)) return () => {};
  Deno.writeTextFileSync(POLICY, POLICY_TEXT, { mode: 0o755, createNew: true });
  const undo = () => {
    try {
      if (Deno.readTextFileSync(POLICY) === POLICY_TEXT) Deno.removeSync(POLICY);
    } catch {
      // Somebody else has removed it.
    }
  };
  const settle = undoIfStopped(undo);
  return () => {
    settle();
    undo();
  };
}

/** Undoes what a package's scripts do to have its services started at every boot. */
async function switchOffServices(name: string): Promise<void> {
  const { stdout } = await output(["dpkg", "--listfiles", name]);
  for (
    const [, unit] of stdout.matchAll(/^\/(?:usr\/)?lib\/systemd\/system\/([^/@]+\.(?:service|timer|socket|path))$/gm)
  ) {
    // What other packages need at boot, such as systemd's own units, is not enabled by name but by links of the package.
    if (!isEnabled(unit!)) continue;
    console.error(`not started at boot: ${unit}`);
    await output(["systemctl", "--root=/", "--quiet", "disable", unit!]);
  }
  for (const [, script] of stdout.matchAll(/^\/etc\/init\.d\/(\S+)$/gm)) {
    await output(["update-rc.d", script!, "disable"]);
  }
}

/** Whether a target wants a unit because of a link that an installation made. */
function isEnabled(unit: string): boolean {
  return [...Deno.readDirSync("/etc/systemd/system")].some(({ name, isDirectory }) =>
    isDirectory && /\.(wants|requires)$/.test(name) && exists(`/etc/systemd/system/${name}/${unit}`)
  );
}

/** Runs apt-get, and shows what it said if it fails. */
async function apt(argv: readonly string[], what: string): Promise<boolean> {
  console.error(what);
  const { success, stdout, stderr } = await output(argv);
  if (!success) console.error(`${argv.join(" ")} failed:\n${stdout.split("\n").slice(-10).join("\n")}${stderr.trim()}`);
  return success;
}

async function output(
  [command = "", ...args]: readonly string[],
): Promise<{ success: boolean; stdout: string; stderr: string }> {
  try {
    const env = { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" };
    const { success, stdout, stderr } = await new Deno.Command(command, { args, env, stdin: "null" }).output();
    const decoder = new TextDecoder();
    return { success, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  } catch (error) {
    return { success: false, stdout: "", stderr: `${command}: ${(error as Error).message}` };
  }
}

/** Whether something has this path, be it a link that leads nowhere. */
function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
