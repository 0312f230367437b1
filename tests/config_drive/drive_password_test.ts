import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { createConfigDrive } from "../../lib/config_drive/config_drive.ts";
import { createLog } from "../../lib/telemetry/log.ts";
import { writeDrive } from "../support/fakes/drive_folder.ts";
import { test } from "../support/test.ts";
import { driveTest, load, SAMPLE } from "./drive_case.ts";

driveTest("the password of a drive is given once, and never again once it was saved", async (at) => {
  const { drive, root, folder } = at;
  await load(at, SAMPLE, "s3cret\n");
  assertEquals(await Promise.all([drive.password.take(), drive.password.take()]), ["s3cret", "saved_password"]);
  // Nobody said that it was saved: the same drive read anew has it again.
  await load(at, SAMPLE, "s3cret\n");
  assertEquals(await drive.password.take(), "s3cret");
  await drive.password.forget();
  assertEquals(await drive.password.take(), "saved_password");
  await assertRejects(() => Deno.stat(`${folder}/password/vm_password.txt`), Deno.errors.NotFound);
  assertEquals((await Deno.stat(`${root}/saved`)).mode! & 0o777, 0o600);
  assert(!(await Deno.readTextFile(`${root}/saved`)).includes("s3cret"));
  // The drive still holds it, and pre-start.sh copies it again; another one is another matter.
  await load(at, SAMPLE, "s3cret");
  assertEquals(await drive.password.take(), "saved_password");
  await load(at, SAMPLE, "changed");
  assertEquals(await drive.password.take(), "changed");
});

driveTest("a drive without a password says that it was saved, and forgetting nothing leaves no trace", async (at) => {
  const { drive, root } = at;
  assertEquals(await drive.password.take(), "saved_password");
  for (const password of [undefined, "", "saved_password"]) {
    await load(at, SAMPLE, password);
    assertEquals(await drive.password.take(), "saved_password");
    await drive.password.forget();
    await assertRejects(() => Deno.stat(`${root}/saved`), Deno.errors.NotFound);
  }
});

driveTest(
  "a password that cannot be noted as saved is forgotten until the next reading, which the log says",
  async (at) => {
    await load(at, SAMPLE, "s3cret");
    await Deno.mkdir(`${at.root}/saved`);
    await at.drive.password.forget();
    assertEquals(await at.drive.password.take(), "saved_password");
    assertMatch(at.lines.at(-1)!, /cannot note that the password was saved/);
    assert(!at.lines.join("\n").includes("s3cret"));
  },
);

test("without a place to note it, a password is given again only by a new reading", async () => {
  const folder = await Deno.makeTempDir();
  const log = createLog(() => {}, { level: "debug", format: "text" });
  const drive = createConfigDrive({ folder, savedPath: undefined, log });
  await writeDrive(folder, SAMPLE, { password: "s3cret" });
  await drive.load();
  await drive.password.forget();
  assertEquals(await drive.password.take(), "saved_password");
  await writeDrive(folder, SAMPLE, { password: "s3cret" });
  await drive.load();
  assertEquals(await drive.password.take(), "s3cret");
  await Deno.remove(folder, { recursive: true });
});
