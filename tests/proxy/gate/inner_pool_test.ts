import { assertEquals, assertRejects } from "@std/assert";
import { latin1, toBytes } from "../../../lib/http1/fields.ts";
import type { InnerExchange } from "../../../lib/proxy/gate/inner.ts";
import { createInnerPool } from "../../../lib/proxy/gate/inner_pool.ts";
import { test } from "../../support/test.ts";

const HEAD = { method: "GET", target: "/", headers: [["host", "x"]], minor: 1, persistent: true } as const;
const ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";

/** A connection that answers each request with the next text; without one it ends, as one that died does. */
function connectionOf(...answers: string[]) {
  const asked = { count: 0, closed: false };
  const write = (bytes: Uint8Array) => {
    asked.count++;
    return Promise.resolve(bytes.length);
  };
  const read = (into: Uint8Array) => {
    const bytes = toBytes(answers.shift() ?? "");
    into.set(bytes);
    return Promise.resolve(bytes.length || null);
  };
  return { asked, conn: { write, read, close: () => void (asked.closed = true) } as unknown as Deno.Conn };
}

/** A pool that gets these connections one after the other. */
function poolOf(...connections: ReturnType<typeof connectionOf>[]) {
  const left = [...connections];
  return createInnerPool(() => {
    const next = left.shift();
    return next === undefined ? Promise.reject(new Error("nobody listens")) : Promise.resolve(next.conn);
  });
}

async function answerOf(exchange: InnerExchange): Promise<string> {
  const { status } = await exchange.ask(HEAD, 1_000);
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

test("createInnerPool asks again on a new connection, once, when a kept one has died", async () => {
  const dead = connectionOf(ANSWER);
  const fresh = connectionOf(ANSWER);
  const pool = poolOf(dead, fresh);
  await answerOf(pool.open());
  assertEquals(await answerOf(pool.open()), "200 fine");
  assertEquals([dead.asked, fresh.asked], [{ count: 2, closed: true }, { count: 1, closed: false }]);
  // The one that was new has died too, and so does the next.
  const last = pool.open();
  await assertRejects(() => last.ask(HEAD, 1_000), Error, "nobody listens");
  last.release();
  assertEquals([pool.used, fresh.asked.count], [0, 2]);
});

test("createInnerPool asks once where something of an answer came, or the connection was new", async () => {
  const cut = connectionOf(ANSWER, "HTTP/1.1 200 O");
  const unused = connectionOf(ANSWER);
  const pool = poolOf(cut, unused);
  await answerOf(pool.open());
  await assertRejects(() => answerOf(pool.open()), Error, "closed the connection");

  const silent = connectionOf();
  await assertRejects(() => answerOf(poolOf(silent, unused).open()), Error, "closed the connection");
  assertEquals([cut.asked.count, silent.asked.count, unused.asked.count], [2, 1, 0]);
});

test("createInnerPool asks nobody again for a client that has left meanwhile", async () => {
  const { promise, resolve } = Promise.withResolvers<Deno.Conn>();
  const late = connectionOf(ANSWER);
  const pool = createInnerPool(() => promise);
  const exchange = pool.open();
  const answer = assertRejects(() => exchange.ask(HEAD, 1_000), Error, "closed");
  exchange.release();
  resolve(late.conn);
  await answer;
  assertEquals([late.asked, pool.used], [{ count: 0, closed: true }, 0]);
});
