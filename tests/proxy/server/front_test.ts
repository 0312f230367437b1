import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ListenError, openFront } from "../../../lib/proxy/server/front.ts";
import type { Front, FrontOptions } from "../../../lib/proxy/server/front.ts";
import { SILENT } from "../../../lib/telemetry/log.ts";
import { fromLatin1, latin1 } from "../../support/latin1.ts";
import { test } from "../../support/test.ts";

const LISTEN = { hostname: "127.0.0.1", port: 0 };
const GET = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

/** What the handler is doing, as the test wants the front to believe. */
function idle(): { inFlight: number; activeAt: number; giveUp: () => void } {
  return { inFlight: 0, activeAt: -Infinity, giveUp() {} };
}

async function withFront(
  options: Partial<FrontOptions>,
  run: (front: Front) => Promise<void>,
  handler: Deno.ServeHandler<Deno.NetAddr> = () => new Response("hello"),
): Promise<void> {
  const front = await openFront(LISTEN, handler, { activity: idle(), lifetimeMs: 60_000, log: SILENT, ...options });
  try {
    await run(front);
  } finally {
    await front.shutdown(0);
  }
}

async function dial({ address }: Front, text: string): Promise<Deno.TcpConn> {
  const connection = await Deno.connect({ hostname: address.hostname, port: address.port });
  await connection.write(fromLatin1(text));
  return connection;
}

/** Reads until the other side closes. */
async function readAll(connection: Deno.Conn): Promise<string> {
  let text = "";
  const buffer = new Uint8Array(4_096);
  for (let count; (count = await connection.read(buffer).catch(() => null)) !== null;) {
    text += latin1(buffer.subarray(0, count));
  }
  return text;
}

for (
  const [what, text] of [
    ["half a request", "GET / HTTP/1.1\r\nHo"],
    ["nothing", ""],
    ["half a request behind a whole one", `${GET}GET /`],
    ["no further request", GET],
  ] as const
) {
  test(`openFront drops a client that sends ${what}`, async () => {
    await withFront({ lifetimeMs: 50 }, async (front) => {
      using connection = await dial(front, text);
      assertMatch(await readAll(connection), text.startsWith(GET) ? /^HTTP\/1\.1 200 .*hello$/s : /^$/);
    });
  });
}

test("openFront serves on while it renews its server again and again", async () => {
  let renewed = () => {};
  const log = { ...SILENT, debug: (message: string) => message === "renewed the server" && renewed() };
  await withFront({ lifetimeMs: 1, log: log as typeof SILENT }, async (front) => {
    for (let i = 0; i < 10; i++) {
      const { promise, resolve } = Promise.withResolvers<void>();
      renewed = resolve;
      await promise;
      using connection = await dial(front, GET);
      const buffer = new Uint8Array(1_000);
      assertMatch(latin1(buffer.subarray(0, await connection.read(buffer) ?? 0)), /^HTTP\/1\.1 200 .*hello$/s);
      // Then it is idle, and goes with the server that accepted it.
      assertEquals(await readAll(connection), "");
    }
  });
});

test("openFront does not renew its server while a request is in flight, or one came a moment ago", async () => {
  for (const busy of [{ ...idle(), inFlight: 1 }, { ...idle(), activeAt: Infinity }]) {
    await withFront({ lifetimeMs: 1, activity: busy, now: () => 0 }, async (front) => {
      using connection = await dial(front, GET);
      const buffer = new Uint8Array(1_000);
      assertMatch(latin1(buffer.subarray(0, await connection.read(buffer) ?? 0)), /hello$/);
      await new Promise((resolve) => setTimeout(resolve, 100));
      await connection.write(fromLatin1(GET));
      assertMatch(latin1(buffer.subarray(0, await connection.read(buffer) ?? 0)), /hello$/);
    });
  }
});

test("openFront calls it a rest when a server was not asked for anything", async () => {
  const events: string[] = [];
  const { promise: rested, resolve } = Promise.withResolvers<void>();
  const log = { ...SILENT, debug: (message: string) => events.push(message) };
  let time = 0;
  const activity = { ...idle(), activeAt: 5 };
  const onRest = () => {
    events.push("rest");
    resolve();
  };
  await withFront({ lifetimeMs: 1, activity, log: log as typeof SILENT, onRest, now: () => time }, async () => {
    time = 2_000;
    await rested;
  });
  assertEquals(events.slice(0, 3), ["renewed the server", "renewed the server", "rest"]);
});

test("openFront does not wait for ever for a quiet moment: one without a request in flight will do", async () => {
  // A second of quiet never comes, but after ten lifetimes nobody insists.
  await withFront({ lifetimeMs: 50, activity: { ...idle(), activeAt: Infinity } }, async (front) => {
    using connection = await dial(front, "GET / HT");
    assertEquals(await readAll(connection), "");
  });
});

test("openFront lets requests in flight finish when it shuts down", async () => {
  const activity = idle();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const front = await openFront(LISTEN, async () => {
    activity.inFlight++;
    begin();
    await released;
    activity.inFlight--;
    return new Response("late");
  }, { activity, lifetimeMs: 60_000, log: SILENT });
  using connection = await dial(front, GET);
  await begun;
  const stopped = front.shutdown(10_000);
  release();
  await stopped;
  assertMatch(await readAll(connection), /late$/);
  await assertRejects(() => dial(front, GET), Deno.errors.ConnectionRefused);
});

test("openFront has given up what does not finish in time when it shuts down", async () => {
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const { promise: answer, resolve: giveUp } = Promise.withResolvers<Response>();
  const activity = {
    ...idle(),
    inFlight: 1,
    giveUp() {
      giveUp(new Response(null, { status: 504 }));
    },
  };
  const front = await openFront(LISTEN, () => {
    begin();
    return answer;
  }, { activity, lifetimeMs: 60_000, log: SILENT });
  using connection = await dial(front, GET);
  await begun;
  await front.shutdown(50);
  assertMatch(await readAll(connection), /^HTTP\/1\.1 504 /);
});

test("openFront does not wait for a client that asks for nothing when it shuts down", async () => {
  const front = await openFront(LISTEN, () => new Response(), { activity: idle(), lifetimeMs: 60_000, log: SILENT });
  const connection = await dial(front, "GET / HT");
  await front.shutdown(600_000);
  connection.close();
  // Now nothing is left of the server; the sanitizer would find it.
  await new Promise((resolve) => setTimeout(resolve, 50));
});

test("openFront waits for a port that is taken, says so once, and then serves", async () => {
  const holder = Deno.listen(LISTEN);
  const { port } = holder.addr;
  const warnings: [string, unknown][] = [];
  const front = await openFront({ ...LISTEN, port }, () => new Response("hello"), {
    activity: idle(),
    lifetimeMs: 60_000,
    log: { ...SILENT, warn: (message, fields) => warnings.push([message, fields]), debug: () => holder.close() },
  });
  assertEquals(front.address.port, port);
  assertEquals(warnings, [["another program has the port, waiting for it", { address: `127.0.0.1:${port}` }]]);
  await front.shutdown(0);
});

test("openFront does not share a port with another of its kind", async () => {
  await withFront({}, async ({ address }) => {
    const second = () =>
      openFront({ hostname: address.hostname, port: address.port }, () => new Response("mine"), {
        activity: idle(),
        lifetimeMs: 60_000,
        patienceMs: 0,
        log: SILENT,
      });
    await assertRejects(second, ListenError, `127.0.0.1:${address.port}: another program has this port`);
    await assertRejects(second, ListenError, "--http-listen");
  });
});

test("openFront says that an address is not this machine's", async () => {
  await assertRejects(
    () =>
      openFront({ hostname: "169.254.77.77", port: 39_724 }, () => new Response(), {
        activity: idle(),
        lifetimeMs: 60_000,
        log: SILENT,
      }),
    ListenError,
    "no interface has this address",
  );
});

test("openFront answers without a body when the handler throws", async () => {
  const lines: string[] = [];
  await withFront({ log: { ...SILENT, error: (message) => lines.push(message) } }, async (front) => {
    using connection = await dial(front, GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
    assertMatch(await readAll(connection), /^HTTP\/1\.1 500 [^]*content-length: 0\r\n[^]*\r\n\r\n$/i);
  }, () => {
    throw new Error("a mistake");
  });
  assertEquals(lines, ["cannot serve a request"]);
});
