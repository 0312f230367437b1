import { assertEquals, assertMatch } from "@std/assert";
import { latin1, toBytes } from "../../../lib/http1/message.ts";
import type { Gate } from "../../../lib/proxy/gate/gate.ts";
import type { Inner } from "../../../lib/proxy/gate/inner.ts";
import { SYSTEM_CLOCK } from "../../../lib/time/clock.ts";
import { createVirtualClock } from "../../support/fakes/virtual_clock.ts";
import { test } from "../../support/test.ts";
import { createAnswering, get, open } from "./gate_case.ts";
import type { Options } from "./gate_case.ts";

test("openGate closes the connection that has been owing for longest when there are too many", async () => {
  await using scene = open();
  const idle = [];
  for (let i = 0; i < 4; i++) {
    const exchange = await scene.connect();
    await exchange.send(get(`/${i}`));
    await exchange.receive();
    idle.push(exchange);
  }
  // The first is used again: now the second has been idle for longest.
  await idle[0]!.send(get("/again"));
  await idle[0]!.receive();
  using fifth = await scene.connect();
  await fifth.send(get("/fifth"));
  assertEquals(latin1((await fifth.receive()).body), "/fifth");
  assertEquals((await idle[1]!.rest()).length, 0);
  await idle[0]!.send(get("/still"));
  assertEquals(latin1((await idle[0]!.receive()).body), "/still");
  for (const exchange of idle) exchange[Symbol.dispose]();
});

test("openGate gives nobody's place to who may not ask: it is not even told why", async () => {
  let isAllowed = true;
  await using scene = open({ limits: { maxConnections: 1 }, isAllowed: () => isAllowed });
  using first = await scene.connect();
  await first.send(get("/1"));
  await first.receive();
  isAllowed = false;
  using stranger = await scene.connect();
  assertEquals((await stranger.rest()).length, 0);
  await first.send(get("/2"));
  assertEquals(latin1((await first.receive()).body), "/2");
});

test("openGate gives 503 when every connection is being answered", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  await using scene = open({ inner: createAnswering(({ target }) => promise.then(() => toBytes(target))).inner });
  const busy = [];
  for (let i = 0; i < 4; i++) {
    const exchange = await scene.connect();
    await exchange.send(get(`/${i}`));
    busy.push(exchange);
  }
  while (scene.gate.inFlight < 4) await SYSTEM_CLOCK.sleep(1, new AbortController().signal);
  using fifth = await scene.connect();
  const { status, headers } = await fifth.receive();
  assertEquals([status, new Map(headers).get("reason")], [503, "full"]);
  resolve();
  for (const [i, exchange] of busy.entries()) {
    assertEquals(latin1((await exchange.receive()).body), `/${i}`);
    exchange[Symbol.dispose]();
  }
});

test("openGate makes room for nobody who left before being accepted, and goes on at once", async () => {
  const { NotConnected, ConnectionAborted, ConnectionReset } = Deno.errors;
  const trouble = [NotConnected, ConnectionAborted, ConnectionReset].map((Kind) => new Kind("left"));
  await using scene = open({
    // Whoever paused would do so for ever.
    clock: { ...SYSTEM_CLOCK, sleep: () => new Promise(() => {}) },
    wrap: wrapAccept((conn) => {
      const error = trouble.shift();
      if (error === undefined) return;
      conn.close();
      throw error;
    }),
  });
  for (let count = trouble.length; count > 0; count--) {
    using left = await scene.connect();
    assertEquals((await left.rest()).length, 0);
  }
  using idle = await scene.connect();
  await idle.send(get("/"));
  await idle.receive();
  trouble.push(new NotConnected("left"));
  using left = await scene.connect();
  assertEquals((await left.rest()).length, 0);
  await idle.send(get("/still"));
  assertEquals(latin1((await idle.receive()).body), "/still");
  assertEquals(scene.lines, []);
});

test("openGate survives errors of accept, says so once while they come and go, and when they are over", async () => {
  const fail = () => Promise.reject(new Error("Too many open files"));
  const trouble: (() => Promise<never>)[] = [fail, fail, fail];
  let laterMs = 0;
  await using scene = open({
    clock: { ...SYSTEM_CLOCK, now: () => SYSTEM_CLOCK.now() + laterMs },
    wrap: (listener) =>
      new Proxy(listener, {
        get(target, name) {
          if (name === "accept") return () => trouble.shift()?.() ?? target.accept();
          const value = Reflect.get(target, name, target);
          return typeof value === "function" ? value.bind(target) : value;
        },
      }),
  });
  const isServed = async () => {
    using exchange = await scene.connect();
    await exchange.send(get("/served"));
    assertEquals(latin1((await exchange.receive()).body), "/served");
  };
  await isServed();
  // The accept under way will do; the next one fails, when its connection has been served.
  const { promise: served, resolve } = Promise.withResolvers<void>();
  trouble.push(() => served.then(fail));
  await isServed();
  resolve();
  await isServed();
  assertEquals(scene.lines.length, 1, scene.lines.join(""));
  laterMs = 60_000;
  await isServed();
  assertEquals(scene.lines.length, 2, scene.lines.join(""));
  assertMatch(scene.lines[0]!, /^<4>cannot accept a connection, making room error="Too many open files"/);
  assertMatch(scene.lines[1]!, /accepting connections again/);
});

test("openGate lets no more ask what is behind than may", async () => {
  const { inner, state } = createAnswering();
  await using scene = open({ inner, limits: { maxRequests: 2 } });
  state.used = 2;
  using exchange = await scene.connect();
  await exchange.send(get("/"));
  const { status, headers } = await exchange.receive();
  assertEquals([status, new Map(headers).get("reason")], [503, "busy"]);
});

test("openGate has a request that may have nobody to answer make room inside for one that has", async () => {
  const left = Promise.withResolvers<void>();
  const { promise: never } = Promise.withResolvers<never>();
  let used = 0;
  const inner: Inner = {
    get used() {
      return used;
    },
    open() {
      used++;
      const { promise, reject } = Promise.withResolvers<never>();
      promise.catch(() => {});
      return {
        isDone: true,
        ask: ({ target }) =>
          target === "/asked"
            ? Promise.resolve({ status: 200, headers: [["content-length", "0"]], framing: 0 })
            : promise,
        takeBody: () => new Uint8Array(),
        more: () => never,
        release() {
          used--;
          reject(new Error("given up"));
          left.resolve();
        },
      };
    },
    rest() {},
    close() {},
  };
  await using scene = open({ inner, limits: { maxRequests: 2 } });
  using waiting = await scene.connect();
  await waiting.send(get("/waiting"));
  using gone = await scene.connect();
  await gone.send(get("/gone"));
  await gone.connection.closeWrite();
  while (used < 2) await SYSTEM_CLOCK.sleep(1, new AbortController().signal);
  using asking = await scene.connect();
  for (;;) {
    await asking.send(get("/asked"));
    // That it has closed its side may come later than it was sent.
    if ((await asking.receive()).status === 200) break;
  }
  await left.promise;
  assertEquals(scene.lines, ["cut /gone"]);
});

test("openGate lets a client in where all others have just been accepted, and say nothing", async () => {
  await using scene = open();
  const silent = [];
  for (let count = 0; count < 12; count++) silent.push(await scene.connect());
  using asking = await scene.connect();
  await asking.send(get("/asked"));
  assertEquals(latin1((await asking.receive()).body), "/asked");
  for (const exchange of silent) exchange[Symbol.dispose]();
});

test("openGate gives away a small part of its places in a turn, when all are taken", async () => {
  let turns = 0;
  await using scene = open({
    limits: { maxConnections: 256 },
    clock: { ...SYSTEM_CLOCK, sleep: (ms, signal) => (turns++, SYSTEM_CLOCK.sleep(ms, signal)) },
  });
  const silent = [];
  for (let count = 0; count < 264; count++) silent.push(await scene.connect());
  using asking = await scene.connect();
  await asking.send(get("/asked"));
  assertEquals(latin1((await asking.receive()).body), "/asked");
  assertEquals(turns, 5);
  for (const exchange of silent) exchange[Symbol.dispose]();
});

/** A listener whose `accept` does something else with a connection first. */
function wrapAccept(before: (conn: Deno.TcpConn) => void): NonNullable<Options["wrap"]> {
  return (listener) =>
    new Proxy(listener, {
      get(target, name) {
        if (name === "accept") return () => target.accept().then((conn) => (before(conn), conn));
        const value = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
}

test("openGate ends eight that wait for nothing when it cannot accept, those that have waited for longest", async () => {
  let isShort = false;
  await using scene = open({
    limits: { maxConnections: 20 },
    wrap: wrapAccept((conn) => {
      if (!isShort) return;
      isShort = false;
      conn.close();
      throw new Error("Too many open files");
    }),
  });
  const idle = [];
  for (let i = 0; i < 10; i++) {
    const exchange = await scene.connect();
    await exchange.send(get(`/${i}`));
    await exchange.receive();
    idle.push(exchange);
  }
  isShort = true;
  using lost = await scene.connect();
  assertEquals((await lost.rest()).length, 0);
  for (const exchange of idle.slice(0, 8)) assertEquals((await exchange.rest()).length, 0);
  for (const exchange of idle.slice(8)) {
    await exchange.send(get("/still"));
    assertEquals(latin1((await exchange.receive()).body), "/still");
  }
  for (const exchange of idle) exchange[Symbol.dispose]();
});

test("openGate lets nobody in who could not be looked at", async () => {
  let isBlind = true;
  await using scene = open({
    isAllowed() {
      if (isBlind) throw new Error("Too many open files");
      return true;
    },
  });
  using unseen = await scene.connect();
  assertEquals((await unseen.rest()).length, 0);
  isBlind = false;
  using seen = await scene.connect();
  await seen.send(get("/seen"));
  assertEquals(latin1((await seen.receive()).body), "/seen");
  assertMatch(scene.lines[0]!, /^<4>cannot accept a connection, making room error="Too many open files"/);
});

test("openGate ends an answer that nobody took for a second to make room, and who waits for nothing before", async () => {
  const clock = createVirtualClock();
  const large = new Uint8Array(16 * 1024 * 1024);
  const scene = open({
    // What is only a moment passes by itself.
    clock: { ...clock, sleep: SYSTEM_CLOCK.sleep },
    limits: { maxConnections: 2 },
    inner: createAnswering(({ target }) => target === "/large" ? large : toBytes(target)).inner,
  });
  const connect = async (target: string) => {
    const exchange = await scene.connect();
    await exchange.send(get(target));
    return exchange;
  };
  using stalled = await connect("/large");
  await stalled.peek();
  await clock.run(500);
  using idle = await connect("/idle");
  await idle.receive();
  await clock.run(1_000);
  using third = await connect("/third");
  assertEquals([latin1((await third.receive()).body), (await idle.rest()).length], ["/third", 0]);
  using another = await connect("/large");
  await another.peek();
  assertEquals((await third.rest()).length, 0);
  // One has been taking nothing for longer than a second, the other has just begun.
  using fourth = await connect("/fourth");
  assertEquals(latin1((await fourth.receive()).body), "/fourth");
  assertEquals(scene.lines, ["cut /large"]);
  using last = await connect("/large");
  await last.peek();
  assertEquals((await fourth.rest()).length, 0);
  using refused = await scene.connect();
  const { status, headers } = await refused.receive();
  assertEquals([status, new Map(headers).get("reason")], [503, "full"]);
  await stopOn(clock, scene.gate);
});

/** Stops a gate on a clock that stands still otherwise. */
async function stopOn(clock: ReturnType<typeof createVirtualClock>, gate: Gate): Promise<void> {
  let isOver = false;
  gate.shutdown(0).then(() => isOver = true);
  while (!isOver) {
    await clock.run(10);
    await SYSTEM_CLOCK.sleep(1, new AbortController().signal);
  }
}
