import { assertEquals, assertRejects } from "@std/assert";
import { TimeoutError, withTimeout } from "../../lib/time/with_timeout.ts";
import { SYSTEM_CLOCK } from "../../lib/time/clock.ts";
import { test } from "../support/test.ts";
import { createCountedSignal } from "../support/fakes/counted_signal.ts";
import { createVirtualClock } from "../support/fakes/virtual_clock.ts";

const NEVER = new AbortController().signal;

test("withTimeout returns what the work returns, and then aborts its signal", async () => {
  const clock = createVirtualClock();
  let inner: AbortSignal | undefined;
  assertEquals(await withTimeout(100, { clock, signal: NEVER }, (signal) => Promise.resolve((inner = signal, 7))), 7);
  assertEquals(inner?.aborted, true);
});

test("withTimeout rejects when the time is up, and tells the work", async () => {
  const clock = createVirtualClock();
  let inner: AbortSignal | undefined;
  const done = withTimeout(100, { clock, signal: NEVER }, (signal) => (inner = signal, new Promise<never>(() => {})));
  const rejected = assertRejects(() => done, TimeoutError, "no answer within 100 ms");
  await clock.run(100);
  await rejected;
  assertEquals(inner?.aborted, true);
});

test("withTimeout rejects with the outer signal's reason, before the work is begun or after", async () => {
  const reason = new Error("enough");
  const outer = new AbortController();
  const done = withTimeout(1_000, { clock: SYSTEM_CLOCK, signal: outer.signal }, () => new Promise<never>(() => {}));
  outer.abort(reason);
  assertEquals(await assertRejects(() => done), reason);
  const work = () => Promise.reject(new Error("must not begin"));
  assertEquals(await assertRejects(() => withTimeout(1, { clock: SYSTEM_CLOCK, signal: outer.signal }, work)), reason);
});

test("withTimeout leaves nothing on the outer signal, however the work ends", async () => {
  const clock = createVirtualClock();
  const outer = createCountedSignal();
  const run = (work: () => Promise<void>) => withTimeout(100, { clock, signal: outer.signal }, work);
  await run(() => Promise.resolve());
  await assertRejects(() => run(() => Promise.reject(new Error("refused"))), Error, "refused");
  assertEquals(outer.listeners, 0);
});

test("SYSTEM_CLOCK.sleep ends early on its signal, and never in the past or beyond a timer's range", async () => {
  const stop = new AbortController();
  const sleeping = [SYSTEM_CLOCK.sleep(Infinity, stop.signal), SYSTEM_CLOCK.sleep(60_000, stop.signal)];
  await SYSTEM_CLOCK.sleep(-1, NEVER);
  await SYSTEM_CLOCK.sleep(1, NEVER);
  stop.abort();
  await Promise.all(sleeping);
  await SYSTEM_CLOCK.sleep(60_000, stop.signal);
});
