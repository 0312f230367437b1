/**
 * Runs `deno test`, and ends with one line that counts the tests: `N passed, N failed, N skipped`.
 *
 * What was skipped is named before the count, each reason once; in CI, where nothing may be missing, it is a failure.
 *
 * @module
 */

import { removeIfStopped, undoIfStopped } from "./cleanup.ts";
import { networkFlags, TOP } from "./program.ts";

/** How many files of tests run at once, where they may: one more than there are processors, since most of them wait. */
const JOBS = Deno.env.get("DENO_JOBS") ?? String(navigator.hardwareConcurrency + 1);

/** A run that takes longer than this hangs. */
const TIME_LIMIT_MS = 30 * 60_000;

/** The name of a test that cannot run here. */
const REASON = /^(.*) \(skipped: (.*)\)$/s;

interface Count {
  readonly passed: number;
  readonly failed: number;
  /** The names of what was skipped; each says why. */
  readonly skipped: readonly string[];
}

/** Runs `deno test` and returns what it counted; a runner that crashes or hangs is one failure. */
async function countTests(args: readonly string[]): Promise<Count> {
  const report = await Deno.makeTempFile({ suffix: ".xml" });
  const settle = removeIfStopped(report);
  // What tests lay out is read by nobody, networkd and others, whom a stricter one keeps out.
  Deno.umask(0o022);
  try {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["test", "--no-check", "-A", ...networkFlags(), `--junit-path=${report}`, ...args],
      cwd: TOP,
      env: { DENO_JOBS: JOBS },
      stdin: "null",
    }).spawn();
    // On a terminal it hears of that by itself; who ends this process alone means the tests too.
    const leave = undoIfStopped(() => child.kill("SIGINT"));
    const timer = setTimeout(() => {
      console.log(`Not finished after ${TIME_LIMIT_MS / 60_000} minutes: ending the tests`);
      child.kill("SIGKILL");
    }, TIME_LIMIT_MS);
    const { success } = await child.status;
    clearTimeout(timer);
    leave();
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
    const [, test = name, reason = "no reason given"] = REASON.exec(name) ?? [];
    byReason.set(reason, [...byReason.get(reason) ?? [], test]);
  }
  return [...byReason].map(([reason, tests]) =>
    `skipped: ${tests.length === 1 ? tests[0] : `${tests.length} tests`}: ${reason}`
  );
}

/** Runs tests with these arguments of `deno test`, prints what they counted, and gives the exit code. */
export async function runTests(args: readonly string[]): Promise<number> {
  const counted = await countTests(args);
  const { passed, failed } = counted;
  // The report calls skipped, too, what a filter left out.
  const isFiltered = args.some((arg) => arg.startsWith("--filter"));
  const skipped = counted.skipped.filter((name) => !isFiltered || REASON.test(name));
  for (const line of explainSkipped(skipped)) console.log(line);
  const isEmpty = isFiltered && passed + failed + skipped.length === 0;
  if (isEmpty) console.log("No test has such a name.");
  const isIncomplete = Deno.env.get("CI") === "true" && skipped.length > 0;
  if (isIncomplete) console.log("In CI nothing may be skipped.");
  console.log(`${passed} passed, ${failed} failed, ${skipped.length} skipped`);
  return failed > 0 || isIncomplete || isEmpty ? 1 : 0;
}
