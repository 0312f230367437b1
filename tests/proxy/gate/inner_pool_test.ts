import { assertEquals, assertRejects } from "@std/assert";
import { latin1, toBytes } from "../../../lib/http1/message.ts";
import { NOTICED_AFTER_MS } from "../../../lib/proxy/gate/inner.ts";
import type { InnerExchange } from "../../../lib/proxy/gate/inner.ts";
import { AskedRequests, createInnerPool } from "../../../lib/proxy/gate/inner_pool.ts";
import { createVirtualClock, settle } from "../../support/fakes/virtual_clock.ts";
import { test } from "../../support/test.ts";

const HEAD = { method: "GET", target: "/", headers: [["host", "x"]], minor: 1, persistent: true } as const;
const ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";

/**
 * A connection on which each request is taken and answered with the next text, of which an empty one is the end; without a text
 * it ends before that, as one that died does.
 */
function connectionOf(...answers: string[]) {
  const asked = { count: 0, closed: false };
  const server = { take(_target: string) {} };
  let target = "";
  const write = (bytes: Uint8Array) => {
    asked.count++;
    target = latin1(bytes).split(" ", 2)[1]!;
    return Promise.resolve(bytes.length);
  };
  const sizes: number[] = [];
  const read = (into: Uint8Array) => {
    sizes.push(into.length);
    const answer = answers.shift();
    if (answer !== undefined) server.take(target);
    const bytes = toBytes(answer ?? "");
    into.set(bytes);
    return Promise.resolve(bytes.length || null);
  };
  return {
    asked,
    sizes,
    server,
    conn: { write, read, close: () => void (asked.closed = true) } as unknown as Deno.Conn,
  };
}

/** A pool that gets these connections one after the other. */
function poolOf(...connections: ReturnType<typeof connectionOf>[]) {
  const asked = new AskedRequests();
  for (const { server } of connections) server.take = (target) => void asked.take(target);
  const left = [...connections];
  const connect = () => {
    const next = left.shift();
    return next === undefined ? Promise.reject(new Error("nobody listens")) : Promise.resolve(next.conn);
  };
  return createInnerPool({ connect, asked, clock: createVirtualClock() });
}

async function answerOf(exchange: InnerExchange): Promise<string> {
  const { status } = await exchange.ask(HEAD);
  const body = latin1(exchange.takeBody("content"));
  exchange.release();
  return `${status} ${body}`;
}

test("createInnerPool uses a connection again, and counts what is under way", async () => {
  const one = connectionOf(ANSWER, ANSWER);
  const pool = poolOf(one);
  const exchange = pool.open();
  assertEquals(pool.used, 1);
  assertEquals(await answerOf(exchange), "200 fine");
  exchange.release();
  assertEquals(pool.used, 0);
  assertEquals(await answerOf(pool.open()), "200 fine");
  pool.close();
  assertEquals(one.asked, { count: 2, closed: true });
});

test("AskedRequests has each request answered once, and what passes beside the response handed back", async () => {
  const asked = new AskedRequests();
  const request = { head: HEAD, passed: undefined };
  const target = asked.add(request);
  const answer = asked.serve((head, served) => {
    served.pass([["x", head.target]]);
    return new Response();
  });
  const ask = async () => (await answer(new Request(`http://gate${target}`), {} as Deno.ServeHandlerInfo)).status;
  assertEquals([await ask(), await ask(), request.passed], [200, 404, [["x", "/"]]]);
});

test("createInnerPool asks again on a new connection, once, when a kept one has died", async () => {
  const dead = connectionOf(ANSWER);
  const fresh = connectionOf(ANSWER);
  const pool = poolOf(dead, fresh);
  await answerOf(pool.open());
  assertEquals(await answerOf(pool.open()), "200 fine");
  assertEquals([dead.asked, fresh.asked], [{ count: 2, closed: true }, { count: 1, closed: false }]);
  // The one that was new has died too, and so does the next.
  const last = pool.open();
  await assertRejects(() => last.ask(HEAD), Error, "nobody listens");
  last.release();
  assertEquals([pool.used, fresh.asked.count], [0, 2]);
});

test("createInnerPool asks once where the request was taken, or the connection was new", async () => {
  const unused = connectionOf(ANSWER);
  for (const cut of [connectionOf(ANSWER, "HTTP/1.1 200 O"), connectionOf(ANSWER, "")]) {
    const pool = poolOf(cut, unused);
    await answerOf(pool.open());
    await assertRejects(() => answerOf(pool.open()), Error, "closed the connection");
    assertEquals(cut.asked.count, 2);
  }

  const silent = connectionOf();
  await assertRejects(() => answerOf(poolOf(silent, unused).open()), Error, "closed the connection");
  assertEquals([silent.asked.count, unused.asked.count], [1, 0]);
});

test("createInnerPool leaves no request behind, whether it is answered, asked again or given up", async () => {
  const asked = new AskedRequests();
  const connections = [connectionOf(ANSWER), connectionOf(ANSWER), connectionOf()];
  const left = [...connections];
  const pool = createInnerPool({
    connect: () => Promise.resolve(left.shift()!.conn),
    asked,
    clock: createVirtualClock(),
  });
  await answerOf(pool.open());
  await answerOf(pool.open());
  await assertRejects(() => answerOf(pool.open()), Error, "closed the connection");
  assertEquals(connections.map((connection) => connection.asked.count), [2, 2, 1]);
  // Five times one was asked, and none of them stands there still.
  assertEquals(["/1", "/2", "/3", "/4", "/5"].map((target) => asked.take(target)), new Array(5).fill(undefined));
  assertEquals(asked.add({ head: HEAD, passed: undefined }), "/6");
});

test("createInnerPool asks nobody again for a client that has left meanwhile", async () => {
  const { promise, resolve } = Promise.withResolvers<Deno.Conn>();
  const late = connectionOf(ANSWER);
  const pool = createInnerPool({ connect: () => promise, asked: new AskedRequests(), clock: createVirtualClock() });
  const exchange = pool.open();
  const answer = assertRejects(() => exchange.ask(HEAD), Error, "closed");
  exchange.release();
  resolve(late.conn);
  await answer;
  assertEquals([late.asked, pool.used], [{ count: 0, closed: true }, 0]);
});

test("createInnerPool keeps 16 for later, and none when it is closed", async () => {
  const connections = Array.from({ length: 18 }, () => connectionOf(ANSWER));
  const pool = poolOf(...connections);
  const exchanges = connections.map(() => pool.open());
  for (const exchange of exchanges) await exchange.ask(HEAD);
  for (const exchange of exchanges) exchange.takeBody("framed");
  assertEquals(pool.used, 18);
  for (const exchange of exchanges.slice(0, 17)) exchange.release();
  const open = () => connections.filter(({ asked }) => !asked.closed).length;
  assertEquals([pool.used, open()], [1, 17]);
  pool.close();
  assertEquals(open(), 1);
  exchanges[17]!.release();
  assertEquals([pool.used, open()], [0, 0]);
});

for (
  const [what, answer, isKept] of [
    ["a whole answer", ANSWER, true],
    ["no length where the runtime says none of a 205", "HTTP/1.1 205 Reset Content\r\n\r\n", true],
    ["an answer with bytes behind it", `${ANSWER}HTTP`, false],
    ["an answer that is to be the last", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", false],
    ["the last answer without a length", "HTTP/1.1 205 Reset Content\r\nconnection: close\r\n\r\n", false],
    ["half an answer", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfine", false],
  ] as const
) {
  test(`createInnerPool ${isKept ? "keeps" : "closes"} a connection after ${what}`, async () => {
    const connection = connectionOf(answer);
    const pool = poolOf(connection);
    const exchange = pool.open();
    const head = await exchange.ask(HEAD);
    exchange.takeBody("content");
    exchange.release();
    assertEquals(connection.asked.closed, !isKept);
    if (head.status === 205) assertEquals(head.headers.at(-1), ["content-length", "0"]);
    pool.rest();
    assertEquals([connection.asked.closed, exchange.isDone], [true, !answer.includes(": 9")]);
  });
}

test("createInnerPool gives a body as it is framed, or what is in the chunks, as it comes", async () => {
  const chunked = ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nfi\r\n1", "\r\nn\r\n1\r\ne\r\n0\r\n\r\n"];
  for (
    const [form, pieces] of [
      ["framed", ["2\r\nfi\r\n1", "\r\nn\r\n1\r\ne\r\n0\r\n\r\n"]],
      ["content", ["fi", "ne"]],
    ] as const
  ) {
    const exchange = poolOf(connectionOf(...chunked)).open();
    await exchange.ask(HEAD);
    const got = [latin1(exchange.takeBody(form))];
    await exchange.more();
    got.push(latin1(exchange.takeBody(form)));
    assertEquals([got, exchange.isDone, exchange.takeBody(form).length], [pieces, true, 0]);
    exchange.release();
  }
});

test("createInnerPool fails where a body is cut, and where a head has no end", async () => {
  const cut = poolOf(connectionOf("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfine")).open();
  await cut.ask(HEAD);
  await assertRejects(() => cut.more(), Error, "cut short");
  cut.release();
  const long = `HTTP/1.1 200 OK\r\nX: ${"y".repeat(4_076)}`;
  const endless = poolOf(connectionOf(long, "z".repeat(10))).open();
  await assertRejects(() => endless.ask(HEAD), Error, "has no end of head");
  const ends = poolOf(connectionOf(long, "\r\n\r\n")).open();
  assertEquals((await ends.ask(HEAD)).status, 200);
});

test("createInnerPool reads a large body in large pieces, and all else in small ones", async () => {
  for (const [length, size] of [[16_385, 131_072], [16_384, 16_384]] as const) {
    const connection = connectionOf(
      `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`,
      "x",
      "y".repeat(length - 1),
    );
    const pool = poolOf(connection);
    const exchange = pool.open();
    await exchange.ask(HEAD);
    await exchange.more();
    assertEquals(connection.sizes.at(-1), size);
    exchange.takeBody("framed");
    await exchange.more();
    exchange.takeBody("framed");
    exchange.release();
    const again = pool.open();
    await assertRejects(() => again.ask(HEAD));
    assertEquals(connection.sizes.at(-1), 16_384);
  }
});

test("createInnerPool keeps the place of a client that left until that can be noticed behind, or the answer has come", async () => {
  const clock = createVirtualClock();
  const answers = [Promise.withResolvers<number>(), Promise.withResolvers<number>(), Promise.withResolvers<number>()];
  const closed = answers.map(() => false);
  let count = 0;
  const connect = () => {
    const at = count++;
    return Promise.resolve({
      write: (bytes: Uint8Array) => Promise.resolve(bytes.length),
      read: (into: Uint8Array) => (into.set(toBytes(ANSWER)), answers[at]!.promise),
      close: () => void (closed[at] = true, answers[at]!.reject(new Error("closed"))),
    } as unknown as Deno.Conn);
  };
  const pool = createInnerPool({ connect, asked: new AskedRequests(), clock });
  const ask = () => {
    const exchange = pool.open();
    exchange.ask(HEAD).catch(() => {});
    return exchange;
  };
  const [slow, answered, late] = [ask(), ask(), ask()];
  await settle();
  slow!.release();
  answered!.release();
  await settle();
  assertEquals([pool.used, closed], [3, [false, false, false]]);
  answers[1]!.resolve(ANSWER.length);
  await settle();
  assertEquals([pool.used, closed], [2, [false, true, false]]);
  await clock.run(NOTICED_AFTER_MS);
  assertEquals([pool.used, closed], [1, [true, true, false]]);
  late!.release();
  assertEquals([pool.used, closed], [0, [true, true, true]]);

  const last = pool.open();
  last.ask(HEAD).catch(() => {});
  last.release();
  pool.close();
  assertEquals(pool.used, 0);
});
