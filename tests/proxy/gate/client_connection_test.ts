import { assertEquals } from "@std/assert";
import { toBytes } from "../../../lib/http1/message.ts";
import type { Header } from "../../../lib/http1/message.ts";
import type { Handler } from "../../../lib/proxy/gate/handler.ts";
import { maxHeadBytes } from "../../../lib/proxy/gate/request_head.ts";
import { REFUSALS } from "../../../lib/proxy/gate/refusal.ts";
import { encodeResponse } from "../../../lib/proxy/gate/response.ts";
import { settle } from "../../support/fakes/virtual_clock.ts";
import type { RefusalKind } from "../../../lib/proxy/gate/refusal.ts";
import { test } from "../../support/test.ts";
import { createClient, createInner, LIMITS, ok, serve } from "./client_connection_case.ts";
import { get } from "./gate_case.ts";

test("ClientConnection answers heads that come in pieces, in a row and behind empty lines", async () => {
  const { client, calls, connection, over } = serve();
  for (const char of `\r\n\r\n${get("/a")}`) await client.send(char);
  assertEquals(client.received(), ok("/a"));
  await client.send(`\r\n${get("/b")}${get(`/${"c".repeat(3_000)}`)}`);
  assertEquals(client.received(), ok("/b") + ok(`/${"c".repeat(3_000)}`));
  await client.send("GET");
  assertEquals([connection.state, connection.isHalfHeaded], ["waiting", true]);
  await client.end();
  await over;
  assertEquals([client.received(), calls, client.seen.isClosed], ["", { requests: 3, closed: 1 }, true]);
});

test("ClientConnection ends behind the last answer, in which it says so, and throws away what comes then", async () => {
  const { client, calls, connection, over } = serve();
  await client.send(get("/a", "Connection: close\r\n") + get("/b"));
  assertEquals(client.received(), ok("/a", "connection: close\r\n"));
  assertEquals([connection.state, client.seen.hasEnd, client.seen.isClosed], ["closing", true, false]);
  await client.send("x".repeat(100_000));
  assertEquals(calls.requests, 1);
  await client.end();
  await over;
  assertEquals([client.received(), calls.closed, client.seen.isClosed], ["", 1, true]);
});

test("ClientConnection keeps a client of HTTP/1.0 that asks for it, and tells it", async () => {
  const { client } = serve();
  await client.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  assertEquals(client.received(), ok("/a", "connection: keep-alive\r\n"));
  await client.send("GET /b HTTP/1.0\r\n\r\n");
  assertEquals(client.received(), ok("/b", "connection: close\r\n"));
});

test("ClientConnection stays for nobody while the program stops", async () => {
  const { client, connection } = serve({ isStopping: () => true });
  await client.send(get("/a"));
  assertEquals([client.received(), connection.state], [ok("/a", "connection: close\r\n"), "closing"]);
});

test("ClientConnection ends behind an answer that is on its way when the program stops, and what was sent ahead", async () => {
  for (const [ahead, answered] of [["", ""], [get("/b"), ok("/b", "connection: close\r\n")]] as const) {
    let isStopping = false;
    const { client, connection } = serve({ isStopping: () => isStopping });
    await client.take(10);
    await client.send(get("/a") + ahead);
    assertEquals(connection.state, "sending");
    isStopping = true;
    await client.take(Infinity);
    assertEquals([client.received(), connection.state, client.seen.hasEnd], [ok("/a") + answered, "closing", true]);
  }
});

test("ClientConnection refuses what is no request, says why, and closes", async () => {
  for (const [text, kind] of [["\x16\x03\x01", "not_http"], ["GET / HTTP/1.1\r\n\r\n", "no_host"]] as const) {
    const { client, calls, connection } = serve();
    await client.send(text);
    const { status } = REFUSALS[kind];
    assertEquals(
      client.received(),
      `HTTP/1.1 ${status} Bad Request\r\nreason: ${kind}\r\ndate: D\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`,
    );
    assertEquals([connection.state, calls.requests], ["closing", 0]);
  }
});

test("ClientConnection gives what is ready without asking, and reads a head that it knows only once", async () => {
  const keys: string[] = [];
  const { client, calls } = serve({
    handler: {
      keyOf: ({ target }) => (keys.push(target), target === "/ready" ? "key" : undefined),
      ready: (key, recipient) =>
        encodeResponse(
          { status: 200, headers: [["key", key]], body: new Uint8Array(20_000).fill(0x78) },
          recipient,
          "D",
        ),
    },
  });
  for (let times = 0; times < 3; times++) {
    await client.send(get("/ready"));
    const text = client.received();
    const head = "HTTP/1.1 200 OK\r\nkey: key\r\ndate: D\r\ncontent-length: 20000\r\n\r\n";
    assertEquals(text, head + "x".repeat(20_000));
  }
  await client.send(get("/own"));
  assertEquals([client.received(), keys, calls.requests], [ok("/own"), ["/ready", "/own"], 4]);
});

test("ClientConnection gives a silent client the idle timeout, from its last answer", async () => {
  const { client, wait, cuts, over } = serve();
  await wait(900);
  await client.send(get("/a"));
  await wait(999);
  assertEquals(client.seen.isClosed, false);
  await wait(1);
  await over;
  assertEquals([client.seen.isClosed, client.received(), cuts], [true, ok("/a"), []]);
});

test("ClientConnection gives a head the idle timeout from its first byte, however many come", async () => {
  const { client, wait, over } = serve();
  await wait(900);
  await client.send("GET /");
  await wait(900);
  await client.send("a HTTP");
  await wait(99);
  assertEquals(client.seen.isClosed, false);
  await wait(1);
  await over;
  assertEquals([client.seen.isClosed, client.received()], [true, ""]);
});

test("ClientConnection waits a second for a client to close, and no longer", async () => {
  const { client, wait, over } = serve();
  await client.send(get("/a", "Connection: close\r\n"));
  await wait(999);
  assertEquals(client.seen.isClosed, false);
  await wait(1);
  await over;
  assertEquals(client.seen.isClosed, true);
});

test("ClientConnection cuts a client that takes nothing for the idle timeout, from the last that it took", async () => {
  const { client, wait, cuts, connection, over } = serve({
    handler: {
      keyOf: () => "key",
      ready: (_, recipient) => encodeResponse({ status: 200, headers: [] }, recipient, "D"),
    },
  });
  await client.take(5);
  await client.send(get("/a"));
  await wait(900);
  await client.take(5);
  await wait(999);
  assertEquals([connection.state, client.seen.isClosed], ["sending", false]);
  await wait(1);
  await over;
  assertEquals([client.seen.isClosed, cuts], [true, ["/a: The client took nothing for 1000 ms"]]);
});

test("ClientConnection knows for how long a client has had answers wait, however little it takes at a time", async () => {
  const { client, wait, connection } = serve();
  await client.take(5);
  await client.send(get("/a") + get("/b"));
  for (let times = 0; times < 3; times++) {
    await wait(400);
    await client.take(5);
  }
  assertEquals([connection.state, connection.letWaitMs], ["sending", 1_200]);
  await wait(300);
  await client.take(Infinity);
  await wait(500);
  assertEquals([connection.state, connection.letWaitMs], ["waiting", 1_500]);
});

test("ClientConnection leaves it to what is behind to say first that a client takes nothing", async () => {
  const { inner, state, answer, feed } = createInner();
  const { client, wait, cuts, connection } = serve({ inner });
  await client.take(0);
  await client.send(get("/a"));
  await feed("body", { last: true });
  await answer();
  assertEquals([connection.state, connection.isInside], ["sending", true]);
  await wait(1_499);
  assertEquals([client.seen.isClosed, state.released], [false, 0]);
  await wait(1);
  assertEquals([client.seen.isClosed, state.released, cuts], [true, 1, ["/a: The client took nothing for 1000 ms"]]);
});

test("ClientConnection gives an answer the transfer timeout from its request, and half a second to say so", async () => {
  const { inner, state, answer, feed } = createInner();
  const { client, wait, cuts, connection, over } = serve({ inner });
  await client.send(get("/a"));
  await wait(6_000);
  await answer();
  await feed("bo");
  await wait(4_499);
  assertEquals([connection.state, client.seen.isClosed], ["answering", false]);
  await wait(1);
  await over;
  assertEquals([client.seen.isClosed, state.released], [true, 1]);
  assertEquals(cuts, ["/a: The transfer took longer than 10000 ms"]);
});

test("ClientConnection says of an answer alone that it was cut, once", async () => {
  const reason = new Error("enough");
  const idle = serve();
  idle.connection.cut(reason);
  assertEquals([idle.cuts, idle.client.seen.isClosed, idle.calls.closed], [[], true, 1]);
  const { inner, state } = createInner();
  const busy = serve({ inner });
  await busy.client.send(get("/a"));
  busy.connection.cut(reason);
  busy.connection.cut(reason);
  await busy.over;
  assertEquals([busy.cuts, state.released, busy.calls.closed], [["/a: enough"], 1, 1]);
});

test("ClientConnection passes an answer on as it comes, and is inside for as long", async () => {
  const { inner, state, answer, feed } = createInner();
  const { client, connection } = serve({ inner });
  await client.send(get("/a"));
  assertEquals([connection.state, connection.isInside, state.asked], ["answering", true, 1]);
  await feed("fi");
  await answer([["x", "y"], ["content-length", "4"]]);
  const head = "HTTP/1.1 200 OK\r\nx: y\r\ncontent-length: 4\r\n\r\n";
  assertEquals([client.received(), connection.state], [`${head}fi`, "answering"]);
  await feed("ne", { last: true });
  assertEquals([client.received(), connection.state, connection.isInside, state.released], ["ne", "waiting", false, 1]);
});

test("ClientConnection frees a client of HTTP/1.0 of chunks, and one of HTTP/1.1 of nothing", async () => {
  const chunks: readonly Header[] = [["x", "y"], ["transfer-encoding", "chunked"]];
  for (
    const [version, head, body] of [
      ["1.1", "x: y\r\ntransfer-encoding: chunked\r\n", "4\r\nbody\r\n0\r\n\r\n"],
      ["1.0", "x: y\r\nconnection: close\r\n", "body"],
    ] as const
  ) {
    const { inner, answer, feed } = createInner();
    const { client, connection } = serve({ inner });
    await client.send(`GET /a HTTP/${version}\r\nHost: x\r\nConnection: keep-alive\r\n\r\n`);
    await feed("4\r\nbody\r\n0\r\n\r\n", { content: "body", last: true });
    await answer(chunks, "chunked");
    assertEquals(client.received(), `HTTP/1.1 200 OK\r\n${head}\r\n${body}`);
    assertEquals(connection.state, version === "1.1" ? "waiting" : "closing");
  }
});

test("ClientConnection ends with an answer that ends the connection behind the gate, and with no other", async () => {
  for (
    const [field, isLast] of [[["connection", "Close"], true], [["connection", "x"], false], [
      ["x", "close"],
      false,
    ]] as const
  ) {
    const { inner, answer, feed } = createInner();
    const { client, connection } = serve({ inner });
    await client.send(get("/a"));
    await feed("body", { last: true });
    await answer([field]);
    assertEquals([field, client.received().includes("connection: close\r\n")], [field, isLast]);
    assertEquals(connection.state, isLast ? "closing" : "waiting");
  }
});

test("ClientConnection says that there is no answer behind, or no room, and goes on", async () => {
  const { inner, state, fail } = createInner();
  const lost = serve({ inner });
  await lost.client.send(get("/a"));
  await fail();
  const said = (kind: RefusalKind) =>
    `HTTP/1.1 503 Service Unavailable\r\nreason: ${kind}\r\ndate: D\r\ncontent-length: 0\r\n\r\n`;
  assertEquals([lost.client.received(), lost.connection.state, state.released], [said("inner"), "waiting", 1]);
  const short = createInner();
  const bare = serve({ inner: short.inner });
  await bare.client.send(get("/a"));
  await short.fail(Object.assign(new Error("Too many open files (os error 24)"), { code: "EMFILE" }));
  assertEquals([bare.client.received(), bare.connection.state], [said("exhausted"), "waiting"]);
  const full = serve({ inner, mayAsk: () => false });
  await full.client.send(get("/a"));
  assertEquals([full.client.received(), full.connection.state, state.asked], [said("busy"), "waiting", 1]);
});

test("ClientConnection gives what is stored where there is no room, however old, and goes on", async () => {
  const needs: string[] = [];
  const { client } = serve({
    inner: createInner().inner,
    mayAsk: () => false,
    handler: {
      keyOf: ({ target }) => target === "/kept" ? "key" : undefined,
      ready(_, recipient, need) {
        needs.push(need);
        return need === "fresh"
          ? undefined
          : encodeResponse({ status: 200, headers: [], body: toBytes("old") }, recipient, "D");
      },
    },
  });
  await client.send(get("/kept"));
  assertEquals([client.received(), needs], [ok("old"), ["fresh", "usable"]]);
  await client.send(get("/other"));
  assertEquals([client.received().startsWith("HTTP/1.1 503 "), needs.length], [true, 2]);
  await client.send(get("/kept"));
  assertEquals(client.received(), ok("old"));
});

test("ClientConnection sends no body to HEAD, of a refusal neither", async () => {
  const refuse = () => ({ status: 503, headers: [], body: toBytes("busy") });
  const { client } = serve({ inner: createInner().inner, mayAsk: () => false, handler: { refuse } });
  const head = "HTTP/1.1 503 Service Unavailable\r\ndate: D\r\ncontent-length: 4\r\n\r\n";
  await client.send(get("/a").replace("GET", "HEAD"));
  assertEquals(client.received(), head);
  await client.send(get("/a"));
  assertEquals(client.received(), `${head}busy`);
});

test("ClientConnection notices a client that resets while it is answered, and not one that closed its side", async () => {
  const { inner, state, answer, feed } = createInner();
  const half = serve({ inner });
  await half.client.send(get("/a"));
  await half.client.end();
  await feed("body", { last: true });
  await answer([["content-length", "4"]]);
  assertEquals(half.client.received().endsWith("body"), true);
  await half.over;
  assertEquals([half.client.seen.isClosed, state.released], [true, 1]);
  const other = createInner();
  const refused: RefusalKind[] = [];
  const refuse = (kind: RefusalKind) => (refused.push(kind), { status: 503, headers: [] });
  const gone = serve({ inner: other.inner, handler: { refuse } });
  await gone.client.send(get("/a"));
  await gone.client.fail();
  assertEquals([gone.client.seen.isClosed, other.state.released, gone.calls.closed, gone.cuts], [true, 1, 1, []]);
  assertEquals(refused, [], "nobody is there to be told");
});

test("ClientConnection may be answering a client that has gone: one that closed its side, or sends more than is held", async () => {
  const sends: readonly (readonly [
    what: string,
    act: (client: ReturnType<typeof createClient>) => Promise<void>,
    mayBeGone: boolean,
  ])[] = [
    ["nothing more", () => settle(), false],
    ["the next request", (client) => client.send(get("/2")), false],
    ["its end", (client) => client.end(), true],
    ["the next request and its end", async (client) => (await client.send(get("/2")), await client.end()), true],
    ["more than a head can have", (client) => client.send("a".repeat(2 * maxHeadBytes(LIMITS) + 4_096)), true],
  ];
  for (const [what, act, mayBeGone] of sends) {
    const { inner, answer } = createInner();
    const { client, connection } = serve({ inner });
    await client.send(get("/1"));
    await act(client);
    assertEquals(connection.mayBeGone, mayBeGone, what);
    await answer([], 0);
    connection.cut(new Error("over"));
    await settle();
  }
});

test("ClientConnection notices a client that resets behind requests that it sent ahead", async () => {
  const { inner, state } = createInner();
  const { client, cuts, calls } = serve({ inner });
  await client.send(get("/1"));
  await client.send(get("/2"));
  await client.fail();
  assertEquals([calls.closed, state.released, cuts], [1, 1, []]);
});

test("ClientConnection tells of a fault of the program, and of nothing that a client or a server does", async () => {
  const fault = new TypeError("a fault");
  const fail = () => {
    throw fault;
  };
  const handlers: readonly Partial<Handler>[] = [{ keyOf: fail }, { keyOf: () => "key", ready: fail }];
  for (const handler of handlers) {
    const { client, faults } = serve({ handler });
    await client.send(get("/a"));
    assertEquals([faults, client.seen.isClosed], [[fault], true]);
  }
  const cut = createInner();
  const { client, faults } = serve({ inner: cut.inner });
  await client.send(get("/a"));
  await cut.answer();
  cut.inner.open().release();
  await settle();
  const gone = serve();
  await gone.client.fail();
  assertEquals([client.seen.isClosed, faults, gone.client.seen.isClosed, gone.faults], [true, [], true, []]);
});

test("ClientConnection turns a client away before it has said anything", async () => {
  const { client, connection } = serve({
    turnAway: "peer",
    handler: { refuse: (kind, { peer }) => ({ status: 403, headers: [["reason", `${kind} ${peer}`]] }) },
  });
  await settle();
  assertEquals(
    [client.received(), connection.state],
    [
      "HTTP/1.1 403 Forbidden\r\nreason: peer 127.0.0.1\r\ndate: D\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
      "closing",
    ],
  );
});
