import { assertEquals } from "@std/assert";
import { sleepOn, SYSTEM_CLOCK } from "../../lib/time/clock.ts";
import { createCountedSignal } from "../support/fakes/counted_signal.ts";
import { createVirtualClock } from "../support/fakes/virtual_clock.ts";
import { test } from "../support/test.ts";

/** Runs with timers that fire when the test says so, and hands over what was set: `[ms, callback]`. */
function withTimers(act: (set: (readonly [number, () => void])[], cleared: Set<unknown>) => void): void {
  const { setTimeout, clearTimeout } = globalThis;
  const set: (readonly [number, () => void])[] = [];
  const cleared = new Set<unknown>();
  Object.assign(globalThis, {
    setTimeout: (callback: () => void, ms: number) => set.push([ms, callback]),
    clearTimeout: (id: unknown) => cleared.add(id),
  });
  try {
    act(set, cleared);
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout });
  }
}

test("SYSTEM_CLOCK.schedule calls back after 999 hours and not at once, which is what a longer timer would do", () => {
  withTimers((set) => {
    let calls = 0;
    SYSTEM_CLOCK.schedule(999 * 3_600_000, () => calls++);
    for (let i = 0; i < set.length; i++) set[i]![1]();
    assertEquals(set.map(([ms]) => ms), [2 ** 31 - 1, 999 * 3_600_000 - (2 ** 31 - 1)]);
    assertEquals(calls, 1);
  });
});

test("SYSTEM_CLOCK.schedule can be called off, in a later part too", () => {
  withTimers((set, cleared) => {
    const timer = SYSTEM_CLOCK.schedule(3 * 2 ** 31, () => {});
    set[0]![1]();
    timer.cancel();
    assertEquals([...cleared], [2]);
  });
});

test("SYSTEM_CLOCK.schedule sets no timer for never, and none in the past", () => {
  withTimers((set) => {
    SYSTEM_CLOCK.schedule(Infinity, () => {}).cancel();
    SYSTEM_CLOCK.schedule(-5, () => {});
    assertEquals(set.map(([ms]) => ms), [0]);
  });
});

test("sleepOn needs no timer for no time at all, nor where the signal has aborted", async () => {
  const schedule = () => {
    throw new Error("a timer was set");
  };
  await sleepOn({ schedule }, 0, new AbortController().signal);
  await sleepOn({ schedule }, 1_000, AbortSignal.abort());
});

test("sleepOn leaves nothing on its signal, whether the time or the signal ended it", async () => {
  const clock = createVirtualClock();
  for (const abortAfterMs of [50, 500]) {
    const patience = createCountedSignal();
    const slept = sleepOn(clock, 100, patience.signal);
    assertEquals(patience.listeners, 1);
    clock.schedule(abortAfterMs, patience.abort);
    await clock.run(100);
    await slept;
    assertEquals(patience.listeners, 0);
  }
});
