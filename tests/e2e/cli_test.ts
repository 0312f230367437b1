import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { OPTIONS, variableOf } from "../../lib/config/options.ts";
import { binary } from "../support/binary.ts";
import { runCommand } from "../support/net/process.ts";
import { networkTest } from "../support/net/network_test.ts";
import { createScene, NO_SERVERS } from "../support/scene.ts";
import { test } from "../support/test.ts";

/** Runs the program where it ends before it would touch the network. */
function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return runCommand([binary(), ...args], { env });
}

test("mdproxy4cs --version names itself, its version, commit, Deno and platform in a line", async () => {
  const { code, stdout } = await run(["--version"]);
  assertEquals(code, 0);
  assertMatch(stdout, /^mdproxy4cs \d+\.\d+\.\d+\S* \(commit \S+, Deno \d+\.\d+\.\d+, \S+\)\n$/);
});

for (const flag of ["--help", "-h"]) {
  test(`mdproxy4cs ${flag} names every flag, its variable and its default`, async () => {
    const { code, stdout, stderr } = await run([flag]);
    assertEquals([code, stderr], [0, ""]);
    const told = stdout.matchAll(/^ {2}--([\w-]+).*(?:\n {6}.*)+?\n {6}\((\w+)(?:,\s+default (.*))?\)$/gm);
    assertEquals(
      [...told].map(([, flag, variable, preset = ""]) => [flag, variable, preset].join(" ")).sort(),
      OPTIONS.map(({ flag, default: preset }) => [flag, variableOf(flag), preset].join(" ")).sort(),
    );
  });
}

test("mdproxy4cs says nothing of a reader that has read enough, and of a disk that is full it does", async () => {
  const through = (script: string) => runCommand(["sh", "-c", script, "sh", binary()]);
  for (let times = 0; times < 5; times++) {
    const { stderr } = await through('"$1" --help | true; "$1" --help | head -n 1');
    assertEquals(stderr, "");
  }
  const { code, stderr } = await through('"$1" --help > /dev/full');
  assertEquals([code, stderr], [
    1,
    "mdproxy4cs: error: cannot write to standard output: No space left on device (os error 28)\n",
  ]);
});

test("mdproxy4cs refuses a variable that is no text with exit code 78, and names it", async () => {
  const script = `MDPROXY4CS_INAME=$(printf '\\377') exec "$1" status`;
  const { code, stderr } = await runCommand(["sh", "-c", script, "sh", binary()]);
  assertEquals(code, 78);
  assertMatch(stderr, /^mdproxy4cs: error: MDPROXY4CS_INAME must be UTF-8/);
});

/** What cannot be understood, and what is said about it behind `mdproxy4cs: error: `. */
const MISTAKES: readonly (readonly [what: string, args: readonly string[], says: string])[] = [
  ["an unknown flag", ["--bogus"], "unknown long flag '--bogus', try --help"],
  ["an unknown short flag", ["-x"], "unknown short flag '-x', try --help"],
  ["a stray argument", ["bogus"], "unexpected argument 'bogus', try --help"],
  ["a missing value", ["--iname"], "expected argument for flag '--iname'"],
  ["a repeated flag", ["--iname", "eth0", "--iname=eth1"], "flag 'iname' cannot be repeated, try --help"],
  ["an address that does not parse", ["--http-listen", "nonsense"], '--http-listen: "nonsense" must be'],
  ["an address that leaves the machine", ["--http-listen", "0.0.0.0:39724"], "metadata holds secrets"],
  ["an address of the network", ["--http-listen=10.1.1.50:80"], "metadata holds secrets"],
  [
    "an env file that is missing",
    ["--env-file", "/etc/default/no-such-file"],
    'cannot read "/etc/default/no-such-file"',
  ],
  ["an env file out of reach", ["--env-file", "/root/secrets"], "the program may only read in"],
];

for (const [what, args, says] of MISTAKES) {
  test(`mdproxy4cs refuses ${what} with exit code 78 (EX_CONFIG) and a sentence on stderr`, async () => {
    const { code, stdout, stderr } = await run(args);
    assertEquals([code, stdout], [78, ""]);
    assert(stderr.startsWith("mdproxy4cs: error: "), stderr);
    assertStringIncludes(stderr, says);
    assertEquals(stderr.trim().split("\n").length, 1, stderr);
  });
}

networkTest(
  "mdproxy4cs takes a flag before its variable, and the variable before the env file",
  NO_SERVERS,
  async () => {
    await using scene = await createScene({ router: "none", args: "none" });
    const { guest } = scene;
    const file = "/etc/default/mdproxy4cs";
    await guest.emptyFolder("/etc/default");
    await guest.must(["tee", file], { input: "# as in /etc/default\nMDPROXY4CS_HTTP_LISTEN=9.9.9.1:1\n" });
    const env = { MDPROXY4CS_HTTP_LISTEN: "9.9.9.2:1" };
    const complaint = async (args: readonly string[], env = {}) =>
      (await guest.run([binary(), "--env-file", file, ...args], { env })).stderr;
    assertStringIncludes(await complaint([]), "9.9.9.1:1");
    assertStringIncludes(await complaint([], env), "9.9.9.2:1");
    assertStringIncludes(await complaint(["--http-listen", "9.9.9.3:1"], env), "9.9.9.3:1");
    assertStringIncludes(await complaint([], { MDPROXY4CS_HTTP_LISTEN: "" }), "9.9.9.1:1");
  },
);

networkTest("mdproxy4cs starts with an unknown log level, and says so", NO_SERVERS, async () => {
  await using scene = await createScene({ router: "none", env: { MDPROXY4CS_LOG_LEVEL: "verbose" } });
  const { program } = scene;
  await program.waitForLine(/warn .*verbose.*using info/);
});

networkTest(
  "mdproxy4cs logs to the end of a file, as text or as JSON, and to a new one after a reload",
  NO_SERVERS,
  async () => {
    await using scene = await createScene({ router: "none", args: "none" });
    const { guest } = scene;
    await guest.emptyFolder("/var/log");
    const file = "/var/log/mdproxy4cs.log";
    await guest.must(["sh", "-c", `echo "an earlier line" > ${file}`]);
    const program = guest.start([binary(), "--log-file", file, "--log-format=json"]);
    const followed = guest.start(["tail", "-n", "+1", "-F", file]);
    const line = await followed.waitForLine(/"message":"listening"/);
    assertEquals(JSON.parse(line).listen, "169.254.169.254:39724");
    assertEquals(followed.lines[0], "an earlier line");

    // As logrotate does it.
    await guest.must(["mv", file, `${file}.1`]);
    program.kill("SIGHUP");
    await followed.waitForLine(/"message":"reloaded"/);
    assertStringIncludes(await guest.must(["cat", file]), '"message":"reloaded"');
    assertEquals((await program.stop()).code, 0);
    assertEquals(program.lines, []);
  },
);
