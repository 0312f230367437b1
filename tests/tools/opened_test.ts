import { assertEquals } from "@std/assert";
import { isOpen, openProgram } from "../../tools/opened.ts";
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
