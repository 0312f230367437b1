import { assertEquals } from "@std/assert";
import { openStateFile } from "../../lib/system/state_file.ts";
import { createLog } from "../../lib/telemetry/log.ts";
import { test } from "../support/test.ts";

/** A file in a folder of its own, what is logged of it, and how it is changed by another hand. */
function play(act: (scene: { path: string; file: ReturnType<typeof openStateFile>; log: string[] }) => void): void {
  const folder = Deno.makeTempDirSync({ prefix: "mdproxy4cs-test-" });
  const path = `${folder}/router.json`;
  const log: string[] = [];
  const file = openStateFile(path, createLog((line) => log.push(line), { level: "debug", format: "text" }));
  try {
    act({ path, file, log });
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

test("openStateFile reads what was written last, which only this user may read", () =>
  play(({ path, file, log }) => {
    assertEquals(file.read(), undefined);
    file.write("one");
    file.write("two");
    assertEquals(file.read(), "two");
    assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
    assertEquals(
      [...Deno.readDirSync(path.slice(0, path.lastIndexOf("/")))].map(({ name }) => name),
      ["router.json"],
      "nothing else is left",
    );
    assertEquals(log, []);
  }));

test("openStateFile is not held up by what a killed program left, nor follows a link", () =>
  play(({ path, file }) => {
    Deno.writeTextFileSync(`${path}-elsewhere`, "theirs");
    Deno.symlinkSync(`${path}-elsewhere`, `${path}.new`);
    file.write("ours");
    assertEquals([file.read(), Deno.readTextFileSync(`${path}-elsewhere`)], ["ours", "theirs"]);
  }));

test("openStateFile reads a file of 4096 bytes", () =>
  play(({ file }) => {
    file.write("x".repeat(4_096));
    assertEquals(file.read()?.length, 4_096);
  }));

const STRANGE: readonly (readonly [what: string, reason: string, change: (path: string) => void])[] = [
  ["that others may write to", "others may write to it", (path) => Deno.chmodSync(path, 0o602)],
  ["that its group may write to", "others may write to it", (path) => Deno.chmodSync(path, 0o620)],
  ["of 4097 bytes", "it is larger than 4096 bytes", (path) => Deno.writeTextFileSync(path, "x".repeat(4_097))],
  ["that is a link", "it is no regular file", (path) => {
    Deno.renameSync(path, `${path}-elsewhere`);
    Deno.symlinkSync(`${path}-elsewhere`, path);
  }],
];
for (const [what, reason, change] of STRANGE) {
  test(`openStateFile ignores a file ${what}, with a line`, () =>
    play(({ path, file, log }) => {
      file.write("text");
      change(path);
      assertEquals(file.read(), undefined);
      assertEquals([log.length, log[0]?.includes(reason)], [1, true], log.join());
    }));
}

test("openStateFile says that it cannot write, and goes on", () =>
  play(({ path, log }) => {
    const lost = openStateFile(
      `${path}/in/no/folder`,
      createLog((line) => log.push(line), { level: "debug", format: "text" }),
    );
    lost.write("text");
    assertEquals([log.length, log[0]?.includes("cannot write what is known")], [1, true]);
  }));
