/**
 * Runs tests and ends with one line that counts them: `N passed, N failed, N skipped`.
 *
 * ```
 *   tools/test.ts              everything but the boot
 *   tools/test.ts quick        what needs neither the compiled program nor a network of its own
 *   tools/test.ts boot         the boot
 *   tools/test.ts tests/dhcp   these files or folders; anything else, such as --filter=NAME, is passed on to `deno test`
 *   tools/test.ts ... --as-released    with the program as one module under this Deno instead of the compiled one
 * ```
 *
 * It says first which Debian packages are missing; with `--install`, and in CI, it installs them. What cannot run is
 * skipped, and each reason is named once before the count; in CI, where nothing may be missing, that is a failure.
 *
 * @module
 */

import { ensureWrapper } from "./bundle.ts";
import { removeIfStopped } from "./cleanup.ts";
import { compile } from "./compile.ts";
import { ensurePackages, takeInstall } from "./packages.ts";
import { networkFlags, TOP } from "./program.ts";

/** The arguments of `deno test` for each set of tests that has a name. */
const SETS: Readonly<Record<string, readonly string[]>> = {
  all: ["--ignore=tests/boot", "tests"],
  quick: ["--ignore=tests/boot,tests/e2e,tests/release", "--parallel", "tests"],
  boot: ["tests/boot"],
};

/** A run that takes longer than this hangs. */
const TIME_LIMIT_MS = 30 * 60_000;

/** Has the program run under this very Deno, which a release is compiled with, wherever another one compiles here. */
const AS_RELEASED = "--as-released";

interface Count {
  readonly passed: number;
  readonly failed: number;
  /** The names of what was skipped; each says why. */
  readonly skipped: readonly string[];
}

/** Runs `deno test` and returns what it counted; a runner that crashes or hangs is one failure. */
async function runTests(args: readonly string[]): Promise<Count> {
  const report = await Deno.makeTempFile({ suffix: ".xml" });
  const settle = removeIfStopped(report);
  try {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["test", "--no-check", "-A", ...networkFlags(), `--junit-path=${report}`, ...args],
      cwd: TOP,
      stdin: "null",
    }).spawn();
    const timer = setTimeout(() => {
      console.log(`Not finished after ${TIME_LIMIT_MS / 60_000} minutes: ending the tests`);
      child.kill("SIGKILL");
    }, TIME_LIMIT_MS);
    const { success } = await child.status;
    clearTimeout(timer);
    const count = parseReport(await Deno.readTextFile(report));
    return success ? count : { ...count, failed: Math.max(1, count.failed) };
  } finally {
    await Deno.remove(report);
    settle();
  }
}

/** Reads a JUnit report; an empty one counts nothing. */
function parseReport(xml: string): Count {
  const skipped: string[] = [];
  let passed = 0;
  let failed = 0;
  for (const [, attributes = "", body = ""] of xml.matchAll(/<testcase\s([^>]*?)(?:\/>|>(.*?)<\/testcase>)/gs)) {
    if (/<(failure|error)\b/.test(body)) failed++;
    else if (/<skipped\b/.test(body)) skipped.push(unescape(/\bname="([^"]*)"/.exec(attributes)?.[1] ?? "?"));
    else passed++;
  }
  return { passed, failed, skipped };
}

function unescape(text: string): string {
  const characters: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return text.replace(/&(\w+);/g, (entity, name) => characters[name] ?? entity);
}

/** Says each reason once, with how many tests it keeps from running, and a reason of one test with its name. */
function explainSkipped(names: readonly string[]): string[] {
  const byReason = new Map<string, string[]>();
  for (const name of names) {
    const [, test = name, reason = "no reason given"] = /^(.*) \(skipped: (.*)\)$/s.exec(name) ?? [];
    byReason.set(reason, [...byReason.get(reason) ?? [], test]);
  }
  return [...byReason].map(([reason, tests]) =>
    `skipped: ${tests.length === 1 ? tests[0] : `${tests.length} tests`}: ${reason}`
  );
}

/** Makes the program that many of the tests run. Those that do not need it run even if that fails. */
async function makeProgram(): Promise<void> {
  if (Deno.env.has("MDPROXY4CS_BINARY")) return;
  if (asReleased) return Deno.env.set("MDPROXY4CS_BINARY", await ensureWrapper());
  await compile().catch((error) => console.log(`Tests of the compiled program will fail: ${error.message}`));
}

const { args, install } = takeInstall(Deno.args);
const [set = "all", ...more] = args.filter((arg) => arg !== AS_RELEASED);
const asReleased = args.includes(AS_RELEASED);
if (set !== "quick") {
  await ensurePackages({ what: "./dev test", install, isOptional: true });
  await makeProgram();
}
const { passed, failed, skipped } = await runTests([...SETS[set] ?? [set], ...more]);
for (const line of explainSkipped(skipped)) console.log(line);
const isIncomplete = Deno.env.get("CI") === "true" && skipped.length > 0;
if (isIncomplete) console.log("In CI nothing may be skipped.");
console.log(`${passed} passed, ${failed} failed, ${skipped.length} skipped`);
Deno.exit(failed > 0 || isIncomplete ? 1 : 0);
