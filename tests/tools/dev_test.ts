import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import manifest from "../../deno.json" with { type: "json" };
import { filePath } from "../../tools/file_path.ts";
import { inherit, runCommand } from "../support/net/process.ts";
import { readmeCommands } from "../support/readme.ts";
import { test } from "../support/test.ts";

const TOP = filePath("../..", import.meta.url);
const PAGES = ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"] as const;

/** Where it keeps what it downloads, and from where, is that of whoever runs the tests. */
const OWN = ["HOME", "XDG_CACHE_HOME", "DENO_DIR", "MDPROXY4CS_NETWORK", "MDPROXY4CS_CACHE"] as const;

async function runDev(...args: readonly string[]) {
  return await runCommand([`${TOP}/dev`, ...args], { env: inherit(OWN) });
}

/** The commands of `./dev` and `deno task` on a page, each with its words. */
async function commandsOn(page: string): Promise<string[][]> {
  const text = await Deno.readTextFile(`${TOP}/${page}`);
  return [...text.matchAll(/(?:\.\/dev|\bdeno task) ([a-z][a-z0-9-]*(?: +--?[a-z]+)*)/g)].map(([, words]) =>
    words!.split(/ +/)
  );
}

for (const page of [...PAGES, "SECURITY.md", "tests/README.md"]) {
  test(`${page}: every command of ./dev is one, and takes the arguments that are named`, async () => {
    const { stdout: help } = await runDev("help");
    const commands = await commandsOn(page);
    assert(commands.length > 0);
    for (const [command = "", ...args] of commands) {
      if (command === "help") continue;
      assert(command in manifest.tasks, `${page} names ./dev ${command}`);
      for (const arg of args) assertStringIncludes(help, arg, `${page}: ./dev ${command} ${arg}`);
    }
  });
}

for (const page of PAGES) {
  test(`${page}: every picture and page that it shows or names is there`, async () => {
    const text = await Deno.readTextFile(`${TOP}/${page}`);
    for (const [, path] of text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) await Deno.stat(`${TOP}/${path}`);
  });
}

test("README's commands to try it are those of the demo and of the tests, nothing else", async () => {
  const lines = (await readmeCommands("Try it")).join("").trim().split("\n");
  assertEquals(lines.map((line) => line.replace(/ *#.*/, "")), ["./dev demo", "./dev test"]);
});

test("./dev lists every task, and refuses what is none", async () => {
  const { stdout: help } = await runDev();
  for (const [name, { description }] of Object.entries(manifest.tasks)) {
    assertStringIncludes(help, name);
    assertStringIncludes(help, description);
  }
  const { code, stderr } = await runDev("no-such-command");
  assertEquals(code, 1);
  assertStringIncludes(stderr, "there is no command 'no-such-command'");
});

test("./dev COMMAND --help shows the help, and does nothing else; the program's own is that of `run`", async () => {
  const { stdout: help } = await runDev("help");
  for (const args of [["release", "--help"], ["docs", "-h"], ["test", "quick", "--help"]]) {
    const { code, stdout, stderr } = await runDev(...args);
    assertEquals([code, stdout, stderr], [0, help, ""]);
  }
  assertStringIncludes((await runDev("run", "get", "--help")).stdout, "usage: mdproxy4cs");
});

test("./dev refuses arguments that are none before it does anything", async () => {
  for (
    const [args, why] of [
      [["compile", "--nosuch"], "there is no argument '--nosuch' here"],
      [["demo", "--nosuch"], "there is no argument '--nosuch' here"],
      [["docs", "demo"], "there is no argument 'demo' here"],
      [["release", "--install", "all"], "there is no argument 'all' here"],
      [["bench", "--nosuch"], "there is no argument '--nosuch' here"],
      [["bench", "--reference", "/dev"], "there is no program '/dev'"],
      [["test", "nosuch"], "there is no test 'nosuch'"],
    ] as const
  ) {
    const { code, stdout, stderr } = await runDev(...args);
    assertEquals([code, stdout, stderr.trim().split("\n").at(-1)], [2, "", `${why}: ./dev help has the arguments`]);
  }
});

test("./dev has temporary files go where programs can be run, and says so", async () => {
  const deno = Deno.execPath();
  const PATH = `${deno.slice(0, deno.lastIndexOf("/"))}:/usr/bin:/bin`;
  const env = { PATH, HOME: Deno.env.get("HOME") ?? "", TMPDIR: "/dev/null/none" };
  const { code, stderr } = await runCommand([`${TOP}/dev`, "fmt", "--check", "--quiet", "deno.json"], { env });
  assertEquals(code, 0, stderr);
  assertStringIncludes(stderr, "no program can be run in /dev/null/none: temporary files go to /");
});

/** Runs `./dev` where there is no Deno, and an npm that does this. */
async function runDevWithNpm(npm: string) {
  const folder = await Deno.makeTempDir();
  try {
    for (const path of ["bin", "tools/npm/deno"]) await Deno.mkdir(`${folder}/${path}`, { recursive: true });
    for (const path of ["dev", "deno.json", "tools/npm/deno/package-lock.json"]) {
      await Deno.copyFile(`${TOP}/${path}`, `${folder}/${path}`);
    }
    for (const [name, does] of [["deno", "exit 1"], ["npm", npm], ["uname", "echo x86_64"]] as const) {
      await Deno.writeTextFile(`${folder}/bin/${name}`, `#!/bin/sh\n${does}\n`, { mode: 0o755 });
    }
    return await runCommand([`${folder}/dev`, "fmt"], { env: { PATH: `${folder}/bin:/usr/bin:/bin`, HOME: folder } });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

test("./dev says so where npm is too old to read its lock files", async () => {
  const { code, stderr } = await runDevWithNpm("echo 6.14.4");
  assertEquals(code, 1);
  assertStringIncludes(stderr, "Deno is missing, and npm is too old to fetch it: 7 or newer can");
});

test("./dev has npm give up within minutes where nobody answers, and says what may be the matter", async () => {
  const { code, stderr } = await runDevWithNpm('[ "$1" != ci ] || { env; exit 1; }');
  assertEquals(code, 1);
  assertStringIncludes(stderr, "\nnpm_config_fetch_timeout=60000\n");
  assertStringIncludes(stderr, "dev: npm could not install Deno, see above: is its registry to be reached");
});
