import { assertEquals } from "@std/assert";
import { createDeadlines } from "../../lib/time/clock.ts";
import { createVirtualClock } from "../support/fakes/virtual_clock.ts";
import { test } from "../support/test.ts";

function setUp() {
  const clock = createVirtualClock();
  const fired: string[] = [];
  const deadlines = createDeadlines(clock);
  const set = (delayMs: number, name = String(delayMs)) => deadlines.set(delayMs, () => fired.push(name));
  return { clock, deadlines, fired, set };
}

for (const sinceTickMs of [0, 13]) {
  test(`createDeadlines fires once, not before its time and less than two ticks after it, if set ${sinceTickMs} ms after a tick`, async () => {
    for (const delayMs of [0, 1, 24, 25, 26, 90, 1_000]) {
      const { clock, fired, set } = setUp();
      set(5_000); // keeps the ticks going
      await clock.run(sinceTickMs);
      set(delayMs);
      await clock.run(delayMs - 1);
      assertEquals(fired, [], `${delayMs} ms: too soon`);
      await clock.run(50);
      assertEquals(fired, [String(delayMs)]);
      await clock.run(1_000);
      assertEquals(fired.length, 1);
    }
  });
}

test("createDeadlines leaves alone what was lifted, whenever that was", async () => {
  const { clock, deadlines, fired, set } = setUp();
  const lifted = set(0, "lifted");
  deadlines.set(0, () => liftedByAnother.cancel());
  const liftedByAnother = set(1, "lifted by another");
  lifted.cancel();
  lifted.cancel();
  await clock.run(100);
  assertEquals(fired, []);
});

test("createDeadlines fires what is due at one tick in the order of time, whatever was lifted before", async () => {
  const { clock, fired, set } = setUp();
  const lifted = set(0);
  for (const delayMs of [3, 1, 2, 4]) set(delayMs);
  lifted.cancel();
  await clock.run(100);
  assertEquals(fired, ["1", "2", "3", "4"]);
});

test("createDeadlines lets a deadline set another", async () => {
  const { clock, deadlines, fired, set } = setUp();
  deadlines.set(0, () => set(0, "second"));
  await clock.run(100);
  assertEquals(fired, ["second"]);
});

test("createDeadlines stops its timer by itself when nothing waits, and begins anew", async () => {
  const clock = createVirtualClock();
  let scheduled = 0;
  const fired: string[] = [];
  const deadlines = createDeadlines({
    now: clock.now,
    schedule(ms, callback) {
      scheduled++;
      return clock.schedule(ms, callback);
    },
  });
  const set = (delayMs: number) => deadlines.set(delayMs, () => fired.push(String(delayMs)));
  set(0);
  await clock.run(100);
  const { length } = fired;
  const before = scheduled;
  await clock.run(10_000);
  assertEquals([length, scheduled], [1, before]);
  set(30);
  await clock.run(100);
  assertEquals(fired, ["0", "30"]);
});

test("createDeadlines fires no more when it is closed", async () => {
  const { clock, deadlines, fired, set } = setUp();
  set(0);
  deadlines.close();
  set(0).cancel();
  set(0);
  await clock.run(100);
  assertEquals(fired, []);
});

test("createDeadlines runs on the machine's own clock, and leaves no timer behind", async () => {
  const deadlines = createDeadlines();
  await new Promise<void>((resolve) => deadlines.set(0, resolve));
  deadlines.set(60_000, () => {});
  deadlines.close();
});
