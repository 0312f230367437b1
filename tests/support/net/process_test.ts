import { assert, assertEquals } from "@std/assert";
import { test } from "../test.ts";
import { runCommand, startProcess } from "./process.ts";

/** Leaves a child behind that holds the output open for far longer than any test is patient. */
const LEAVES_A_CHILD = ["sh", "-c", "sleep 600 & echo $!; exit 3"];

test("runCommand ends with its command, even if a child of that holds the output open", async () => {
  const { code, stdout } = await runCommand(LEAVES_A_CHILD);
  Deno.kill(Number(stdout), "SIGKILL");
  assertEquals(code, 3);
});

test("startProcess ends with its process, even if a child of that holds the output open", async () => {
  const process = startProcess(LEAVES_A_CHILD);
  const child = Number(await process.waitForLine(/^\d+$/));
  const { code } = await process.ended;
  Deno.kill(child, "SIGKILL");
  assertEquals(code, 3);
});

test("startProcess gives lines with characters that came in two pieces", async () => {
  const process = startProcess(["sh", "-c", "printf '\\303'; sleep 0.1; printf '\\244\\n'"]);
  await process.ended;
  assert(process.lines.includes("ä"), process.lines.join());
});
