import { assertEquals } from "@std/assert";
import { runCommand } from "../support/net/process.ts";
import { networkTest } from "../support/net/network_test.ts";
import { filePath } from "../../tools/file_path.ts";

const TOP = filePath("../..", import.meta.url);

/** Every script, and the shell it has to run in. */
const SCRIPTS = {
  "dev": "dash",
  ".ci/run": "bash",
  "assets/install.sh": "sh",
  "assets/pre-start.sh": "sh",
  "assets/mdproxy4cs.bash": "bash",
  "tests/boot/machine.sh": "sh",
} as const;

for (const [path, shell] of Object.entries(SCRIPTS)) {
  networkTest(`${path} is clean to shellcheck`, { programs: ["shellcheck"], network: "none" }, async () => {
    const { stdout, stderr } = await runCommand(["shellcheck", "--shell", shell, `${TOP}/${path}`]);
    assertEquals(stdout + stderr, "");
  });
}
