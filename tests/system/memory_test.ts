import { assertEquals } from "@std/assert";
import { createMemoryRelease } from "../../lib/system/memory.ts";
import { test } from "../support/test.ts";

const MIB = 1_048_576;

function setUp({ atRest = 50 * MIB } = {}) {
  const memory = { now: atRest, atRest, collections: 0 };
  const release = createMemoryRelease({
    size: () => memory.now,
    collect() {
      memory.collections++;
      memory.now = memory.atRest;
    },
  });
  return { memory, release };
}

test("createMemoryRelease frees what was added, each time it was", () => {
  const { memory, release } = setUp();
  for (const times of [1, 2]) {
    memory.now = 80 * MIB;
    assertEquals([release(), memory.collections, memory.now], [true, times, 50 * MIB]);
    assertEquals([release(), memory.collections], [false, times]);
  }
});

test("createMemoryRelease frees just 2 MiB", () => {
  const { memory, release } = setUp();
  memory.now = 52 * MIB;
  assertEquals([release(), memory.collections], [true, 1]);
});

test("createMemoryRelease collects nothing where less was added", () => {
  const { memory, release } = setUp();
  memory.now = 52 * MIB - 1;
  assertEquals([release(), memory.collections], [false, 0]);
});

test("createMemoryRelease takes what it cannot free for usual", () => {
  const { memory, release } = setUp();
  memory.now = memory.atRest = 54 * MIB;
  assertEquals([release(), release(), release(), memory.collections], [true, true, false, 2]);
  memory.now = 55 * MIB;
  assertEquals([release(), memory.collections], [false, 2]);
});

test("createMemoryRelease does not take for usual what was given back later", () => {
  const { memory, release } = setUp();
  memory.now = memory.atRest = 80 * MIB;
  assertEquals(release(), true);
  memory.now = 70 * MIB;
  memory.atRest = 50 * MIB;
  assertEquals([release(), memory.collections, memory.now], [true, 2, 50 * MIB]);
});

test("createMemoryRelease does nothing where V8 does not offer it", () => {
  createMemoryRelease()();
});

test("createMemoryRelease counts what lies outside of V8's heap too", async () => {
  // In a process of its own: what this one holds is all tests' that run now.
  const module = new URL("../../lib/system/memory.ts", import.meta.url);
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["eval", "--quiet", "--no-config", "--no-check"],
      `import { createMemoryRelease } from ${JSON.stringify(module)};
      const release = createMemoryRelease();
      const before = release();
      const held = new Uint8Array(${64 * MIB}).fill(1);
      console.log(before, release(), held.length);`,
    ],
  }).output();
  const text = new TextDecoder();
  assertEquals([text.decode(stdout), text.decode(stderr)], [`false true ${64 * MIB}\n`, ""]);
});
