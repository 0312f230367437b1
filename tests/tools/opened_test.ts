import { assertEquals } from "@std/assert";
import { isOpen, openProgram } from "../../tools/opened.ts";
import { runCommand } from "../support/net/process.ts";
import { test } from "../support/test.ts";

test("what nobody may run, or get at, is copied to where everybody can run it", async () => {
  const folder = await Deno.makeTempDir({ prefix: "mdproxy4cs-test-" });
  const program = `${folder}/program`;
  try {
    await Deno.writeTextFile(program, "#!/bin/sh\n");
    // The temporary folder itself may be a user's own.
    const can = await isOpen(folder.slice(0, folder.lastIndexOf("/")));
    const seen = [];
    for (const [ofFolder, ofProgram] of [[0o755, 0o755], [0o711, 0o755], [0o700, 0o755], [0o755, 0o700]] as const) {
      await Deno.chmod(program, ofProgram);
      await Deno.chmod(folder, ofFolder);
      seen.push(await isOpen(program));
    }
    assertEquals(seen, [can, can, false, false]);
    await using opened = await openProgram(program);
    assertEquals([await isOpen(opened.path), await Deno.readTextFile(opened.path)], [can, "#!/bin/sh\n"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

test("openProgram leaves nothing behind where it fails, as on a full disk", async () => {
  const folder = await Deno.makeTempDir({ prefix: "mdproxy4cs-test-" });
  try {
    const code = `
      import { openProgram } from ${JSON.stringify(new URL("../../tools/opened.ts", import.meta.url).href)};
      await openProgram("/no/such/program").catch((error) => console.log(error.name));
    `;
    const argv = [Deno.execPath(), "eval", "--no-config", "--no-lock", code];
    assertEquals((await runCommand(argv, { env: { TMPDIR: folder } })).stdout, "NotFound\n");
    assertEquals(await Array.fromAsync(Deno.readDir(folder)), []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
