/**
 * Runs tests and ends with one line that counts them: `N passed, N failed, N skipped`.
 *
 * ```
 *   tools/test.ts              everything but the boot
 *   tools/test.ts quick        what needs neither the compiled program nor a network of its own
 *   tools/test.ts e2e          end to end
 *   tools/test.ts boot         the boot
 *   tools/test.ts tests/dhcp   these files or folders; anything else, such as --filter=NAME, is passed on to `deno test`
 *   tools/test.ts ... --as-released    with the program as one module under this Deno instead of the compiled one
 *   tools/test.ts ... --on-loopback    of the tests that need a network those that loopback can be one for, there
 * ```
 *
 * It says first which Debian packages are missing; with `--install`, and in CI, it installs them. What cannot run is
 * skipped, and each reason is named once before the count; in CI, where nothing may be missing, that is a failure.
 *
 * @module
 */

import { whyNoNamespaces } from "../tests/support/net/namespace.ts";
import { refuse } from "./arguments.ts";
import { ensureBundle, ensureWrapper } from "./bundle.ts";
import { compile } from "./compile.ts";
import { exists } from "./file_path.ts";
import { isOpen, openProgram, openWrapper } from "./opened.ts";
import { ensurePackages, takeInstall } from "./packages.ts";
import { BINARY } from "./program.ts";
import { runTests } from "./run_tests.ts";

/** The arguments of `deno test` for each set of tests that has a name. */
const SETS: Readonly<Record<string, readonly string[]>> = {
  all: ["--ignore=tests/boot", "--parallel", "tests"],
  quick: ["--ignore=tests/boot,tests/e2e,tests/release", "--parallel", "tests"],
  e2e: ["--parallel", "tests/e2e"],
  boot: ["tests/boot"],
};

/** Has the program run under this very Deno, which a release is compiled with, wherever another one compiles here. */
const AS_RELEASED = "--as-released";

/** Has the tests do what they do where the machine refuses namespaces. */
const ON_LOOPBACK = "--on-loopback";

/** Makes the program that many of the tests run. Those that do not need it run even if that fails. */
async function makeProgram(made: AsyncDisposableStack): Promise<void> {
  const given = Deno.env.get("MDPROXY4CS_BINARY");
  const isWrapper = asReleased && given === undefined;
  try {
    if (isOnLoopback) Deno.env.set("MDPROXY4CS_BUNDLE", await ensureBundle());
    if (given === undefined && !isWrapper) await compile();
    const path = await Deno.realPath(given ?? (isWrapper ? await ensureWrapper() : BINARY));
    // Only root can become nobody.
    const isEnough = Deno.uid() !== 0 || await isOpen(path) && (!isWrapper || await isOpen(Deno.execPath()));
    const opened = isEnough ? undefined : made.use(await (isWrapper ? openWrapper() : openProgram(path)));
    Deno.env.set("MDPROXY4CS_BINARY", opened?.path ?? path);
  } catch (error) {
    console.log(`Tests that run the program will fail: ${(error as Error).message}`);
  }
}

const { args, install } = takeInstall(Deno.args);
const words = args.filter((arg) => arg !== AS_RELEASED && arg !== ON_LOOPBACK);
const set = words[0] === undefined || words[0].startsWith("-") ? "all" : words.shift()!;
if (!Object.hasOwn(SETS, set) && !await exists(set)) refuse(`there is no test '${set}'`);
const asReleased = args.includes(AS_RELEASED);
const isOnLoopback = args.includes(ON_LOOPBACK) || whyNoNamespaces() !== undefined;
if (args.includes(ON_LOOPBACK)) Deno.env.set("MDPROXY4CS_TEST_NETWORK", "loopback");
const made = new AsyncDisposableStack();
if (set !== "quick") {
  await ensurePackages({ what: "./dev test", install, isOptional: true });
  await makeProgram(made);
}
const code = await runTests([...SETS[set] ?? [set], ...words]);
await made.disposeAsync();
Deno.exit(code);
