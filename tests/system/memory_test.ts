import { assertEquals } from "@std/assert";
import { createMemoryRelease } from "../../lib/system/memory.ts";
import { test } from "../support/test.ts";

function setUp({ atRest = 8 } = {}) {
  const heap = { now: atRest, atRest, collections: 0 };
  const release = createMemoryRelease({
    size: () => heap.now,
    collect() {
      heap.collections++;
      heap.now = heap.atRest;
    },
  });
  return { heap, release };
}

test("createMemoryRelease frees what the heap grew by, each time it did", () => {
  const { heap, release } = setUp();
  for (const times of [1, 2]) {
    heap.now = 20;
    assertEquals([release(), heap.collections, heap.now], [true, times, 8]);
    assertEquals([release(), heap.collections], [false, times]);
  }
});

test("createMemoryRelease frees a heap that grew by just a quarter", () => {
  const { heap, release } = setUp();
  heap.now = 10;
  assertEquals([release(), heap.collections], [true, 1]);
});

test("createMemoryRelease leaves a heap alone that grew little", () => {
  const { heap, release } = setUp();
  heap.now = 9;
  assertEquals([release(), heap.collections], [false, 0]);
});

test("createMemoryRelease takes what it cannot free for usual", () => {
  const { heap, release } = setUp();
  heap.now = heap.atRest = 16;
  assertEquals([release(), release(), heap.collections], [true, false, 1]);
  heap.now = 19;
  assertEquals([release(), heap.collections], [false, 1]);
});

test("createMemoryRelease does nothing where V8 does not offer it", () => {
  createMemoryRelease()();
});

test("createMemoryRelease counts what lies outside of V8's heap too", () => {
  const release = createMemoryRelease();
  assertEquals(release(), false);
  const held = new Uint8Array(512 * 1024 * 1024);
  assertEquals([release(), held.length > 0], [true, true]);
});
