/**
 * Which versions of Deno build, run and test the program. A version that does not enforce the list of permissions as it
 * is written must not run it, and one that does not know the list cannot. (2.4.2 does both, and compiles the program
 * where npm alone can be reached; the sources' types and their tests are not for it.)
 *
 * ```
 *   tools/deno_version.ts    fails, and says why, if the Deno that runs it is not one of them
 * ```
 *
 * Imports nothing, so that any Deno can run it.
 *
 * @module
 */

/** The versions that were tested and are accepted, for people. */
export const ACCEPTED = "2.9.0 and newer";

/** Why a version of Deno is refused; `undefined` if it is accepted. */
export function whyNotDeno(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split(".").map((part) => parseInt(part, 10));
  if (major > 2 || major === 2 && minor >= 9) return undefined;
  const why = major < 2 || minor < 5
    ? "it is too old"
    : minor === 6 || minor === 7
    ? "some of its releases do not enforce --deny-net beside --allow-net, so that a request could come out at a server inside the VM"
    : "it does not know the permission to send to a Unix socket in the form that 2.9 wants it";
  return `Deno ${version} is not used: ${why}. Accepted is ${ACCEPTED}`;
}

if (import.meta.main) {
  const why = whyNotDeno(Deno.version.deno);
  if (why !== undefined) {
    console.error(why);
    Deno.exit(1);
  }
}
