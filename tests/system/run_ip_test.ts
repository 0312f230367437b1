import { assert, assertEquals, assertRejects } from "@std/assert";
import { CommandError, monitorIp, runIp } from "../../lib/system/run_ip.ts";
import { test } from "../support/test.ts";

/** Runs the test with executables that stand in for `ip`, by their names. */
function placesTest(
  name: string,
  scripts: Readonly<Record<string, string>>,
  run: (place: (name: string) => string) => Promise<void>,
): void {
  test(name, async () => {
    const folder = await Deno.makeTempDir({ prefix: "mdproxy4cs-test-" });
    try {
      for (const [name, script] of Object.entries(scripts)) {
        await Deno.writeTextFile(`${folder}/${name}`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      }
      await run((name) => `${folder}/${name}`);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

placesTest(
  "runIp runs the first that there is, with its arguments and without an environment",
  { ip: 'echo "$# $1 $2 ${HOME-no home}"', later: "echo later" },
  async (place) => {
    assert(Deno.env.get("HOME") !== undefined);
    const places = [place("none"), place("ip"), place("later")];
    assertEquals(await runIp(["address", "show"], { places }), "2 address show no home\n");
  },
);

placesTest("runIp says what to install where there is none", {}, async (place) => {
  const error = await assertRejects(() => runIp(["link"], { places: [place("a"), place("b")] }), CommandError);
  const message = `Cannot run "ip": it is at none of ${place("a")}, ${place("b")}; install iproute2`;
  assertEquals([error.kind, error.message], ["missing", message]);
});

placesTest("runIp passes over one that may not be run, and names it where there is no other", {
  locked: "",
  ip: "echo ran",
}, async (place) => {
  await Deno.chmod(place("locked"), 0o600);
  assertEquals(await runIp([], { places: [place("locked"), place("ip")] }), "ran\n");
  const error = await assertRejects(() => runIp([], { places: [place("locked"), place("none")] }), CommandError);
  assertEquals([error.kind, error.message], ["missing", `Cannot run "ip": ${place("locked")} may not be executed`]);
});

const FAILURES: readonly (readonly [script: string, kind: string, stderr: string, says: string])[] = [
  ["echo no such device >&2; exit 2", "failed", "no such device", "no such device"],
  ["echo RTNETLINK answers: Operation not permitted >&2; exit 2", ...permission("Operation not permitted")],
  ["echo RTNETLINK answers: Permission denied >&2; exit 2", ...permission("Permission denied")],
  ["printf 'not understood\\n\\nUsage: ip\\n' >&2; exit 1", "failed", "not understood", "not understood"],
  ["exit 3", "failed", "", "exit code 3"],
];

function permission(words: string): ["not_permitted", string, string] {
  return ["not_permitted", `RTNETLINK answers: ${words}`, `RTNETLINK answers: ${words}`];
}

for (const [script, kind, stderr, says] of FAILURES) {
  placesTest(`runIp fails with ${kind} where ip says "${says}"`, { ip: script }, async (place) => {
    const error = await assertRejects(() => runIp(["link", "up"], { places: [place("ip")] }), CommandError);
    assertEquals([error.kind, error.stderr, error.message], [kind, stderr, `Cannot run "ip link up": ${says}`]);
  });
}

placesTest("runIp ends what it runs when its signal aborts", {
  ip: 'echo started > "$0.fifo"; exec sleep 600',
}, async (place) => {
  await new Deno.Command("mkfifo", { args: [place("ip.fifo")] }).output();
  const over = new AbortController();
  const run = () => runIp(["link"], { signal: over.signal, places: [place("ip")] });
  const failed = assertRejects(run, CommandError, "exit code 143");
  assertEquals(await Deno.readTextFile(place("ip.fifo")), "started\n");
  over.abort();
  await failed;
});

for (
  const [what, script] of [
    ["what is printed", "echo up"],
    ["events that got lost", "echo 'netlink receive error No buffer space available (105)' >&2"],
  ] as const
) {
  placesTest(
    `monitorIp calls back for ${what}, and ends with its signal`,
    { ip: `${script}; exec sleep 600` },
    async (place) => {
      const over = new AbortController();
      let changes = 0;
      const onChange = () => {
        changes++;
        over.abort();
      };
      await monitorIp(["monitor", "link"], { signal: over.signal, onChange, places: [place("ip")] });
      assertEquals(changes, 1);
    },
  );
}

placesTest("monitorIp ends when what it runs does", { ip: "echo gone >&2; exit 1" }, async (place) => {
  const { signal } = new AbortController();
  await monitorIp(["monitor"], { signal, onChange() {}, places: [place("none"), place("ip")] });
});
