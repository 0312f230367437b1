import { assert, assertEquals, assertRejects } from "@std/assert";
import { pause } from "../pause.ts";
import { test } from "../test.ts";
import { createCommands } from "./commands.ts";
import { startProcess } from "./process.ts";

async function assertUnheard(begun: Promise<unknown>): Promise<void> {
  let isHeard = false;
  const hear = () => void (isHeard = true);
  begun.then(hear, hear);
  await pause(0);
  assert(!isHeard);
}

test("a command that is abandoned is ended, and whoever began it hears nothing; later ones run", async () => {
  const commands = createCommands();
  const begun = commands.run(["sleep", "600"]);
  await commands.abandon();
  await assertUnheard(begun);
  assertEquals((await commands.run(["echo", "later"])).stdout, "later\n");
});

test("a process that is disposed of tells nobody about lines that have not come; one that is stopped does", async () => {
  const disposed = startProcess(["sleep", "600"]);
  const line = disposed.waitForLine(/never/);
  await disposed[Symbol.asyncDispose]();
  await assertUnheard(line);

  await using stopped = startProcess(["sleep", "600"]);
  const other = assertRejects(() => stopped.waitForLine(/never/), Error, "The process ended before a line matched");
  await stopped.stop();
  await other;
});
