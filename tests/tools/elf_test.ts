import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { checkPlatform, readPlatform } from "../../tools/elf.ts";
import { test } from "../support/test.ts";

/** The beginning of an executable for the machine with this number. */
function header(machine: number, kind = 2): Uint8Array {
  return Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, kind, 1, 1, ...new Array(9).fill(0), 2, 0, machine, 0);
}

async function withFile(bytes: Uint8Array, use: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile({ prefix: "mdproxy4cs-test-" });
  try {
    await Deno.writeFile(path, bytes);
    await use(path);
  } finally {
    await Deno.remove(path);
  }
}

test("readPlatform tells amd64 from arm64", async () => {
  await withFile(header(62), async (path) => assertEquals(await readPlatform(path), "amd64"));
  await withFile(header(183), async (path) => assertEquals(await readPlatform(path), "arm64"));
});

for (
  const [what, bytes] of [
    ["another machine", header(3)],
    ["32 bits", header(62, 1)],
    ["a script", new TextEncoder().encode("#!/bin/sh\nexec something long enough\n")],
    ["nothing", new Uint8Array()],
  ] as const
) {
  test(`readPlatform refuses ${what}`, async () => {
    await withFile(bytes, async (path) => void await assertRejects(() => readPlatform(path), Error));
  });
}

test("checkPlatform says what an executable is for and what it must be for", async () => {
  await withFile(header(62), async (path) => {
    await checkPlatform(path, "amd64");
    const { message } = await assertRejects(() => checkPlatform(path, "arm64"), Error);
    assertStringIncludes(message, "must be for arm64, and is for amd64");
  });
});
