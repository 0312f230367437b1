import { assertEquals } from "@std/assert";
import { inherit, runCommand } from "../support/net/process.ts";
import { test } from "../support/test.ts";

const RUN_TESTS = new URL("../../tools/run_tests.ts", import.meta.url).href;
const TEST = new URL("../support/test.ts", import.meta.url).href;
const ENVIRONMENT = inherit(["HOME", "DENO_DIR", "DENO_NETWORK_FLAGS"]);

test("runTests has tests write what everybody may read, whatever the umask of who runs them", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/some_test.ts`;
    await Deno.writeTextFile(
      file,
      `import { test } from "${TEST}"; test("umask", () => { if (Deno.umask() !== 0o022) throw new Error(); });`,
    );
    const code = `import { runTests } from ${JSON.stringify(RUN_TESTS)}; Deno.exit(await runTests(["${file}"]));`;
    const deno = [Deno.execPath(), "eval", "--no-config", "--no-lock", code];
    const { stdout } = await runCommand(["sh", "-c", 'umask 077; exec "$@"', "sh", ...deno], { env: ENVIRONMENT });
    assertEquals(stdout.trim().split("\n").at(-1), "1 passed, 0 failed, 0 skipped");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
