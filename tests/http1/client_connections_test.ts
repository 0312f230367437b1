import { assertEquals } from "@std/assert";
import { createClient } from "../../lib/http1/client.ts";
import { createCountedSignal } from "../support/fakes/counted_signal.ts";
import { settle } from "../support/fakes/virtual_clock.ts";
import { ok, startScriptedServer } from "../support/servers/scripted_server.ts";
import { readAll } from "../support/fakes/upstream_fakes.ts";
import { test } from "../support/test.ts";
import {
  ADDRESS,
  ask,
  assertFails,
  bytesOf,
  connectTo,
  createFakeConnection,
  createTimedClient,
  get,
  LIMITS,
  NEVER,
  send,
  withClient,
} from "./client_case.ts";

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
    assertEquals(connections.map(({ state }) => state.closed), [true, false]);
    client.close();
  });
}

test("createClient reads a large body in large pieces, and its end and the next answer with a small buffer", async () => {
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
  assertEquals(sizes, [16_384, 131_072, 131_072, 131_072, 16_384, 16_384]);
  client.close();
});

test("createClient asks again on a new connection when a kept one brings more of the answer before", async () => {
  await withClient(
    ({ count, path, write }) => write(count === 2 ? `late${ok(path)}` : ok(path)),
    async (client, server) => {
      assertEquals((await ask(client, "/first")).text, "/first");
      assertEquals(await ask(client, "/second"), { status: 200, text: "/second", reused: false });
      assertEquals(server.heads.length, 3);
      await server.untilOpen(1);
    },
  );
});

test("createClient asks once for what is no HTTP on a new connection", async () => {
  await withClient(({ write }) => write("late"), async (client, server) => {
    await assertFails("malformed", () => ask(client));
    assertEquals(server.heads.length, 1);
  });
});

test("createClient keeps a connection whatever is aborted after its answer", async () => {
  await withClient(({ write }) => write(ok("x")), async (client) => {
    const controller = new AbortController();
    const { body } = await client.request(ADDRESS, get("/"), { signal: controller.signal });
    assertEquals(await readAll(body), "x");
    controller.abort();
    assertEquals((await ask(client)).reused, true);
  });
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
  const wordy = timeout.replace("h: 0", "h: 9");
  await withClient(({ count, write }) => write(count === 2 ? wordy : ok("x")), async (client, server) => {
    await ask(client);
    assertEquals((await ask(client)).reused, false);
    await server.untilOpen(1);
  });
});

test("createClient notices at once that a kept connection was closed", async () => {
  await withClient(async ({ count, write }) => {
    await write(ok("x"));
    return count === 1 ? "close" : undefined;
  }, async (client, server) => {
    await ask(client);
    await server.untilOpen(0);
    const sent: boolean[] = [];
    const { body } = await client.request(ADDRESS, get("/"), {
      signal: NEVER,
      onSent: ({ reused }) => sent.push(reused),
    });
    body.cancel();
    assertEquals(sent, [false]);
  });
});

test("createClient asks again on a new connection when a kept one dies before it answers", async () => {
  await withClient(({ count, path, write }) => count === 2 ? "close" : write(ok(path)), async (client, server) => {
    await ask(client, "/first");
    assertEquals(await ask(client, "/second"), { status: 200, text: "/second", reused: false });
    assertEquals(server.heads.length, 3);
  });
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

test("createClient keeps a connection for 3 s, during which nothing else is waited for", async () => {
  const { client, clock, connections, pending } = createTimedClient();
  const first = ask(client);
  await settle();
  connections[0]!.arrive(bytesOf(ok("x")));
  await first;
  assertEquals(pending(), 1);
  await clock.run(2_999);
  assertEquals([connections[0]!.state.closed, pending()], [false, 1]);
  await clock.run(1);
  assertEquals([connections[0]!.state.closed, pending()], [true, 0]);
  client.close();
});

test("createClient gives a kept connection the whole time for its next answer, and a body its own", async () => {
  const { client, clock, connections, pending } = createTimedClient();
  const first = ask(client);
  await settle();
  connections[0]!.arrive(bytesOf(ok("x")));
  await first;
  await clock.run(2_000);
  const second = ask(client);
  await clock.run(4_999);
  connections[0]!.arrive(bytesOf("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na"));
  await settle();
  await clock.run(4_999);
  connections[0]!.arrive(bytesOf("b"));
  assertEquals(await second, { status: 200, text: "ab", reused: true });
  client.close();
  assertEquals([connections.length, connections[0]!.state.closed, pending()], [1, true, 0]);
});

test("createClient leaves nothing on a signal that many requests share", async () => {
  const counted = createCountedSignal();
  const { signal } = counted;
  await withClient(({ write }) => write(ok("x")), async (client) => {
    for (let times = 0; times < 2; times++) {
      await readAll((await client.request(ADDRESS, get("/"), { signal })).body);
    }
  });
  assertEquals(counted.listeners, 0);
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
