import { assert, assertEquals, assertRejects } from "@std/assert";
import { createWaiters } from "../../lib/discover/waiters.ts";
import { test } from "../support/test.ts";
import { createCountedSignal } from "../support/fakes/counted_signal.ts";
import { ROUTER } from "../support/fakes/router.ts";

const explain = () => new Error("no router");

test("createWaiters serves everyone who waits, and leaves nothing on their signals", async () => {
  const waiters = createWaiters();
  const patience = createCountedSignal();
  const waiting = [waiters.wait(patience.signal, explain), waiters.wait(patience.signal, explain)];
  assertEquals([waiters.size, patience.listeners], [2, 2]);
  waiters.serve(ROUTER);
  assertEquals([waiters.size, patience.listeners], [0, 0]);
  for (const router of await Promise.all(waiting)) assert(router === ROUTER);
});

test("createWaiters sends one away whose patience ends, and keeps the others", async () => {
  const waiters = createWaiters();
  const [short, long] = [createCountedSignal(), createCountedSignal()];
  const impatient = assertRejects(() => waiters.wait(short.signal, explain), Error, "no router");
  const patient = waiters.wait(long.signal, explain);
  short.abort();
  await impatient;
  assertEquals([waiters.size, short.listeners], [1, 0]);
  waiters.serve(ROUTER);
  assert(await patient === ROUTER);
});

test("createWaiters lets nobody in whose patience is over, and sends all away when dismissed", async () => {
  const waiters = createWaiters();
  await assertRejects(() => waiters.wait(AbortSignal.abort(), explain), Error, "no router");
  assertEquals(waiters.size, 0);
  const waiting = assertRejects(() => waiters.wait(new AbortController().signal, explain), Error, "no router");
  waiters.dismiss();
  await waiting;
  assertEquals(waiters.size, 0);
});
