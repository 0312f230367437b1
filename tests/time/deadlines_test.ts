import { assertEquals } from "@std/assert";
import { createAlarms } from "../../lib/time/deadlines.ts";
import { test } from "../support/test.ts";

test("createAlarms strikes once, and not before its time", async () => {
  const alarms = createAlarms();
  let struck = 0;
  alarms.set(0, () => struck++);
  const startedAt = performance.now();
  const elapsedMs = await new Promise<number>((resolve) => {
    alarms.set(90, () => resolve(performance.now() - startedAt));
  });
  assertEquals(elapsedMs >= 90, true, `struck after ${elapsedMs} ms`);
  assertEquals(struck, 1);
  alarms.close();
});

test("createAlarms leaves alone what was lifted, whenever that was", async () => {
  const alarms = createAlarms();
  const struck: string[] = [];
  const lifted = alarms.set(0, () => struck.push("lifted"));
  alarms.set(0, () => liftedByAnother.cancel());
  const liftedByAnother = alarms.set(1, () => struck.push("lifted by another"));
  lifted.cancel();
  lifted.cancel();
  await new Promise<void>((resolve) => alarms.set(60, resolve));
  assertEquals(struck, []);
  alarms.close();
});

test("createAlarms strikes what is due at one tick in the order of time, whatever was lifted before", async () => {
  const alarms = createAlarms();
  const struck: number[] = [];
  const lifted = alarms.set(0, () => struck.push(0));
  for (const delayMs of [3, 1, 2, 4]) alarms.set(delayMs, () => struck.push(delayMs));
  lifted.cancel();
  await new Promise<void>((resolve) => alarms.set(60, resolve));
  assertEquals(struck, [1, 2, 3, 4]);
  alarms.close();
});

test("createAlarms lets an alarm set another", async () => {
  const alarms = createAlarms();
  await new Promise<void>((resolve) => alarms.set(0, () => alarms.set(0, resolve)));
  alarms.close();
});

test("createAlarms stops its timer by itself when nothing waits", async () => {
  const alarms = createAlarms();
  const { promise, resolve } = Promise.withResolvers<void>();
  alarms.set(0, resolve);
  // The sanitizer fails this test if the timer goes on.
  await promise;
  await new Promise((resolve) => setTimeout(resolve, 60));
});

test("createAlarms strikes no more when it is closed", async () => {
  const alarms = createAlarms();
  let struck = 0;
  alarms.set(0, () => struck++);
  alarms.close();
  alarms.set(0, () => struck++).cancel();
  alarms.set(0, () => struck++);
  await new Promise((resolve) => setTimeout(resolve, 60));
  assertEquals(struck, 0);
});
