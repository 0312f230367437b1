import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { createClient } from "../../lib/http1/client.ts";
import type { ClientLimits } from "../../lib/http1/client.ts";
import type { Connect } from "../../lib/http1/dial.ts";
import { UpstreamError } from "../../lib/http1/error.ts";
import { createCountedSignal } from "../support/fakes/counted_signal.ts";
import { settle } from "../support/fakes/virtual_clock.ts";
import { latin1 } from "../support/latin1.ts";
import { ok, startScriptedServer } from "../support/servers/scripted_server.ts";
import type { Script } from "../support/servers/scripted_server.ts";
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
  SHORT_MS,
  withClient,
} from "./client_case.ts";
import { pause } from "../support/pause.ts";

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
        await pause(40);
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

test("createClient ends a body when the signal aborts, with the signal's reason", async () => {
  const { client, connections, pending } = createTimedClient();
  const over = createCountedSignal();
  const asked = client.request(ADDRESS, get("/"), { signal: over.signal });
  await settle();
  connections[0]!.arrive(bytesOf("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"));
  const { body } = await asked;
  assertEquals(latin1((await body.read())!), "half");
  const rest = body.read();
  over.abort();
  connections[0]!.arrive(() => 0);
  assertStrictEquals(await assertRejects(() => rest), over.signal.reason);
  assertEquals([connections[0]!.state.closed, over.listeners, pending()], [true, 0, 0]);
  client.close();
});

test("createClient refuses to send what is not a request, and sends nothing", async () => {
  await withClient(({ write }) => write(ok("x")), async (client, server) => {
    await assertRejects(() => client.request(ADDRESS, get("http://evil/"), { signal: NEVER }), TypeError);
    assertEquals(server.accepted, 0);
  });
});

test("createClient does not ask again when a kept connection is silent for too long", async () => {
  const { client, clock, connections } = createTimedClient();
  const first = ask(client);
  await settle();
  connections[0]!.arrive(bytesOf(ok("x")));
  await first;
  const second = assertFails("response_timeout", () => ask(client));
  await clock.run(LIMITS.responseTimeoutMs);
  connections[0]!.arrive(() => 0);
  await second;
  assertEquals([connections.length, connections[0]!.state.closed], [1, true]);
  client.close();
});
