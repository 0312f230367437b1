import { assert, assertEquals } from "@std/assert";
import { runWait } from "../../../lib/control/command/run_wait.ts";
import { createVirtualClock } from "../../support/fakes/virtual_clock.ts";
import { controlTest, documentOf } from "../control_case.ts";
import { pause } from "../../support/pause.ts";

controlTest("runWait ends with 0 as soon as the service is ready, and shows what it waited for", async (at) => {
  const service = at.start(documentOf("searching"));
  const environment = {
    ...at.environment,
    say(line: string) {
      at.said.push(line);
      service.set(documentOf(at.said.length === 1 ? "suspect" : "ready"));
    },
  };
  assertEquals(await runWait({ timeoutMs: 60_000, isShown: true }, environment), 0);
  assertEquals(at.said, [
    "waiting: not ready: searching for the virtual router",
    "waiting: not ready: 10.1.1.1, found by dhcp does not answer as it should, searching",
  ]);
});

controlTest("runWait waits for a service to start, silently where nobody looks", async (at) => {
  const clock = createVirtualClock();
  const code = runWait({ timeoutMs: undefined, isShown: false, clock }, at.environment);
  await clock.run(0);
  at.start(documentOf("ready"));
  let done = false;
  code.then(() => done = true);
  while (!done) {
    await clock.run(500);
    await pause(1);
  }
  assertEquals([await code, at.said], [0, []]);
});

controlTest(
  "runWait says once that no service runs, and gives up at its timeout with the cause in a line",
  async (at) => {
    const clock = createVirtualClock();
    const startedAt = clock.now();
    let code: number | undefined;
    runWait({ timeoutMs: 5_000, isShown: true, clock }, at.environment).then((it) => code = it);
    while (code === undefined) {
      await clock.run(100);
      await pause(1);
    }
    assert(clock.now() - startedAt >= 5_000);
    assertEquals(code, 1);
    assertEquals(at.said.map((line) => line.replace(at.socketPath, "PATH")), [
      "waiting: No service answers at PATH: is mdproxy4cs running?",
      "mdproxy4cs: error: no metadata within 5 s: No service answers at PATH: is mdproxy4cs running?",
    ]);
  },
);
