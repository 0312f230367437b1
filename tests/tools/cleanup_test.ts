import { assertEquals, assertRejects } from "@std/assert";
import { startProcess } from "../support/net/process.ts";
import { test } from "../support/test.ts";

const CLEANUP = new URL("../../tools/cleanup.ts", import.meta.url).href;

/** Starts a tool that has begun a file and a second process, and is stopped by a signal that it alone hears. */
async function startTool(path: string, { isSettled }: { readonly isSettled: boolean }) {
  const code = `
    import { removeIfStopped, undoIfStopped } from ${JSON.stringify(CLEANUP)};
    const settle = [removeIfStopped(${JSON.stringify(path)}), undoIfStopped(() => console.log("undone"))];
    if (${isSettled}) settle.forEach((settled) => settled());
    console.log("begun");
    setTimeout(() => {}, 60_000);
  `;
  const tool = startProcess([Deno.execPath(), "eval", "--no-config", "--no-lock", code]);
  await tool.waitForLine(/^begun$/);
  return tool;
}

test("undoIfStopped undoes what is not settled, in its order, and exits as a shell says it of that signal", async () => {
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const) {
    const path = await Deno.makeTempFile();
    const tool = await startTool(path, { isSettled: false });
    tool.kill(signal);
    assertEquals([(await tool.ended).code, tool.lines], [code, ["begun", "undone"]]);
    await assertRejects(() => Deno.stat(path), Deno.errors.NotFound);
  }
});

test("undoIfStopped leaves alone what is settled, and signals to what they do otherwise", async () => {
  const path = await Deno.makeTempFile();
  const tool = await startTool(path, { isSettled: true });
  tool.kill("SIGTERM");
  assertEquals([(await tool.ended).signal, tool.lines], ["SIGTERM", ["begun"]]);
  await Deno.remove(path);
});
