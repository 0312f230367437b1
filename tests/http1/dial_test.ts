import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { createDial } from "../../lib/http1/dial.ts";
import type { Connect } from "../../lib/http1/dial.ts";
import { UpstreamError } from "../../lib/http1/error.ts";
import { countDeadlines } from "../support/fakes/count_deadlines.ts";
import { createVirtualClock } from "../support/fakes/virtual_clock.ts";
import { test } from "../support/test.ts";

const SERVER = { address: "10.1.1.1", port: 80 };

/** A connection that is begun. */
interface Begun {
  readonly signal: AbortSignal;
  come(): Deno.Conn;
  fail(error: Error): void;
  isClosed: boolean;
}

/** Dials on a clock that stands still; each connection comes about, or fails, when the test says so. */
function createDialling({ timeoutMs = 3_000 }: { readonly timeoutMs?: number } = {}) {
  const clock = createVirtualClock();
  const deadlines = countDeadlines(clock.deadlines);
  const begun: Begun[] = [];
  const connect: Connect = ({ signal }) => {
    const { promise, resolve, reject } = Promise.withResolvers<Deno.Conn>();
    const attempt: Begun = {
      signal,
      isClosed: false,
      come() {
        const conn = { close: () => void (attempt.isClosed = true) } as Deno.Conn;
        resolve(conn);
        return conn;
      },
      fail: reject,
    };
    begun.push(attempt);
    return promise;
  };
  const dial = createDial({ connect, deadlines, timeoutMs });
  return { clock, begun, dial, pending: () => deadlines.left };
}

function startDialling(options: { readonly timeoutMs?: number } = {}) {
  const { dial, ...rest } = createDialling(options);
  const controller = new AbortController();
  const connected = dial(SERVER, controller.signal);
  connected.catch(() => {});
  return { ...rest, connected, controller };
}

const failure = async (connected: Promise<Deno.Conn>) => (await assertRejects(() => connected, UpstreamError)).kind;

test("createDial begins one connection where it comes about at once", async () => {
  const { clock, connected, begun, pending } = startDialling();
  await clock.run(200);
  const conn = begun[0]!.come();
  assertStrictEquals(await connected, conn);
  await clock.run(10_000);
  assertEquals([begun.length, begun[0]!.isClosed, pending()], [1, false, 0]);
});

test("createDial begins a second connection, and no third, while the first does not come about", async () => {
  const { clock, connected, begun } = startDialling();
  await clock.run(300);
  assertEquals(begun.length, 2);
  await clock.run(2_000);
  assertEquals(begun.length, 2);
  const conn = begun[1]!.come();
  assertStrictEquals(await connected, conn);
  assertEquals([begun[0]!.signal.aborted, begun[1]!.isClosed], [true, false]);
});

test("createDial closes the connection that comes about in the same moment as another, or after it", async () => {
  const { clock, connected, begun } = startDialling();
  await clock.run(300);
  const conn = begun[0]!.come();
  begun[1]!.come();
  assertStrictEquals(await connected, conn);
  await clock.run(0);
  assertEquals(begun.map(({ isClosed }) => isClosed), [false, true]);
});

test("createDial fails with what the first connection fails with, whatever became of the second", async () => {
  const { clock, connected, begun, pending } = startDialling();
  await clock.run(300);
  begun[1]!.fail(new Error("Too many open files (os error 24)"));
  await clock.run(100);
  begun[0]!.fail(new Deno.errors.ConnectionRefused("refused"));
  assertEquals(await failure(connected), "refused");
  assertEquals([begun.length, pending()], [2, 0]);
});

test("createDial fails with what the first connection fails with, and closes a second one that comes about in the same moment", async () => {
  const { clock, connected, begun } = startDialling();
  await clock.run(300);
  begun[0]!.fail(new Deno.errors.ConnectionRefused("refused"));
  await null;
  begun[1]!.come();
  assertEquals(await failure(connected), "refused");
  await clock.run(0);
  assertEquals(begun[1]!.isClosed, true);
});

test("createDial says that this machine has nothing left to connect with, and not that the router failed", async () => {
  const wants = ["EAGAIN", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"].map((code) =>
    Object.assign(new Error(code), { code })
  );
  for (const want of [...wants, new Deno.errors.AddrNotAvailable("no port")]) {
    const { connected, begun } = startDialling();
    begun[0]!.fail(want);
    const error = await assertRejects(() => connected, UpstreamError);
    assertEquals([error.kind, error.cause], ["exhausted", want]);
  }
});

test("createDial gives up the second connection when the first one fails", async () => {
  const { clock, connected, begun } = startDialling();
  await clock.run(300);
  begun[0]!.fail(new Error("No route to host (os error 113)"));
  assertEquals(await failure(connected), "unreachable");
  begun[1]!.come();
  await clock.run(0);
  assertEquals([begun[1]!.signal.aborted, begun[1]!.isClosed], [true, true]);
});

test("createDial gives up both when time is up or the signal aborts, and closes what comes about later", async () => {
  const late = startDialling({ timeoutMs: 1_000 });
  await late.clock.run(1_100);
  late.begun.forEach(({ come }) => come());
  assertEquals(await failure(late.connected), "connect_timeout");
  const gone = startDialling();
  await gone.clock.run(300);
  const reason = new Error("enough");
  gone.controller.abort(reason);
  gone.begun.forEach(({ come }) => come());
  assertStrictEquals(await assertRejects(() => gone.connected), reason);
  for (const { begun, pending } of [late, gone]) {
    assertEquals([begun.map(({ isClosed }) => isClosed), pending()], [[true, true], 0]);
  }
});

test("createDial begins nothing when the signal has aborted before", async () => {
  const { begun, dial, pending } = createDialling();
  const reason = new Error("enough");
  assertStrictEquals(await assertRejects(() => dial(SERVER, AbortSignal.abort(reason))), reason);
  assertEquals([begun.length, pending()], [0, 0]);
});

test("createDial goes on with second connections where it is them that come about: packets are lost", async () => {
  const { clock, begun, dial } = createDialling();
  for (let i = 0; i < 12; i++) {
    const connected = dial(SERVER, new AbortController().signal);
    await clock.run(300);
    assertEquals(begun.length, 2 * (i + 1));
    begun.at(-1)!.come();
    await connected;
  }
});

test("createDial begins no second connections any more where none comes about at once, until one does", async () => {
  const { clock, begun, dial } = createDialling();
  const dialLate = async () => {
    const before = begun.length;
    const connected = dial(SERVER, new AbortController().signal);
    await clock.run(1_000);
    begun[before]!.come();
    await connected;
    return begun.length - before;
  };
  const counts: number[] = [];
  for (let i = 0; i < 12; i++) counts.push(await dialLate());
  assertEquals(counts, [2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1]);
  const connected = dial(SERVER, new AbortController().signal);
  begun.at(-1)!.come();
  await connected;
  assertEquals([await dialLate(), await dialLate()], [2, 1]);
});
