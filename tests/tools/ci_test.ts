import { assertEquals } from "@std/assert";
import { filePath } from "../../tools/file_path.ts";
import { runCommand } from "../support/net/process.ts";
import { test } from "../support/test.ts";

const CI = filePath("../../.ci/run", import.meta.url);

/** Runs `.ci/run` with a `./dev` that does this, and returns its exit code and the lines after the last part. */
async function runCi(dev: string) {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/.ci`);
    await Deno.copyFile(CI, `${folder}/.ci/run`);
    await Deno.writeTextFile(`${folder}/dev`, `#!/bin/sh\n${dev}\n`, { mode: 0o755 });
    const { code, stdout } = await runCommand([`${folder}/.ci/run`]);
    return { code, end: stdout.slice(stdout.lastIndexOf("== test-boot\n")).trim().split("\n").slice(1) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

test(".ci/run adds up what its parts count, and nothing is wrong", async () => {
  const { code, end } = await runCi("echo 3 passed, 0 failed, 0 skipped");
  assertEquals({ code, end }, { code: 0, end: ["3 passed, 0 failed, 0 skipped", "16 passed, 0 failed, 0 skipped"] });
});

test(".ci/run goes on after what fails, and says at its end all that did", async () => {
  const { code, end } = await runCi(`
case "$*" in
  check) exit 1 ;;
  test) echo "skipped: 2 tests: needs curl"; echo "7 passed, 0 failed, 2 skipped"; exit 1 ;;
  *--as-released) echo "npm could not install Deno"; exit 1 ;;
  *) echo "3 passed, 0 failed, 0 skipped" ;;
esac`);
  assertEquals({ code, end }, {
    code: 1,
    end: [
      "3 passed, 0 failed, 0 skipped",
      "== what is wrong, see above",
      "./dev check",
      "./dev test: 7 passed, 0 failed, 2 skipped",
      "skipped: 2 tests: needs curl",
      "./dev test e2e --as-released: did not come to an end, and said last: npm could not install Deno",
      "16 passed, 2 failed, 2 skipped",
    ],
  });
});
