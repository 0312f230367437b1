import { assertEquals } from "@std/assert";
import { filePath } from "../../tools/file_path.ts";
import { networkFlags } from "../../tools/program.ts";
import { inherit, startProcess } from "../support/net/process.ts";
import { pause } from "../support/pause.ts";
import { test } from "../support/test.ts";

const TOOL = filePath("../../tools/run.ts", import.meta.url);
const ENVIRONMENT = inherit(["HOME", "DENO_DIR", "DENO_NETWORK_FLAGS"]);

/** The first child of a process, once it has one. */
async function childOf(pid: number): Promise<string> {
  for (;; await pause(10)) {
    const [child] = (await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`)).split(" ");
    if (child !== "") return child!;
  }
}

test("the tool that runs the program from source passes on what signals say, and ends with it", async () => {
  const argv = [Deno.execPath(), "run", "--quiet", "--no-check", "-A", ...networkFlags(), TOOL, "wait"];
  for (const [signal, code] of [["SIGTERM", 143], ["SIGINT", 130], ["SIGHUP", 129]] as const) {
    await using tool = startProcess(argv, { env: ENVIRONMENT });
    const program = await childOf(tool.pid);
    tool.kill(signal);
    assertEquals((await tool.ended).code, code);
    assertEquals(await Deno.stat(`/proc/${program}`).catch(() => undefined), undefined);
  }
});
