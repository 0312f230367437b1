import { assertEquals, assertThrows } from "@std/assert";
import { readEnvFile } from "../../lib/system/read_env_file.ts";
import { test } from "../support/test.ts";

test("readEnvFile reads a file of up to 1 MiB, also through a link", () => {
  const folder = Deno.makeTempDirSync();
  const text = "A=1\n".repeat(256 * 1024);
  Deno.writeTextFileSync(`${folder}/env`, text);
  Deno.symlinkSync(`${folder}/env`, `${folder}/link`);
  assertEquals(readEnvFile(`${folder}/env`), text);
  assertEquals(readEnvFile(`${folder}/link`), text);
  Deno.writeTextFileSync(`${folder}/env`, "x", { append: true });
  assertThrows(() => readEnvFile(`${folder}/env`), Error, "it is larger than 1 MiB");
  Deno.removeSync(folder, { recursive: true });
});

test("readEnvFile waits for nothing: a FIFO, a folder and a device are refused", () => {
  const folder = Deno.makeTempDirSync();
  new Deno.Command("mkfifo", { args: [`${folder}/fifo`] }).outputSync();
  for (const path of [`${folder}/fifo`, folder, "/dev/zero"]) {
    assertThrows(() => readEnvFile(path), Error, "it is not a regular file", path);
  }
  assertThrows(() => readEnvFile(`${folder}/none`), Deno.errors.NotFound);
  Deno.removeSync(folder, { recursive: true });
});
