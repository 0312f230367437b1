/**
 * What a tool needs of Debian: it says first what is missing and how to have it, and installs it only where it was told
 * to, by `--install` or in CI.
 *
 * Packages come without their services: nothing is started, and what they would start at boot is switched off again.
 *
 * @module
 */

import { APT_INSTALL, aptInstall } from "./apt.ts";
import type { Output } from "./apt.ts";
import { undoIfStopped } from "./cleanup.ts";
import { missingPackages } from "../tests/support/packages.ts";
import type { Program } from "../tests/support/packages.ts";
import { pause } from "../tests/support/pause.ts";

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
  if (still.length > 0) {
    const then = isOptional ? "goes on, and skips what needs them" : "needs them";
    console.error(`These packages could not be installed, see above; ${what} ${then}: ${still.join(" ")}`);
  }
  return still.length === 0;
}

/** Why nothing can be installed here; `undefined` if it can. */
function whyNotInstall(): string | undefined {
  if (!exists("/etc/debian_version")) return "this is no Debian";
  return Deno.uid() === 0 ? undefined : "only root can";
}

/** Installs what can be had of these packages, without their services. */
async function installPackages(wanted: readonly string[]): Promise<void> {
  const before = await installedPackages();
  const undoPolicy = forbidStarting();
  try {
    await aptInstall(wanted, { run: output, say: console.error, sleep: pause });
  } finally {
    undoPolicy();
  }
  for (const name of await installedPackages()) if (!before.has(name)) await switchOffServices(name);
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

async function output([command = "", ...args]: readonly string[]): Promise<Output> {
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
