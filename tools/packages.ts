/**
 * Installs Debian packages that a tool needs, where it may.
 *
 * @module
 */

import { missingPackages } from "../tests/support/packages.ts";
import type { Program } from "../tests/support/packages.ts";

/**
 * Ensures that programs are installed (default: all that tests need): as root on Debian it installs what is missing and
 * says so, elsewhere it says how to.
 *
 * @returns whether they are there
 */
export async function ensurePackages(programs?: readonly Program[]): Promise<boolean> {
  const packages = missingPackages(programs);
  if (packages.length === 0) return true;
  const install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", ...packages];
  const isDebian = await Deno.stat("/etc/debian_version").then(() => true, () => false);
  if (Deno.uid() !== 0 || !isDebian) {
    console.error(`Not installed: ${packages.join(" ")}. To have them: sudo ${install.join(" ")}`);
    return false;
  }
  console.error(`Installing from Debian: ${packages.join(" ")}`);
  for (const [command, ...args] of [["apt-get", "update", "--quiet"], install]) {
    const env = { DEBIAN_FRONTEND: "noninteractive" };
    const { success, stderr } = await new Deno.Command(command!, { args, env, stdin: "null" }).output();
    if (!success) console.error(`${command} ${args[0]} failed: ${new TextDecoder().decode(stderr).trim()}`);
  }
  return missingPackages(programs).length === 0;
}
