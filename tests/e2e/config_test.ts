import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { READ_EARLY, READ_LATE } from "../../lib/system/runtime_environment.ts";
import { binary } from "../support/binary.ts";
import { networkTest } from "../support/net/network_test.ts";
import { runCommand } from "../support/net/process.ts";
import { programLine } from "../support/net/program.ts";
import { createScene, NO_SERVERS, ROUTER, SERVERS } from "../support/scene.ts";
import { test } from "../support/test.ts";

const NOTHING = { guest: "unplugged", router: "none", args: "none" } as const;

test("mdproxy4cs shows control characters of a refused configuration as text", async () => {
  const { code, stderr } = await runCommand([binary(), "--iname", "\x1b[2J\nforged\u202e"]);
  assertEquals(code, 78);
  assertEquals(
    stderr,
    'mdproxy4cs: error: --iname: "\\u001b[2J\\u000aforged\\u202e" must be an interface name such as eth0, or "auto"\n',
  );
});

for (const value of ["no", "0", "off", "false", "yes", "optional"]) {
  networkTest(`--require-token=${value} is read as MDPROXY4CS_REQUIRE_TOKEN=${value} is`, ROUTER, async () => {
    const asFlag = { args: [`--require-token=${value}`] };
    const asVariable = { args: [], env: { MDPROXY4CS_REQUIRE_TOKEN: value } };
    for (const options of [asFlag, asVariable]) {
      await using scene = await createScene(options);
      assertEquals((await scene.get("/latest/meta-data/vm-id")).status, value === "yes" ? 401 : 200);
    }
  });
}

/** What a configuration can be that no restart mends, and what is said of it. */
const REFUSED: readonly (readonly [what: string, args: readonly string[], says: RegExp])[] = [
  [
    "a FIFO as env file",
    ["--env-file", "/etc/default/fifo"],
    /cannot read "\/etc\/default\/fifo": it is not a regular file/,
  ],
  ["a folder as env file", ["--env-file", "/etc/default"], /cannot read "\/etc\/default": it is not a regular file/],
  ["a device as env file", ["--env-file", "/etc/default/zero"], /it is not a regular file/],
  ["an env file of 2 MB", ["--env-file", "/etc/default/large"], /it is larger than 1 MiB/],
  ["an env file in /tmp", ["--env-file", "/tmp/file"], /the program may only read in \/etc\/default/],
  [
    "a value of an env file",
    ["--env-file", "/etc/default/wrong"],
    /MDPROXY4CS_CACHE_TTL in \/etc\/default\/wrong: "soon" must be/,
  ],
];

networkTest(
  "mdproxy4cs refuses what it cannot read or use as configuration with 78, and does not hang",
  NO_SERVERS,
  async () => {
    await using scene = await createScene(NOTHING);
    const { guest } = scene;
    await guest.emptyFolder("/etc/default");
    await guest.must([
      ...["sh", "-ec"],
      "cd /etc/default; mkfifo fifo; mknod zero c 1 5 || ln -s /dev/zero zero; truncate -s 2M large; echo MDPROXY4CS_CACHE_TTL=soon > wrong",
    ]);
    for (const [what, args, says] of REFUSED) {
      const { code, stdout, stderr } = await guest.run([binary(), ...args]);
      assertEquals([what, code, stdout], [what, 78, ""]);
      assertMatch(stderr, says);
      assert(!/deno compile|--allow-/.test(stderr), stderr);
    }
  },
);

/** Where a log cannot be, and the reason that is given. */
const NO_LOG: readonly (readonly [path: string, reason: RegExp])[] = [
  ["/var/log/fifo", /it is not a regular file/],
  ["/var/log", /it is not a regular file/],
  ["/var/log/null", /it is not a regular file/],
  ["/var/log/none/x.log", /No such file/],
  ["/etc/x.log", /the program may not write there/],
  ["/tmp/x.log", /the program may not write there/],
  ["x.log", /the program may not write there/],
];

networkTest(
  "mdproxy4cs logs to standard output where it cannot log to a file, and says where it could",
  NO_SERVERS,
  async () => {
    await using scene = await createScene(NOTHING);
    const { guest } = scene;
    await guest.emptyFolder("/var/log");
    await guest.must(["sh", "-ec", "cd /var/log; mkfifo fifo; mknod null c 1 3 || ln -s /dev/null null"]);
    for (const [path, reason] of NO_LOG) {
      await using program = await scene.startProgram(["--log-file", path]);
      const [line = ""] = program.lines.filter((line) => line.includes("logging to standard output instead"));
      assertMatch(line, reason);
      assertStringIncludes(
        line,
        "a log may be in /var/log, /var/vcap/sys/log, /var/vcap/data/sys/log, under the unit in",
      );
      assert(!/deno compile|--allow-/.test(line), line);
    }
  },
);

networkTest("mdproxy4cs as root writes to no file that a link in /tmp points to", NO_SERVERS, async () => {
  await using scene = await createScene(NOTHING);
  const { guest, network } = scene;
  const target = `${network.folder}/target`;
  await Deno.writeTextFile(target, "untouched\n");
  await guest.must(["ln", "-s", target, `${network.folder}/link.log`]);
  await scene.startProgram(["--log-file", `${network.folder}/link.log`]);
  assertEquals(await Deno.readTextFile(target), "untouched\n");
});

networkTest("mdproxy4cs logs to files in and below /var/log, as version 1 did", NO_SERVERS, async () => {
  await using scene = await createScene(NOTHING);
  const { guest } = scene;
  await guest.emptyFolder("/var/log");
  await guest.must(["mkdir", "/var/log/mdproxy4cs"]);
  for (const path of ["/var/log/mdproxy4cs.log", "/var/log/mdproxy4cs/mdproxy4cs.log"]) {
    await using program = guest.start([binary(), "--log-level=trace", "--log-file", path]);
    const log = guest.start(["tail", "-n", "+1", "-F", path]);
    await log.waitForLine(/ listening /);
    await program.stop();
    assertEquals(program.lines, []);
  }
});

networkTest("mdproxy4cs logs to a file in the folder of BOSH's logs, which is a link", {}, async () => {
  await using scene = await createScene(NOTHING);
  const { guest } = scene;
  await guest.emptyFolder("/var");
  await guest.must(["sh", "-ec", "mkdir -p /var/vcap/data/sys/log/mdproxy4cs; ln -s data/sys /var/vcap/sys"]);
  const path = "/var/vcap/sys/log/mdproxy4cs/mdproxy4cs.log";
  await using program = guest.start([binary(), "--log-file", path]);
  await guest.start(["tail", "-n", "+1", "-F", path]).waitForLine(/ listening /);
  assertEquals(program.lines, []);
});

networkTest(
  "mdproxy4cs serves while the disk of its log is full, and says afterwards how many lines were lost",
  SERVERS,
  async () => {
    await using scene = await createScene({ args: "none" });
    const { guest } = scene;
    await guest.emptyFolder("/var/log");
    // A page for the log, and one that is taken.
    await guest.must(["sh", "-ec", "mount -o remount,size=8k /var/log; head -c 4096 /dev/zero > /var/log/other"]);
    const path = "/var/log/mdproxy4cs.log";
    await using _program = guest.start([binary(), "--log-file", path, "--log-level", "debug"]);
    const lengths: number[] = [];
    // A line for each is more than there is room for.
    for (let count = 0; count < 60; count++) {
      assertEquals((await scene.getUntilGood("/latest/vm-id")).status, 200);
      lengths.push((await guest.must(["cat", path])).length);
    }
    assertEquals(lengths.slice(-2), [4_096, 4_096]);
    await guest.must(["rm", "/var/log/other"]);
    assertEquals((await scene.get("/latest/vm-id")).status, 200);
    const [, count] = /^\S+Z warn {2}lines of the log were lost count=(\d+)$/m.exec(await guest.must(["cat", path]))!;
    assert(Number(count) > 1, count);
  },
);

networkTest("mdproxy4cs serves on when nobody reads its log any more", SERVERS, async () => {
  await using scene = await createScene({ args: "none" });
  const { guest, network } = scene;
  const script = 'cd "$1"; mkfifo log; head -n 1 < log & exec "$0" --log-level debug > log';
  await using program = guest.start(["sh", "-ec", script, binary(), network.folder]);
  for (let count = 0; count < 10; count++) {
    assertEquals((await scene.getUntilGood("/latest/vm-id")).status, 200);
  }
  assertEquals(program.lines.length, 1);
  assertEquals((await program.stop()).code, 0);
});

networkTest("mdproxy4cs outlives the signals that mean nothing to it", ROUTER, async () => {
  await using scene = await createScene();
  for (
    const signal of ["SIGUSR1", "SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGIO", "SIGPWR", "SIGPIPE"] as const
  ) {
    scene.program.kill(signal);
    assertEquals([signal, (await scene.get("/latest/meta-data/vm-id")).status], [signal, 200]);
  }
  assertEquals((await scene.program.stop()).code, 0);
});

networkTest("mdproxy4cs serves all the same where it may write no byte to a file", SERVERS, async () => {
  await using scene = await createScene({ args: "none" });
  const program = scene.guest.start(["prlimit", "--fsize=0", ...programLine(["--log-level", "debug"])]);
  await program.waitForLine(/cannot write what is known.*File too large/);
  assertEquals((await scene.get("/latest/meta-data/vm-id")).status, 200);
  assertEquals((await program.stop()).code, 0);
});

networkTest("mdproxy4cs takes a duration as long as ten years for what it is", ROUTER, async () => {
  const long = ["connect", "response", "idle", "request", "transfer", "discovery"].map((name) =>
    `--${name}-timeout=87600h`
  );
  await using scene = await createScene({ args: [...long, "--confirm-interval=87600h", "--cache-ttl=87600h"] });
  assertEquals((await scene.get("/latest/meta-data/vm-id")).status, 200);
  assertEquals((await scene.get("/latest/meta-data/vm-id")).status, 200);
});

networkTest("mdproxy4cs takes from its environment what would move or change its servers", SERVERS, async () => {
  for (const address of ["tcp:127.0.0.1:45671", "duplicate,tcp:127.0.0.1:45671"]) {
    const late = Object.fromEntries(READ_LATE.map((name) => [name, "1"]));
    await using scene = await createScene({ env: { ...late, DENO_SERVE_ADDRESS: address } });
    assertEquals((await scene.get("/latest/meta-data/vm-id")).status, 200);
    const sockets = await scene.guest.must(["ss", "-Htln"]);
    assert(!sockets.includes(":45671"), sockets);
  }
});

networkTest("mdproxy4cs does not serve where its runtime was told otherwise behind its back", {}, async () => {
  await using scene = await createScene(NOTHING);
  for (const name of Object.keys(READ_EARLY)) {
    // What stands in for the compiled program where that is not of the runtime that ships has to unset this one itself.
    if (name === "DENO_PERMISSION_BROKER_PATH" && binary().includes("-deno-")) continue;
    const { code, stderr } = await scene.guest.run([binary()], { env: { [name]: "/run/runtime" } });
    // What a runtime obeys may end it before the program can refuse it.
    assert(code !== 0, name);
    if (code === 78) assertStringIncludes(stderr, `mdproxy4cs: error: the environment sets ${name}, which `);
  }
  const env = { DENO_LOG: "trace" };
  assertEquals((await scene.guest.run([binary()], { env })).code, 78);
  assertMatch((await scene.guest.run([binary(), "--version"], { env })).stderr, /\bTRACE\b/, "the runtime obeys it");
});
