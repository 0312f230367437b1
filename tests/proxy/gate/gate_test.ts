import { assertEquals, assertMatch } from "@std/assert";
import { latin1, toBytes } from "../../../lib/http1/fields.ts";
import type { Inner } from "../../../lib/proxy/gate/inner.ts";
import { createInnerPool } from "../../../lib/proxy/gate/inner_pool.ts";
import { openGate } from "../../../lib/proxy/gate/gate.ts";
import type { GateLimits, GateOptions } from "../../../lib/proxy/gate/gate.ts";
import { REFUSALS } from "../../../lib/proxy/gate/refusal.ts";
import { createLog } from "../../../lib/telemetry/log.ts";
import { SYSTEM_CLOCK } from "../../../lib/time/clock.ts";
import { createVirtualClock } from "../../support/fakes/virtual_clock.ts";
import { createExchange } from "../../support/net/http.ts";
import { test } from "../../support/test.ts";

const LIMITS: GateLimits = {
  maxConnections: 4,
  maxRequests: 4,
  maxUrlBytes: 200,
  maxHeaderBytes: 1_000,
  idleTimeoutMs: 10_000,
  transferTimeoutMs: 10_000,
};

interface Options extends Partial<Pick<GateOptions, "isAllowed" | "onRest" | "inner" | "clock">> {
  readonly limits?: Partial<GateLimits>;
  /** `none` if what is behind answers. */
  readonly own?: NonNullable<GateOptions["handler"]["own"]> | "none";
  /** Wraps the listener. */
  readonly wrap?: (listener: Deno.TcpListener) => Deno.TcpListener;
}

/** A gate that answers with the target. */
function open({ limits = {}, own, wrap = (listener) => listener, ...options }: Options = {}) {
  const lines: string[] = [];
  const gate = openGate(wrap(Deno.listen({ hostname: "127.0.0.1", port: 0 })), {
    limits: { ...LIMITS, ...limits },
    handler: {
      ...(own === "none" ? {} : { own: own ?? answerWithTarget }),
      refuse: (kind) => ({ status: REFUSALS[kind].status, headers: [["reason", kind]] }),
      keyOf: () => undefined,
      ready: () => undefined,
      onCut: (target) => lines.push(`cut ${target}`),
    },
    isAllowed: () => true,
    log: createLog((line) => lines.push(line), { level: "debug", format: "journal" }),
    clock: SYSTEM_CLOCK,
    ...options,
  });
  const connect = async () => {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: gate.address.port });
    return Object.assign(createExchange(connection), { connection, [Symbol.dispose]: () => connection.close() });
  };
  return { gate, lines, connect, [Symbol.asyncDispose]: () => gate.shutdown(0) };
}

const answerWithTarget = ({ target }: { readonly target: string }) =>
  Promise.resolve({ status: 200, headers: [], body: toBytes(target) });

const get = (target: string, ...fields: string[]) => `GET ${target} HTTP/1.1\r\nHost: x\r\n${fields.join("")}\r\n`;

test("openGate answers requests in a row and requests sent ahead, in their order", async () => {
  await using scene = open();
  using exchange = await scene.connect();
  await exchange.send(`\r\n${get("/1")}\r\n${get("/2")}${get("/3").slice(0, 9)}`);
  assertEquals(latin1((await exchange.receive()).body), "/1");
  assertEquals(latin1((await exchange.receive()).body), "/2");
  await exchange.send(get("/3").slice(9) + get("/4", "Connection: close\r\n") + get("/5"));
  assertEquals(latin1((await exchange.receive()).body), "/3");
  const last = await exchange.receive();
  assertEquals([latin1(last.body), new Map(last.headers).get("connection")], ["/4", "close"]);
  assertEquals((await exchange.rest()).length, 0);
});

test("openGate refuses what is no request, and says so before it closes", async () => {
  await using scene = open();
  const table = [
    ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505],
    ["\x16\x03\x01\x00\xa5\x01", 400],
    ["GET / HTTP/1.1\nHost: x\n\n", 400],
    [get("/", "Content-Length: 5\r\n") + "12345", 413],
    [get("/", `X: ${"a".repeat(2_000)}\r\n`), 431],
    [get(`/${"a".repeat(400)}`), 414],
  ] as const;
  for (const [text, status] of table) {
    using exchange = await scene.connect();
    await exchange.send(toBytes(text));
    const answer = await exchange.receive();
    assertEquals([answer.status, new Map(answer.headers).get("connection")], [status, "close"], text);
    assertEquals((await exchange.rest()).length, 0);
  }
});

test("openGate turns away at once who is not allowed, without reading anything", async () => {
  await using scene = open({ isAllowed: () => false });
  using exchange = await scene.connect();
  assertEquals((await exchange.receive()).status, 403);
});

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

test("openGate gives 503 when every connection is being answered", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  await using scene = open({
    own: async ({ target }) => {
      await promise;
      return { status: 200, headers: [], body: toBytes(target) };
    },
  });
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

test("openGate cuts half a request and an idle connection, each in its own time", async () => {
  await using scene = open({ limits: { idleTimeoutMs: 200 } });
  using half = await scene.connect();
  using idle = await scene.connect();
  await half.send("GET / HTTP/1.1\r\nX");
  await idle.send(get("/"));
  await idle.receive();
  assertEquals([(await half.rest()).length, (await idle.rest()).length], [0, 0]);
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

test("openGate knows whether it accepts", async () => {
  const scene = open({ limits: { maxConnections: 1 } });
  using exchange = await scene.connect();
  await exchange.send("GET");
  assertEquals(await scene.gate.isAccepting(), true);
  await scene.gate.shutdown(0);
  assertEquals(await scene.gate.isAccepting(), false);
});

test("openGate lets requests finish when it stops, and closes what waits for nothing", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const scene = open({
    own: async () => {
      await promise;
      return { status: 200, headers: [], body: toBytes("done") };
    },
  });
  using idle = await scene.connect();
  using busy = await scene.connect();
  await busy.send(get("/"));
  while (scene.gate.inFlight === 0) await SYSTEM_CLOCK.sleep(1, new AbortController().signal);
  const stopped = scene.gate.shutdown(10_000);
  assertEquals((await idle.rest()).length, 0);
  resolve();
  const answer = await busy.receive();
  assertEquals([latin1(answer.body), new Map(answer.headers).get("connection")], ["done", "close"]);
  assertEquals((await busy.rest()).length, 0);
  await stopped;
});

test("openGate says 503 where what is behind gives no answer, and the client may ask again on the same connection", async () => {
  let isThere = false;
  const connect = async () => {
    if (!isThere) throw new Error("nobody listens");
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const [conn, served] = await Promise.all([Deno.connect({ port: listener.addr.port }), listener.accept()]);
    listener.close();
    await served.write(toBytes("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"));
    served.close();
    return conn;
  };
  await using scene = open({ own: "none", inner: createInnerPool(connect) });
  using exchange = await scene.connect();
  await exchange.send(get("/1"));
  const { status, headers } = await exchange.receive();
  assertEquals([status, new Map(headers).get("reason")], [503, "inner"]);
  isThere = true;
  await exchange.send(get("/2"));
  assertEquals(latin1((await exchange.receive()).body), "fine");
});

/** What is behind a gate that nobody asks anything: it is told to rest. */
function createIdleInner() {
  const state = { rests: 0, isClosed: false, used: 0 };
  const inner: Inner = {
    get used() {
      return state.used;
    },
    open: () => {
      throw new Error("nobody asks");
    },
    rest: () => void state.rests++,
    close: () => void (state.isClosed = true),
  };
  return { inner, state };
}

test("openGate rests, and has rest what is behind, once in each idle timeout without a request", async () => {
  const clock = createVirtualClock();
  const { inner, state } = createIdleInner();
  let rests = 0;
  const scene = open({ clock, inner, limits: { idleTimeoutMs: 1_000 }, onRest: () => rests++ });
  await clock.run(999);
  assertEquals([rests, state.rests], [0, 0]);
  await clock.run(1);
  assertEquals([rests, state.rests], [1, 1]);
  using exchange = await scene.connect();
  await exchange.send(get("/"));
  await exchange.receive();
  await clock.run(1_000);
  assertEquals([rests, state.rests], [1, 1], "somebody asked");
  await clock.run(1_000);
  assertEquals([rests, state.rests], [2, 2]);
  exchange.connection.closeWrite();
  await exchange.rest();
  await scene.gate.shutdown(0);
  await clock.run(10_000);
  assertEquals([rests, state.rests, state.isClosed], [2, 2, true]);
});

test("openGate rests no more often than it looks at its connections, however short the idle timeout", async () => {
  const clock = createVirtualClock();
  let rests = 0;
  const scene = open({ clock, limits: { idleTimeoutMs: 1 }, onRest: () => rests++ });
  await clock.run(1_000);
  assertEquals(rests, 10);
  await scene.gate.shutdown(0);
});

test("openGate lets no more ask what is behind than may", async () => {
  const { inner, state } = createIdleInner();
  await using scene = open({ own: "none", inner, limits: { maxRequests: 2 } });
  state.used = 2;
  using exchange = await scene.connect();
  await exchange.send(get("/"));
  const { status, headers } = await exchange.receive();
  assertEquals([status, new Map(headers).get("reason")], [503, "busy"]);
});

/** Lets the machine do what it has to do: connect, and tell of it. */
const aMoment = () => SYSTEM_CLOCK.sleep(20, new AbortController().signal);

test("openGate accepts if it accepts its own connection, and none but that, until it stops", async () => {
  const held = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let accepted = 0;
  const scene = open({
    wrap: (listener) =>
      new Proxy(listener, {
        get(target, name) {
          if (name === "accept") return () => held[accepted++]!.promise.then(() => target.accept());
          const value = Reflect.get(target, name, target);
          return typeof value === "function" ? value.bind(target) : value;
        },
      }),
  });
  using other = await scene.connect();
  let isAccepting: boolean | undefined;
  const asked = scene.gate.isAccepting().then((it) => isAccepting = it);
  await aMoment();
  held[0]!.resolve();
  await other.send(get("/other"));
  await other.receive();
  await aMoment();
  assertEquals(isAccepting, undefined);
  held[1]!.resolve();
  assertEquals(await asked, true);
  const stopped = scene.gate.isAccepting();
  await aMoment();
  const ended = scene.gate.shutdown(0);
  assertEquals(await stopped, false);
  held[2]!.resolve();
  await ended;
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
    clock,
    limits: { maxConnections: 2 },
    own: ({ target }) =>
      Promise.resolve({ status: 200, headers: [], body: target === "/large" ? large : toBytes(target) }),
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
  let isOver = false;
  scene.gate.shutdown(0).then(() => isOver = true);
  while (!isOver) {
    await clock.run(10);
    await SYSTEM_CLOCK.sleep(1, new AbortController().signal);
  }
});
