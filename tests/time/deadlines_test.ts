import { assertEquals } from "@std/assert";
import { createDeadlines } from "../../lib/time/deadlines.ts";
import { test } from "../support/test.ts";

test("createDeadlines fires once, and not before its time", async () => {
  const deadlines = createDeadlines();
  let fired = 0;
  deadlines.set(0, () => fired++);
  const startedAt = performance.now();
  const elapsedMs = await new Promise<number>((resolve) => {
    deadlines.set(90, () => resolve(performance.now() - startedAt));
  });
  assertEquals(elapsedMs >= 90, true, `fired after ${elapsedMs} ms`);
  assertEquals(fired, 1);
  deadlines.close();
});

test("createDeadlines leaves alone what was lifted, whenever that was", async () => {
  const deadlines = createDeadlines();
  const fired: string[] = [];
  const lifted = deadlines.set(0, () => fired.push("lifted"));
  deadlines.set(0, () => liftedByAnother.cancel());
  const liftedByAnother = deadlines.set(1, () => fired.push("lifted by another"));
  lifted.cancel();
  lifted.cancel();
  await new Promise<void>((resolve) => deadlines.set(60, resolve));
  assertEquals(fired, []);
  deadlines.close();
});

test("createDeadlines fires what is due at one tick in the order of time, whatever was lifted before", async () => {
  const deadlines = createDeadlines();
  const fired: number[] = [];
  const lifted = deadlines.set(0, () => fired.push(0));
  for (const delayMs of [3, 1, 2, 4]) deadlines.set(delayMs, () => fired.push(delayMs));
  lifted.cancel();
  await new Promise<void>((resolve) => deadlines.set(60, resolve));
  assertEquals(fired, [1, 2, 3, 4]);
  deadlines.close();
});

test("createDeadlines lets a deadline set another", async () => {
  const deadlines = createDeadlines();
  await new Promise<void>((resolve) => deadlines.set(0, () => deadlines.set(0, resolve)));
  deadlines.close();
});

test("createDeadlines stops its timer by itself when nothing waits", async () => {
  const deadlines = createDeadlines();
  const { promise, resolve } = Promise.withResolvers<void>();
  deadlines.set(0, resolve);
  // The sanitizer fails this test if the timer goes on.
  await promise;
  await new Promise((resolve) => setTimeout(resolve, 60));
});

test("createDeadlines fires no more when it is closed", async () => {
  const deadlines = createDeadlines();
  let fired = 0;
  deadlines.set(0, () => fired++);
  deadlines.close();
  deadlines.set(0, () => fired++).cancel();
  deadlines.set(0, () => fired++);
  await new Promise((resolve) => setTimeout(resolve, 60));
  assertEquals(fired, 0);
});
