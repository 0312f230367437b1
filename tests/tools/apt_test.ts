import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { aptInstall } from "../../tools/apt.ts";
import { test } from "../support/test.ts";

const CUT_OFF = "E: Failed to fetch http://deb.debian.org/x.deb  Temporary failure resolving 'deb.debian.org'";

/** A Debian that has these packages; what was installed, and what was said. */
async function installOn(
  { has, failing = () => undefined }: {
    readonly has: readonly string[];
    /** What a command that fails writes to standard error. */
    readonly failing?: (argv: string) => string | undefined;
  },
  wanted: readonly string[],
) {
  const installed: string[] = [];
  const said: string[] = [];
  let sleeps = 0;
  await aptInstall(wanted, {
    sleep: () => Promise.resolve(void sleeps++),
    run([command, ...args]) {
      const stderr = failing([command, ...args].join(" ")) ?? "";
      const names = args.filter((arg) => /^(alpha|beta|gamma)$/.test(arg));
      if (args[0] === "install") installed.push(names.join(" "));
      const candidate = has.includes(names[0]!) ? "1.0" : "(none)";
      return Promise.resolve({ success: stderr === "", stdout: `${names[0]}:\n  Candidate: ${candidate}\n`, stderr });
    },
    say: (line) => said.push(line),
  });
  return { installed, sleeps, said: said.join("\n") };
}

test("aptInstall installs all that there is at once, each by the first of its names that there is", async () => {
  const { installed, said } = await installOn({ has: ["alpha", "gamma"] }, ["alpha", "beta|gamma", "beta"]);
  assertEquals(installed, ["alpha gamma"]);
  assertMatch(said, /^apt-cache knows no package beta$/m);
});

test("aptInstall asks for nothing where there is nothing, and says why the lists could not be read", async () => {
  const failing = (argv: string) => /^apt-get update .*Error-Mode=any/.test(argv) ? CUT_OFF : undefined;
  const { installed, said } = await installOn({ has: [], failing }, ["alpha", "beta"]);
  assertEquals(installed, []);
  assertStringIncludes(said, CUT_OFF);
});

test("aptInstall tries packages one by one if they cannot be had together, but not if they cannot be fetched", async () => {
  const has = ["alpha", "beta"];
  const TOGETHER = ["alpha beta"];
  for (
    const { reason, expected } of [
      { reason: "E: Unmet dependencies.", expected: [...TOGETHER, "alpha", "beta"] },
      { reason: CUT_OFF, expected: TOGETHER },
    ]
  ) {
    const failing = (argv: string) => argv.includes("alpha beta") ? reason : undefined;
    const { installed, said } = await installOn({ has, failing }, has);
    assertEquals(installed, expected);
    assertStringIncludes(said, reason);
  }
});

test("aptInstall waits for another apt to end, not for ever, and says so once", async () => {
  const locked = "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)";
  for (const [times, sleeps] of [[3, 3], [Infinity, 24]] as const) {
    let left: number = times;
    const failing = (argv: string) => argv.startsWith("apt-get update") && left-- > 0 ? locked : undefined;
    const result = await installOn({ has: ["alpha"], failing }, ["alpha"]);
    assertEquals([result.sleeps, result.installed], [sleeps, ["alpha"]]);
    assertEquals(result.said.split("\n").filter((line) => line.startsWith("waiting for another apt")).length, 1);
    assertEquals(result.said.includes(locked), times === Infinity);
  }
});
