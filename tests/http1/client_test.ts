import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { createClient, UpstreamError } from "../../lib/http1/client.ts";
import type { Client, ClientLimits, Connect } from "../../lib/http1/client.ts";
import type { RequestHead, ResponseBody } from "../../lib/http1/message.ts";
import { fromLatin1, latin1 } from "../support/latin1.ts";
import { ok, startScriptedServer } from "../support/servers/scripted_server.ts";
import type { Script, ScriptedServer } from "../support/servers/scripted_server.ts";
import { test } from "../support/test.ts";

const LIMITS: ClientLimits = {
  connectTimeoutMs: 5_000,
  responseTimeoutMs: 5_000,
  idleTimeoutMs: 5_000,
  maxHeaderBytes: 4_096,
};
const SHORT_MS = 50;

const NEVER = new AbortController().signal;
const ADDRESS = "10.1.1.1";

/** Sends every connection to the scripted server, wherever it was meant to go. */
const connectTo = ({ port }: { readonly port: number }): Connect => ({ signal }) =>
  Deno.connect({ hostname: "127.0.0.1", port, signal });

async function withClient(
  script: Script,
  run: (client: Client, server: ScriptedServer) => Promise<void>,
  limits: Partial<ClientLimits> = {},
): Promise<void> {
  await using server = startScriptedServer(script);
  const client = createClient({ ...LIMITS, ...limits }, connectTo(server));
  try {
    await run(client, server);
  } finally {
    client.close();
  }
}

const get = (target: string): RequestHead => ({ method: "GET", target, headers: [] });

async function readAll(body: ResponseBody): Promise<string> {
  let text = "";
  for (let piece; (piece = await body.read()) !== undefined;) text += latin1(piece);
  return text;
}

/** Sends a request, and tells also whether its answer came over a connection that was kept. */
async function send(
  client: Client,
  head: RequestHead,
  { address = ADDRESS, fresh = false }: { readonly address?: string; readonly fresh?: boolean } = {},
) {
  let reused = false;
  const response = await client.request(address, head, {
    signal: NEVER,
    fresh,
    onSent: (connection) => reused = connection.reused,
  });
  return { ...response, reused };
}

async function ask(client: Client, target = "/"): Promise<{ status: number; text: string; reused: boolean }> {
  const { status, body, reused } = await send(client, get(target));
  return { status, text: await readAll(body), reused };
}

async function assertFails(kind: UpstreamError["kind"], run: () => Promise<unknown>): Promise<void> {
  assertEquals((await assertRejects(run, UpstreamError)).kind, kind);
}

test("createClient sends requests one after the other on one connection", async () => {
  await withClient(({ path, write }) => write(ok(path)), async (client, server) => {
    assertEquals(await ask(client, "/a"), { status: 200, text: "/a", reused: false });
    assertEquals(await ask(client, "/b"), { status: 200, text: "/b", reused: true });
    assertEquals(server.accepted, 1);
    assertEquals(server.heads, [
      "GET /a HTTP/1.1\r\nHost: 10.1.1.1\r\n\r\n",
      "GET /b HTTP/1.1\r\nHost: 10.1.1.1\r\n\r\n",
    ]);
  });
});

test("createClient keeps connections apart by address", async () => {
  await withClient(({ write }) => write(ok("x")), async (client, server) => {
    await ask(client);
    const { reused, body } = await send(client, get("/"), { address: "10.1.1.2" });
    body.cancel();
    assertEquals([reused, server.accepted], [false, 2]);
  });
});

test("createClient asks the port it is told to, and keeps connections to each port apart", async () => {
  await using server = startScriptedServer(({ write }) => write(ok("x")));
  const dialled: number[] = [];
  const client = createClient(LIMITS, ({ port, signal }) => {
    dialled.push(port);
    return connectTo(server)({ hostname: ADDRESS, port, signal });
  });
  for (const port of [undefined, 8080, 8080, 80]) {
    await readAll((await client.request(ADDRESS, get("/"), { signal: NEVER, ...(port && { port }) })).body);
  }
  client.close();
  assertEquals(dialled, [80, 8080]);
  assertEquals(server.heads.map((head) => head.split("\r\n")[1]), [
    "Host: 10.1.1.1",
    "Host: 10.1.1.1:8080",
    "Host: 10.1.1.1:8080",
    "Host: 10.1.1.1",
  ]);
});

test("createClient makes a new connection when asked for a fresh one", async () => {
  await withClient(({ write }) => write(ok("x")), async (client, server) => {
    await ask(client);
    const { reused, body } = await send(client, get("/"), { fresh: true });
    body.cancel();
    assertEquals([reused, server.accepted], [false, 2]);
  });
});

const ANSWERS: readonly {
  readonly what: string;
  readonly answer: string;
  readonly text: string;
  readonly kept: boolean;
}[] = [
  { what: "a length", answer: ok("hello"), text: "hello", kept: true },
  { what: "nothing", answer: ok(""), text: "", kept: true },
  {
    what: "chunks and trailers",
    answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n",
    text: "hello",
    kept: true,
  },
  {
    what: "what comes before the connection closes",
    answer: "HTTP/1.1 200 OK\r\n\r\nhello",
    text: "hello",
    kept: false,
  },
  { what: "HTTP/1.0", answer: "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", text: "hello", kept: false },
  { what: "a connection that is to close", answer: ok("hello", "Connection: close\r\n"), text: "hello", kept: false },
  {
    what: "what comes behind interim answers",
    answer: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + ok("hello"),
    text: "hello",
    kept: true,
  },
  { what: "an answer with bytes behind it", answer: ok("hello") + "HTTP/1.1 200 OK\r\n", text: "hello", kept: false },
];

for (const { what, answer, text, kept } of ANSWERS) {
  for (const pieces of ["at once", "byte by byte"] as const) {
    test(`createClient reads ${what}, ${pieces}`, async () => {
      await withClient(
        async ({ write }) => {
          for (const piece of pieces === "at once" ? [answer] : answer) await write(piece);
          return kept ? undefined : "close";
        },
        async (client) => {
          assertEquals((await ask(client)).text, text);
          assertEquals((await ask(client)).reused, kept);
        },
      );
    });
  }
}

test("createClient reads no body where there is none, whatever the head says", async () => {
  const heads = ["HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"];
  await withClient(({ count, write }) => write(heads[count - 1]!), async (client) => {
    for (const _ of heads) assertEquals((await ask(client)).text, "");
  });
  await withClient(({ write }) => write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), async (client) => {
    for (const reused of [false, true]) {
      const response = await send(client, { ...get("/"), method: "HEAD" });
      assertEquals([await readAll(response.body), response.reused], ["", reused]);
    }
  });
});

test("createClient takes an answer that came while nothing was asked for no answer", async () => {
  const { promise: sent, resolve } = Promise.withResolvers<void>();
  await withClient(async ({ count, path, write }) => {
    await write(ok(path));
    if (path !== "/first") return;
    assertEquals(count, 1);
    await sent;
    await write(ok("/forged"));
  }, async (client, server) => {
    assertEquals((await ask(client, "/first")).text, "/first");
    resolve();
    await server.untilOpen(0);
    assertEquals(await ask(client, "/second"), { status: 200, text: "/second", reused: false });
  });
});

for (let turns = 2; turns < 5; turns++) {
  test(`createClient takes what came just ${turns} turns before it asked for no answer`, async () => {
    const connections = [createFakeConnection(), createFakeConnection()];
    let dialled = 0;
    const client = createClient(LIMITS, () => Promise.resolve(connections[dialled++]!.conn));
    connections[0]!.arrive(bytesOf(ok("first")));
    assertEquals((await ask(client)).text, "first");
    connections[0]!.arrive(bytesOf(ok("forged")));
    for (let i = 0; i < turns; i++) await Promise.resolve();
    connections[1]!.arrive(bytesOf(ok("second")));
    assertEquals(await ask(client), { status: 200, text: "second", reused: false });
    client.close();
  });
}

/** A connection that reads what the test lets arrive, in its order. */
function createFakeConnection(): { conn: Deno.Conn; arrive(read: (buffer: Uint8Array) => number): void } {
  const arrived: ((buffer: Uint8Array) => number)[] = [];
  const waiting: (() => void)[] = [];
  const read = async (buffer: Uint8Array) => {
    if (arrived.length === 0) await new Promise<void>((resolve) => waiting.push(resolve));
    return arrived.shift()!(buffer);
  };
  const conn = { read, write: (bytes: Uint8Array) => Promise.resolve(bytes.length), close() {} };
  return {
    conn: conn as unknown as Deno.Conn,
    arrive(read) {
      arrived.push(read);
      waiting.shift()?.();
    },
  };
}

/** Fills a buffer with text. */
const bytesOf = (text: string) => (buffer: Uint8Array) => {
  buffer.set(fromLatin1(text));
  return text.length;
};

test("createClient reads a large body in large pieces, and waits for the next request with a small buffer", async () => {
  const sizes: number[] = [];
  const fill = (text: string) => (buffer: Uint8Array) => {
    sizes.push(buffer.length);
    return bytesOf(text)(buffer);
  };
  const { conn, arrive } = createFakeConnection();
  const client = createClient(LIMITS, () => Promise.resolve(conn));
  arrive(fill(ok("").replace("h: 0", "h: 40000")));
  for (let i = 0; i < 4; i++) arrive(fill("x".repeat(10_000)));
  assertEquals((await ask(client)).text.length, 40_000);
  arrive(fill(ok("x")));
  await Promise.resolve();
  assertEquals(sizes, [16_384, 131_072, 131_072, 131_072, 131_072, 16_384]);
  client.close();
});

test("createClient does not ask again when a kept connection is reset after the first byte of an answer", async () => {
  const connections = [createFakeConnection(), createFakeConnection()];
  let dialled = 0;
  const client = createClient(LIMITS, () => Promise.resolve(connections[dialled++]!.conn));
  connections[0]!.arrive(bytesOf(ok("x")));
  await ask(client);
  const second = ask(client);
  connections[0]!.arrive(bytesOf("H"));
  connections[0]!.arrive(() => {
    throw new Deno.errors.ConnectionReset("reset");
  });
  connections[1]!.arrive(bytesOf(ok("x")));
  await assertFails("reset", () => second);
  assertEquals(dialled, 1);
  client.close();
});

test("createClient keeps a connection whatever is aborted after its answer", async () => {
  await withClient(({ write }) => write(ok("x")), async (client) => {
    const controller = new AbortController();
    const { body } = await client.request(ADDRESS, get("/"), { signal: controller.signal });
    controller.abort();
    assertEquals(await readAll(body), "x");
    assertEquals((await ask(client)).reused, true);
  });
});

test("createClient closes a connection that was made too late, and says so", async () => {
  let closed = 0;
  const late: Connect = async ({ signal }) => {
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    return { ...createFakeConnection().conn, close: () => void closed++ };
  };
  const client = createClient({ ...LIMITS, connectTimeoutMs: SHORT_MS }, late);
  await assertFails("connect_timeout", () => ask(client));
  assertEquals(closed, 1);
  client.close();
});

test("createClient takes a 408 on a kept connection for the end of that connection, and asks again", async () => {
  const timeout = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  await withClient(({ count, write }) => write(count === 2 ? timeout : ok("x")), async (client, server) => {
    await ask(client);
    assertEquals(await ask(client), { status: 200, text: "x", reused: false });
    assertEquals(server.heads.length, 3);
  });
  await withClient(({ write }) => write(timeout), async (client, server) => {
    assertEquals((await ask(client)).status, 408);
    assertEquals(server.heads.length, 1);
  });
});

test("createClient connects to no server of its own machine, whatever the address", async () => {
  await using server = startScriptedServer(({ write }) => write(ok("x")));
  const client = createClient(LIMITS, connectTo(server));
  const request = client.request("127.0.0.1", get("/"), { signal: NEVER });
  const { kind, message } = await assertRejects(() => request, UpstreamError);
  assertEquals([kind, message], ["unreachable", "The address is this machine's own"]);
  await server.untilOpen(0);
  assertEquals(server.heads, []);
  client.close();
});

test("createClient takes 100 header fields", async () => {
  await withClient(({ write }) => write(ok("x", "A: b\r\n".repeat(99))), async (client) => {
    const { headers, body } = await client.request(ADDRESS, get("/"), { signal: NEVER });
    body.cancel();
    assertEquals(headers.length, 100);
  });
});

test("createClient gives a body of chunks of one byte in few pieces", async () => {
  const text = "x".repeat(20_000);
  const chunks = [...text].map((char) => `1\r\n${char}\r\n`).join("");
  const answer = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`;
  await withClient(({ write }) => write(answer), async (client) => {
    const { body } = await client.request(ADDRESS, get("/"), { signal: NEVER });
    let pieces = 0;
    let length = 0;
    for (let piece; (piece = await body.read()) !== undefined; pieces++) length += piece.length;
    assertEquals([length, pieces < 1_000], [text.length, true], `${pieces} pieces`);
    assertEquals((await ask(client)).reused, true);
  });
});

test("createClient notices at once that a kept connection was closed", async () => {
  await withClient(async ({ count, write }) => {
    await write(ok("x"));
    return count === 1 ? "close" : undefined;
  }, async (client, server) => {
    await ask(client);
    await server.untilOpen(0);
    assertEquals((await ask(client)).reused, false);
  });
});

test("createClient asks again on a new connection when a kept one dies before it answers", async () => {
  await withClient(({ count, path, write }) => count === 2 ? "close" : write(ok(path)), async (client, server) => {
    await ask(client, "/first");
    assertEquals(await ask(client, "/second"), { status: 200, text: "/second", reused: false });
    assertEquals(server.heads.length, 3);
  });
});

test("createClient does not ask again when the first byte of an answer has come", async () => {
  await withClient(async ({ count, path, write }) => {
    await write(count === 2 ? "H" : ok(path));
    return count === 2 ? "close" : undefined;
  }, async (client, server) => {
    await ask(client, "/first");
    await assertFails("cut_short", () => ask(client, "/second"));
    assertEquals(server.heads.length, 2);
  });
});

test("createClient gives up the rest of a body: what has come is skipped, for what has not the connection goes", async () => {
  await withClient(
    ({ path, write }) => write(path === "/big" ? ok("x").replace("h: 1", "h: 100000") : ok("x")),
    async (client, server) => {
      const small = await client.request(ADDRESS, get("/small"), { signal: NEVER });
      small.body.cancel();
      const big = await send(client, get("/big"));
      assertEquals([big.reused, big.body.length], [true, 100_000]);
      big.body.cancel();
      assertEquals(await big.body.read(), undefined);
      await server.untilOpen(0);
    },
  );
});

test("createClient gives a whole body at once, if it is there", async () => {
  await withClient(({ write }) => write(ok("hello")), async (client) => {
    const { body } = await client.request(ADDRESS, get("/"), { signal: NEVER });
    assertEquals(latin1(body.takeWhole() ?? await Promise.reject(new Error("not whole"))), "hello");
    assertEquals([body.takeWhole(), await body.read()], [undefined, undefined]);
    assertEquals((await ask(client)).reused, true);
  });
});

const FAILURES: readonly {
  readonly what: string;
  readonly kind: UpstreamError["kind"];
  readonly script: Script;
  readonly limits?: Partial<ClientLimits>;
}[] = [
  { what: "closes without an answer", kind: "reset", script: () => "close" },
  {
    what: "closes within the head",
    kind: "cut_short",
    script: ({ write }) => write("HTTP/1.1 200 OK\r\nX").then(() => "close"),
  },
  { what: "says what it is, and waits", kind: "malformed", script: ({ write }) => write("SSH-2.0-OpenSSH_9\r\n") },
  {
    what: "ends a line with LF alone, and waits",
    kind: "malformed",
    script: ({ write }) => write("HTTP/1.1 200 OK\nA: b\n"),
  },
  {
    what: "ends a line with CR alone, and waits",
    kind: "malformed",
    script: ({ write }) => write("HTTP/1.1 200 OK\rA: b"),
  },
  {
    what: "sends more fields than are taken",
    kind: "too_large",
    script: ({ write }) => write(ok("", "A: b\r\n".repeat(100))),
  },
  { what: "sends something else", kind: "malformed", script: ({ write }) => write("SSH-2.0-x\r\n\r\n") },
  {
    what: "switches protocols",
    kind: "malformed",
    script: ({ write }) => write("HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"),
  },
  {
    what: "sends a head without an end",
    kind: "too_large",
    script: async ({ write }) => {
      await write("HTTP/1.1 200 OK\r\n");
      for (let i = 0; i < 1_000; i++) await write(`X-${i}: ${"y".repeat(1_000)}\r\n`);
    },
  },
  {
    what: "sends too large a head",
    kind: "too_large",
    script: ({ write }) => write(ok("x", `X: ${"y".repeat(5_000)}\r\n`)),
  },
  {
    what: "sends interim answers without an end",
    kind: "too_large",
    script: ({ write }) => write("HTTP/1.1 100 Continue\r\n\r\n".repeat(1_000)),
  },
  {
    what: "never begins its answer",
    kind: "response_timeout",
    script: ({ closed }) => closed,
    limits: { responseTimeoutMs: SHORT_MS },
  },
  {
    what: "never ends the head",
    kind: "response_timeout",
    script: ({ write, closed }) => write("HTTP/1.1 200 OK\r\n").then(() => closed),
    limits: { responseTimeoutMs: SHORT_MS },
  },
  {
    what: "closes within the body",
    kind: "cut_short",
    script: ({ write }) => write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello").then(() => "close"),
  },
  {
    what: "closes within a chunk",
    kind: "cut_short",
    script: ({ write }) => write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello").then(() => "close"),
  },
  {
    what: "closes instead of the last chunk",
    kind: "cut_short",
    script: ({ write }) =>
      write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n").then(() => "close"),
  },
  {
    what: "sends a broken chunk",
    kind: "malformed",
    script: ({ write }) => write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
  },
  {
    what: "stands still within the body",
    kind: "idle_timeout",
    script: ({ write, closed }) => write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello").then(() => closed),
    limits: { idleTimeoutMs: SHORT_MS },
  },
];

for (const { what, kind, script, limits } of FAILURES) {
  test(`createClient fails with ${kind} when the router ${what}, and closes the connection`, async () => {
    await withClient(script, async (client, server) => {
      await assertFails(kind, () => ask(client));
      await server.untilOpen(0);
    }, limits);
  });
}

test("createClient does not take a slow body for one that stands still", async () => {
  await withClient(
    async ({ write }) => {
      await write("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n");
      for (const byte of "slowly..") {
        await write(byte);
        await new Promise((resolve) => setTimeout(resolve, 40));
      }
    },
    async (client) => assertEquals((await ask(client)).text, "slowly.."),
    { idleTimeoutMs: 250 },
  );
});

test("createClient fails with refused when nobody listens", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const client = createClient(LIMITS, connectTo(listener.addr));
  listener.close();
  await assertFails("refused", () => ask(client));
  client.close();
});

test("createClient fails with connect_timeout when a connection is not accepted in time", async () => {
  const silent: Connect = ({ signal }) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const client = createClient({ ...LIMITS, connectTimeoutMs: SHORT_MS }, silent);
  await assertFails("connect_timeout", () => ask(client));
  client.close();
});

test("createClient fails with unreachable at any other error of the network", async () => {
  const cause = new Error("No route to host (os error 113)");
  const client = createClient(LIMITS, () => Promise.reject(cause));
  const error = await assertRejects(() => ask(client), UpstreamError);
  assertEquals(error.kind, "unreachable");
  assertStrictEquals(error.cause, cause);
  client.close();
});

test("createClient ends what it does when the signal aborts, with the signal's reason", async () => {
  const reason = new Error("enough");
  await withClient(({ closed }) => closed, async (client, server) => {
    const controller = new AbortController();
    const answer = client.request(ADDRESS, get("/"), { signal: controller.signal });
    await server.untilOpen(1);
    controller.abort(reason);
    assertStrictEquals(await assertRejects(() => answer), reason);
    await server.untilOpen(0);
    assertStrictEquals(
      await assertRejects(() => client.request(ADDRESS, get("/"), { signal: controller.signal })),
      reason,
    );
  });
  const controller = new AbortController();
  const client = createClient(LIMITS, ({ signal }) =>
    new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(new Error("Interrupted")));
      queueMicrotask(() => controller.abort(reason));
    }));
  assertStrictEquals(
    await assertRejects(() => client.request(ADDRESS, get("/"), { signal: controller.signal })),
    reason,
  );
  client.close();
});

test("createClient says when a request is on its way, and over which connection", async () => {
  await withClient(({ count, write }) => count === 2 ? "close" : write(ok("x")), async (client) => {
    const sent: boolean[] = [];
    const onSent = ({ reused }: { readonly reused: boolean }) => sent.push(reused);
    for (let i = 0; i < 2; i++) {
      const { body } = await client.request(ADDRESS, get("/"), { signal: NEVER, onSent });
      await readAll(body);
    }
    assertEquals(sent, [false, true, false]);
  });
});

test("createClient refuses to send what is not a request, and sends nothing", async () => {
  await withClient(({ write }) => write(ok("x")), async (client, server) => {
    await assertRejects(() => client.request(ADDRESS, get("http://evil/"), { signal: NEVER }), TypeError);
    assertEquals(server.accepted, 0);
  });
});

test("createClient keeps only so many connections", async () => {
  await withClient(({ write }) => write(ok("x")), async (client, server) => {
    const responses = await Promise.all(
      Array.from({ length: 40 }, () => client.request(ADDRESS, get("/"), { signal: NEVER, fresh: true })),
    );
    await Promise.all(responses.map(({ body }) => readAll(body)));
    await server.untilOpen(32);
    client.close();
    await server.untilOpen(0);
  });
});
