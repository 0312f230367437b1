import { assertEquals, assertRejects } from "@std/assert";
import { latin1, toBytes } from "../../../lib/http1/message.ts";
import type { ClientHead } from "../../../lib/proxy/gate/request_head.ts";
import { createDirectServer } from "../../../lib/proxy/server/direct_server.ts";
import type { RawResponse } from "../../support/net/http.ts";
import { startProxy } from "../../support/fakes/upstream_proxy.ts";
import type { RawRequest, RunningProxy } from "../../support/fakes/upstream_proxy.ts";
import type { Script } from "../../support/servers/scripted_server.ts";
import { test } from "../../support/test.ts";

const LARGE = "0123456789abcdef".repeat(20_000);
const DATE = "Date: Sun, 22 Nov 2026 10:51:59 GMT\r\n";

const ANSWERS: Readonly<Record<string, string>> = {
  "/latest/small": `HTTP/1.1 200 OK\r\n${DATE}Content-Length: 4\r\nVary: Accept\r\nX: a\r\nX: b\r\n\r\nfine`,
  "/latest/chunked": `HTTP/1.1 200 OK\r\n${DATE}Transfer-Encoding: chunked\r\n\r\n2\r\nfi\r\n2\r\nne\r\n0\r\n\r\n`,
  "/latest/empty": `HTTP/1.1 200 OK\r\n${DATE}Content-Length: 0\r\n\r\n`,
  "/latest/large": `HTTP/1.1 200 OK\r\n${DATE}Content-Length: ${LARGE.length}\r\n\r\n${LARGE}`,
  "/latest/large-chunked": `HTTP/1.1 200 OK\r\n${DATE}Transfer-Encoding: chunked\r\n\r\n${
    LARGE.length.toString(16)
  }\r\n${LARGE}\r\n0\r\n\r\n`,
  "/latest/nothing": `HTTP/1.1 204 No Content\r\n${DATE}\r\n`,
  "/latest/unchanged": `HTTP/1.1 304 Not Modified\r\n${DATE}ETag: "x"\r\n\r\n`,
  "/latest/reset": `HTTP/1.1 205 Reset Content\r\n${DATE}Content-Length: 4\r\n\r\nbody`,
  "/latest/missing": `HTTP/1.1 404 Not Found\r\n${DATE}Content-Length: 4\r\n\r\nnone`,
  "/latest/moved":
    `HTTP/1.1 301 Moved Permanently\r\n${DATE}Location: http://10.1.1.1/latest/small\r\nContent-Length: 0\r\n\r\n`,
  "/latest/cut": `HTTP/1.1 200 OK\r\n${DATE}Content-Length: ${LARGE.length}\r\n\r\n${LARGE.slice(1)}`,
};

const script: Script = async ({ path, head, write }) => {
  const answer = ANSWERS[path]!;
  await write(head.startsWith("HEAD") ? answer.slice(0, answer.indexOf("\r\n\r\n") + 4) : answer);
  if (path === "/latest/cut") return "close";
};

const REQUESTS: readonly RawRequest[] = [
  ...Object.keys(ANSWERS).filter((path) => path !== "/latest/cut").flatMap((target) => [
    { target, headers: ["Host: localhost"] },
    { target, headers: ["Host: localhost"], method: "HEAD" },
    { target, headers: ["Host: localhost"], version: "1.0" },
  ]),
  { target: "/latest/small", headers: ["Host: elsewhere.example"] },
  { target: "/latest/small", headers: ["Host: localhost", "Via: 1.1 x"] },
  { target: "/latest/small", headers: ["Host: localhost", "X-One: a", "X-One: b", "Connection: X-Two", "X-Two: c"] },
  { target: "/latest/small", headers: ["Host: localhost", "Upgrade: h2c", "Connection: Upgrade"] },
  { target: "/latest/api/token", method: "PUT", headers: ["Host: localhost"] },
];

/** An answer without what may differ: how a body is framed, the moment, and whether a field that comes twice is joined. */
function essence({ status, headers, body }: RawResponse) {
  const kept = new Headers(headers as [string, string][]);
  const framing = status === 204 || status === 304 ? [] : ["transfer-encoding", "content-length"];
  for (const name of [...framing, "date"]) kept.delete(name);
  return { status, headers: [...kept], body: latin1(body) };
}

/** Resolves when nothing is left under way behind the gate. */
async function untilOver(proxy: RunningProxy): Promise<void> {
  while (!/mdproxy4cs_requests_in_flight 0/.test(proxy.metrics())) await new Promise((next) => setTimeout(next, 1));
}

test("createDirectServer answers as the server on a socket does", async () => {
  const config = { cacheTtlMs: 0, staleIfErrorMs: 0 };
  await using direct = await startProxy(script, { config, hasFolder: false });
  await using served = await startProxy(script, { config });
  for (const request of REQUESTS) {
    const answers = [await direct.ask(request), await served.ask(request)].map(essence);
    assertEquals(answers[0], answers[1], JSON.stringify(request));
  }
  // A busy machine can have one of them made twice: its router was silent for too long.
  assertEquals(new Set(direct.router.heads), new Set(served.router.heads));
});

test("createDirectServer carries requests in a row, and frames each answer", async () => {
  await using proxy = await startProxy(script, { config: { cacheTtlMs: 0 }, hasFolder: false });
  using exchange = await proxy.open();
  const targets = [
    "/latest/large-chunked",
    "/latest/nothing",
    "/latest/reset",
    "/latest/chunked",
    "/latest/missing",
    "/latest/large",
  ];
  await exchange.send(targets.map((target) => `GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`).join(""));
  const lengths = [];
  for (const _ of targets) lengths.push((await exchange.receive()).body.length);
  assertEquals(lengths, [LARGE.length, 0, 0, 4, 0, LARGE.length]);
});

test("createDirectServer cuts an answer that the router cuts, and ends what no client waits for", async () => {
  await using proxy = await startProxy(script, { config: { cacheTtlMs: 0 }, hasFolder: false });
  using exchange = await proxy.open();
  await exchange.send("GET /latest/cut HTTP/1.1\r\nHost: localhost\r\n\r\n");
  assertEquals((await exchange.rest()).length < LARGE.length + 400, true);
  {
    using leaving = await proxy.open();
    await leaving.send("GET /latest/large HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await leaving.peek();
  }
  await untilOver(proxy);
});

/** What answers as the handler says, asked once. */
function open(handler: Parameters<typeof createDirectServer>[0]) {
  const inner = createDirectServer(handler, {
    dateText: () => "D",
    onError: () => new Response(null, { status: 500 }),
  });
  const exchange = inner.open();
  const ask = (head: Partial<ClientHead> = {}) =>
    exchange.ask({ method: "GET", target: "/x", headers: [["host", "own"]], minor: 1, persistent: true, ...head });
  return { inner, exchange, ask };
}

test("createDirectServer counts what is under way, and tells the handler when nobody waits any more", async () => {
  let signal: AbortSignal | undefined;
  let cancelled = 0;
  const { inner, exchange, ask } = open((_, served) => {
    signal = served.signal;
    return new Response(new ReadableStream({ cancel: () => void cancelled++ }));
  });
  assertEquals(inner.used, 1);
  await ask();
  exchange.release();
  exchange.release();
  assertEquals([inner.used, signal?.aborted, cancelled], [0, true, 1]);
  const over = open((_, served) => {
    signal = served.signal;
    return new Response(null, { status: 204 });
  });
  await over.ask();
  over.exchange.release();
  assertEquals([over.inner.used, over.exchange.isDone, signal?.aborted], [0, true, false]);
});

test("createDirectServer gives up an answer that comes when nobody waits any more", async () => {
  let cancelled = 0;
  const answer = Promise.withResolvers<Response>();
  const { exchange, ask } = open(() => answer.promise);
  const asked = ask();
  exchange.release();
  answer.resolve(new Response(new ReadableStream({ cancel: () => void cancelled++ })));
  await asked;
  assertEquals(cancelled, 1);
});

test("createDirectServer dates what has no date, and leaves the one that there is", async () => {
  for (const [fields, date] of [[{}, "D"], [{ date: "then" }, "then"]] as const) {
    const { exchange, ask } = open(() => new Response(null, { headers: fields }));
    const { headers } = await ask();
    assertEquals(headers.filter(([name]) => name === "date"), [["date", date]]);
    assertEquals(headers.find(([name]) => name === "content-length"), ["content-length", "0"]);
    exchange.release();
  }
});

test("createDirectServer says a length once where it is known, and none of what HEAD would have brought", async () => {
  const bodiless = () => new Response(null, { headers: { "content-length": "0" } });
  const streamed = () => new Response(new ReadableStream());
  for (
    const [handler, method, lengths] of [
      [bodiless, "GET", ["0"]],
      [streamed, "GET", []],
      [streamed, "HEAD", []],
    ] as const
  ) {
    const { exchange, ask } = open(handler);
    const { headers } = await ask({ method });
    assertEquals(headers.filter(([name]) => name === "content-length").map(([, value]) => value), [...lengths]);
    exchange.release();
  }
});

test("createDirectServer frames a body by the length that is passed, and hands on all that is", async () => {
  for (const [fields, framing] of [[[["content-length", "4"], ["x", "y"]], 4], [[["x", "y"]], "chunked"]] as const) {
    const { exchange, ask } = open((_, served) => {
      served.pass(fields);
      return new Response("text");
    });
    const { framing: framed, passed } = await ask();
    assertEquals([framed, passed], [framing, fields]);
    exchange.release();
  }
});

test("createDirectServer answers what the handler throws", async () => {
  const { exchange, ask } = open(() => Promise.reject(new Error("a fault")));
  assertEquals([(await ask()).status, exchange.isDone], [500, true]);
  exchange.release();
});

for (const [said, pieces] of [[3, ["body"]], [5, ["body"]]] as const) {
  test(`createDirectServer passes no body of 4 bytes for one of ${said}`, async () => {
    const { exchange, ask } = open(() =>
      new Response(ReadableStream.from(pieces.map((piece) => toBytes(piece))), {
        headers: { "content-length": String(said) },
      })
    );
    await ask();
    await assertRejects(
      async () => {
        while (!exchange.isDone) {
          await exchange.more();
          exchange.takeBody("framed");
        }
      },
      Error,
      "has not the length",
    );
    exchange.release();
  });
}
