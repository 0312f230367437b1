import { assertEquals } from "@std/assert";
import { latin1, toBytes } from "../../../lib/http1/message.ts";
import { AskedRequests, createInnerPool } from "../../../lib/proxy/gate/inner_pool.ts";
import { SYSTEM_CLOCK } from "../../../lib/time/clock.ts";
import { createVirtualClock } from "../../support/fakes/virtual_clock.ts";
import { test } from "../../support/test.ts";
import { createAnswering, get, open } from "./gate_case.ts";

/** Lets the machine do what it has to do: connect, and tell of it. */
const aMoment = () => SYSTEM_CLOCK.sleep(20, new AbortController().signal);

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

test("openGate says so where the code of whoever answers fails, and goes on", async () => {
  await using scene = open({
    keyOf: ({ target }) => {
      if (target === "/fault") throw new TypeError("a fault");
      return undefined;
    },
  });
  using failed = await scene.connect();
  await failed.send(get("/fault"));
  assertEquals((await failed.rest()).length, 0);
  assertEquals(scene.lines, ['<3>cannot serve a request error="a fault"\n']);
  using next = await scene.connect();
  await next.send(get("/next"));
  assertEquals(latin1((await next.receive()).body), "/next");
});

test("openGate turns away at once who is not allowed, without reading anything", async () => {
  await using scene = open({ isAllowed: () => false });
  using exchange = await scene.connect();
  assertEquals((await exchange.receive()).status, 403);
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
  const scene = open({ inner: createAnswering(() => promise.then(() => toBytes("done"))).inner });
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
  await using scene = open({
    inner: createInnerPool({ connect, asked: new AskedRequests(), clock: SYSTEM_CLOCK }),
  });
  using exchange = await scene.connect();
  await exchange.send(get("/1"));
  const { status, headers } = await exchange.receive();
  assertEquals([status, new Map(headers).get("reason")], [503, "inner"]);
  isThere = true;
  await exchange.send(get("/2"));
  assertEquals(latin1((await exchange.receive()).body), "fine");
});

test("openGate rests, and has rest what is behind, once in each idle timeout in which hardly anybody asks", async () => {
  const clock = createVirtualClock();
  const { inner, state } = createAnswering();
  let rests = 0;
  const scene = open({ clock, inner, limits: { idleTimeoutMs: 1_000 }, onRest: () => rests++ });
  await clock.run(999);
  assertEquals([rests, state.rests], [0, 0]);
  await clock.run(1);
  assertEquals([rests, state.rests], [1, 1]);
  const ask = async () => {
    using exchange = await scene.connect();
    await exchange.send(get("/"));
    await exchange.receive();
    exchange.connection.closeWrite();
    await exchange.rest();
  };
  await ask();
  await ask();
  await clock.run(1_000);
  assertEquals([rests, state.rests], [1, 1], "somebody asked");
  await ask();
  await clock.run(1_000);
  assertEquals([rests, state.rests], [2, 2], "that was now and then");
  await scene.gate.shutdown(0);
  await clock.run(10_000);
  assertEquals([rests, state.rests, state.isClosed], [2, 2, true]);
});

test("openGate does not rest while it holds a part of a head", async () => {
  const clock = createVirtualClock();
  let rests = 0;
  const scene = open({ clock, limits: { idleTimeoutMs: 1_000 }, onRest: () => rests++ });
  await clock.run(500);
  using exchange = await scene.connect();
  // What comes with a request has been read when that is answered.
  await exchange.send(`${get("/")}GET / HT`);
  await exchange.receive();
  await clock.run(500);
  assertEquals(rests, 0);
  await clock.run(2_000);
  assertEquals(rests, 2, "its time is over");
  await scene.gate.shutdown(0);
});

test("openGate rests no more often than it looks at its connections, however short the idle timeout", async () => {
  const clock = createVirtualClock();
  let rests = 0;
  const scene = open({ clock, limits: { idleTimeoutMs: 1 }, onRest: () => rests++ });
  await clock.run(1_000);
  assertEquals(rests, 10);
  await scene.gate.shutdown(0);
});

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
