import { assert, assertEquals } from "@std/assert";
import { createSchedule } from "../../lib/discover/schedule.ts";
import { createVirtualClock } from "../support/fakes/virtual_clock.ts";
import { test } from "../support/test.ts";

const EVERY_MS = 60_000;

test("createSchedule has nothing due until a router is taken, and ever after only what is doubted where nobody confirms", () => {
  const clock = createVirtualClock();
  assertEquals(createSchedule(EVERY_MS, clock).restMs(), Infinity);
  const schedule = createSchedule(0, clock);
  schedule.begin({ isAnother: true });
  assertEquals(schedule.restMs(), Infinity);
  assert(schedule.doubt("strong"));
  assertEquals(schedule.restMs(), 0);
});

test("createSchedule asks for the proof every third time, counted from when the router was taken", () => {
  const schedule = createSchedule(EVERY_MS, createVirtualClock());
  const proofs = (times: number) => Array.from({ length: times }, () => schedule.take().withProof);
  schedule.begin({ isAnother: true });
  assertEquals(proofs(7), [false, false, true, false, false, true, false]);
  schedule.begin({ isAnother: true });
  assertEquals(proofs(3), [false, false, true]);
});

test("createSchedule plans the next time whenever one is taken", async () => {
  const clock = createVirtualClock();
  const schedule = createSchedule(EVERY_MS, clock);
  schedule.begin({ isAnother: true });
  for (let times = 0; times < 3; times++) {
    assert(schedule.restMs() > 0);
    await clock.run(schedule.restMs());
    assertEquals(schedule.restMs(), 0);
    assertEquals(schedule.take().isDoubted, false);
  }
});

test("createSchedule has a doubted router's proof due before its time, once, and not after it was given", () => {
  const schedule = createSchedule(EVERY_MS, createVirtualClock());
  schedule.begin({ isAnother: true });
  assertEquals(schedule.doubt("weak"), false, "it has just proved itself");
  assertEquals(schedule.doubt("strong"), true);
  assertEquals(schedule.doubt("strong"), false, "it is due already");
  assertEquals(schedule.take(), { isDoubted: true, withProof: true });
  schedule.prove();
  assertEquals(schedule.take(), { isDoubted: false, withProof: false });
  assertEquals(schedule.doubt("strong"), true);
  schedule.begin({ isAnother: true });
  assert(schedule.restMs() > 0, "another router is not doubted");
});

test("createSchedule begins anew with what is doubted of another router, and of the same one goes on", async () => {
  for (const isAnother of [true, false]) {
    const clock = createVirtualClock();
    const schedule = createSchedule(EVERY_MS, clock);
    for (let refuted = 0; refuted < 8; refuted++) {
      schedule.doubt("strong");
      await clock.run(schedule.restMs());
      schedule.prove();
    }
    schedule.begin({ isAnother });
    schedule.doubt("strong");
    assertEquals(schedule.restMs() <= 0, isAnother);
  }
});
