import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { readDrive } from "../../lib/config_drive/read_drive.ts";
import { writeDrive } from "../support/fakes/drive_folder.ts";
import { driveTest, load, SAMPLE } from "./drive_case.ts";

const BIG = new Uint8Array(1024 * 1024 + 1);

const DAMAGE: readonly [what: string, spoil: (folder: string) => Promise<unknown>, says: RegExp][] = [
  [
    "no metadata",
    (folder) => Deno.remove(`${folder}/metadata`, { recursive: true }),
    /holds no metadata/,
  ],
  ["no instance-id", (folder) => Deno.remove(`${folder}/metadata/instance-id.txt`), /no instance-id/],
  [
    "a blank instance-id",
    (folder) => Deno.writeTextFile(`${folder}/metadata/instance-id.txt`, " \n"),
    /no instance-id/,
  ],
  [
    "user-data that is too large",
    (folder) => Deno.writeFile(`${folder}/userdata/user_data.txt`, BIG),
    /1048577 bytes/,
  ],
  [
    "too much altogether",
    async (folder) => {
      for (const key of ["a", "b", "c", "d"]) await Deno.writeFile(`${folder}/metadata/${key}.txt`, BIG.subarray(1));
    },
    /64 files or 4194304 bytes/,
  ],
  [
    "too many files",
    async (folder) => {
      for (let i = 0; i < 60; i++) await Deno.writeTextFile(`${folder}/metadata/key-${i}.txt`, "x");
    },
    /64 files/,
  ],
  [
    "a file for a folder",
    async (folder) => {
      await Deno.remove(`${folder}/metadata`, { recursive: true });
      await Deno.writeTextFile(`${folder}/metadata`, "x");
    },
    /Cannot read .*metadata: /,
  ],
];

for (const [what, spoil, says] of DAMAGE) {
  driveTest(`createConfigDrive says in one line that a drive with ${what} cannot be used`, async (at) => {
    const { drive, folder, lines } = at;
    await load(at, SAMPLE, "secret");
    await spoil(folder);
    assertMatch((await assertRejects(() => readDrive(folder), Error)).message, says);
    lines.length = 0;
    await drive.load();
    assertEquals([drive.isPresent(), lines.length, await drive.password.take()], [false, 1, "saved_password"]);
    assertMatch(lines[0]!, /the config drive cannot be used/);
    assertMatch(lines[0]!, says);
    assertMatch(drive.problem()!, says);
    await load(at);
    assertEquals([drive.isPresent(), drive.problem()], [true, undefined]);
  });
}

driveTest("readDrive takes 4 MiB altogether, and not a byte more", async ({ folder }) => {
  await writeDrive(folder, { "instance-id": "i-1", "user-data": BIG.subarray(1) });
  for (const key of ["a", "b"]) await Deno.writeFile(`${folder}/metadata/${key}.txt`, BIG.subarray(1));
  await Deno.writeFile(`${folder}/metadata/c.txt`, BIG.subarray(1 + "i-1".length));
  assertEquals((await readDrive(folder))?.metadata.size, 4);
  await Deno.writeTextFile(`${folder}/metadata/d.txt`, "x");
  await assertRejects(() => readDrive(folder), Error, "more than 64 files or 4194304 bytes");
});

driveTest("readDrive takes 64 files of the largest size that fits, and follows no link", async ({ root, folder }) => {
  await writeDrive(folder, { "instance-id": "i-1", "user-data": BIG.subarray(1) });
  await Deno.writeTextFile(`${root}/shadow`, "root:secret");
  await Deno.symlink(`${root}/shadow`, `${folder}/metadata/vm-id.txt`);
  await Deno.symlink(`${root}/shadow`, `${folder}/password/vm_password.txt`);
  await Deno.mkdir(`${folder}/metadata/folder.txt`);
  await Deno.writeTextFile(`${folder}/metadata/Makefile`, "x");
  await Deno.writeTextFile(`${folder}/metadata/-x.txt`, "x");
  const files = await readDrive(folder);
  assertEquals([...files!.metadata.keys()], ["instance-id"]);
  assertEquals([files!.userData?.bytes.length, files!.password], [1024 * 1024, undefined]);
  for (let i = 0; i < 62; i++) await Deno.writeTextFile(`${folder}/metadata/key-${i}.txt`, "x");
  assertEquals((await readDrive(folder))?.metadata.size, 63);
});
