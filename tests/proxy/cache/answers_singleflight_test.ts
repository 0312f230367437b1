import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { createSingleflight } from "../../../lib/proxy/cache/answers.ts";
import { test } from "../../support/test.ts";

function setUp() {
  const flights = createSingleflight<string>();
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let work: AbortSignal | undefined;
  const callers = Array.from({ length: 3 }, () => new AbortController());
  const start = () =>
    flights.start("key", callers[0]!.signal, (signal) => {
      work = signal;
      return promise;
    });
  return { flights, callers, start, resolve, reject, isEnded: () => work!.aborted, reason: () => work!.reason };
}

test("createSingleflight has nothing to join before something was started, nor for another key", () => {
  const { flights, callers, start } = setUp();
  assertEquals(flights.join("key", callers[1]!.signal), undefined);
  start();
  assertEquals(flights.join("other", callers[1]!.signal), undefined);
});

test("createSingleflight gives everyone the one result, and forgets it then", async () => {
  const { flights, callers, start, resolve } = setUp();
  const waiting = [start(), flights.join("key", callers[1]!.signal), flights.join("key", callers[2]!.signal)];
  resolve("done");
  assertEquals(await Promise.all(waiting), ["done", "done", "done"]);
  assertEquals(flights.join("key", callers[1]!.signal), undefined);
});

test("createSingleflight gives everyone the failure, and forgets it then", async () => {
  const { flights, callers, start, reject } = setUp();
  const waiting = [start(), flights.join("key", callers[1]!.signal)!];
  const failure = new Error("failed");
  reject(failure);
  for (const each of waiting) assertStrictEquals(await assertRejects(() => each), failure);
  assertEquals(flights.join("key", callers[1]!.signal), undefined);
});

test("createSingleflight leaves the work to those who stay, and ends it when the last has left", async () => {
  const { flights, callers, start, isEnded, reason } = setUp();
  const waiting = [start(), flights.join("key", callers[1]!.signal)!];
  callers[0]!.abort("first");
  assertEquals(await waiting[0]!.catch((reason) => reason), "first");
  assertEquals(isEnded(), false);
  callers[1]!.abort("last");
  assertEquals(await waiting[1]!.catch((reason) => reason), "last");
  assertEquals([isEnded(), reason()], [true, "last"]);
  assertEquals(flights.join("key", callers[2]!.signal), undefined);
});

test("createSingleflight does not end the work of others for one who came when he had left already", async () => {
  const { flights, callers, start, isEnded, resolve } = setUp();
  const first = start();
  callers[1]!.abort("gone");
  assertEquals(await flights.join("key", callers[1]!.signal)!.catch((reason) => reason), "gone");
  assertEquals(isEnded(), false);
  resolve("done");
  assertEquals(await first, "done");
});

test("createSingleflight does not take newer work for the one that was given up", async () => {
  const { flights, callers, start, resolve } = setUp();
  const given = start().catch((reason) => reason);
  callers[0]!.abort("gone");
  assertEquals(await given, "gone");
  const newer = flights.start("key", callers[1]!.signal, () => Promise.resolve("newer"));
  resolve("older");
  assertEquals(await newer, "newer");
});
