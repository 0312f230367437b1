import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { listen } from "../../../lib/proxy/gate/listen.ts";
import type { ListenOptions } from "../../../lib/proxy/gate/listen.ts";
import { createLog } from "../../../lib/telemetry/log.ts";
import { createVirtualClock } from "../../support/fakes/virtual_clock.ts";
import { test } from "../../support/test.ts";
import { pause } from "../../support/pause.ts";

const HOST = "127.0.0.1";

/** Somebody who wants a port of loopback, or the address given. */
function start(port: number, { hostname = HOST, ...options }: Partial<ListenOptions> & { hostname?: string } = {}) {
  const clock = createVirtualClock();
  const lines: string[] = [];
  const log = createLog((line) => lines.push(line), { level: "debug", format: "journal" });
  const stop = new AbortController();
  const listening = listen({ hostname, port }, { log, clock, signal: stop.signal, ...options });
  let isOver = false;
  listening.catch(() => {}).finally(() => isOver = true);
  return { clock, lines, stop, listening, isOver: () => isOver };
}

const occupy = () => Deno.listen({ hostname: HOST, port: 0 });

test("listen binds a free port at once, and says nothing", async () => {
  const { listening, lines } = start(0);
  const listener = await listening;
  assertEquals([listener.addr.hostname, lines], [HOST, []]);
  listener.close();
});

test("listen waits for a port that another program has, warns once, and takes it when it is free", async () => {
  const other = occupy();
  const { port } = other.addr;
  const { clock, lines, listening, isOver } = start(port);
  await clock.run(1_000);
  assertEquals([isOver(), lines.map((line) => line.slice(0, 3))], [false, ["<4>", "<7>", "<7>", "<7>", "<7>"]]);
  assertEquals(lines[0], `<4>another program has the port, waiting for it address=${HOST}:${port}\n`);
  other.close();
  await clock.run(250);
  const listener = await listening;
  assertEquals(listener.addr.port, port);
  listener.close();
});

test("listen gives up after 10 s where another program serves", async () => {
  const other = occupy();
  const { clock, lines, listening } = start(other.addr.port);
  await clock.run(10_000);
  const error = await assertRejects(() => listening, Error, "another program has this port; stop it, or choose");
  assert(error.cause instanceof Deno.errors.AddrInUse);
  // Four times a second, each with a line but the last. To find out whether anybody listens takes time of the machine's alone.
  assertEquals(lines.length, 4 * 10);
  other.close();
});

test("listen waits for ever where it is told to, and ends when its signal aborts, with the reason", async () => {
  const other = occupy();
  const { clock, stop, listening, isOver } = start(other.addr.port, { patienceMs: Infinity });
  await clock.run(600_000);
  assertEquals(isOver(), false);
  const reason = new Error("enough");
  stop.abort(reason);
  assertStrictEquals(await assertRejects(() => listening), reason);
  other.close();
});

test("listen waits for 90 s where a port is held by nobody who listens", async () => {
  const server = occupy();
  using held = await Deno.connect({ hostname: HOST, port: server.addr.port });
  (await server.accept()).close();
  const { clock, lines, listening, isOver } = start(held.localAddr.port);
  const startedAt = clock.now();
  for (let tries = 1; !isOver(); tries++) {
    // Whether anybody listens is found out by connecting, which takes time of the machine's.
    while (lines.length < tries && !isOver()) await pause(1);
    if (!isOver()) await clock.run(250);
  }
  assertEquals(clock.now() - startedAt, 90_000);
  await assertRejects(() => listening, Error, "another program has this port");
  server.close();
});

test("listen takes no connection of the program to itself for another program that listens", async () => {
  const other = occupy();
  const { port } = other.addr;
  let open = 0;
  // The kernel gives a client any free port, once in thousands of tries the one it connects to.
  const connect = (): Promise<Deno.TcpConn> => {
    open++;
    const localAddr = { transport: "tcp", hostname: HOST, port };
    return Promise.resolve({ localAddr, remoteAddr: localAddr, close: () => open-- } as unknown as Deno.TcpConn);
  };
  const { clock, listening, isOver } = start(port, { connect });
  await clock.run(89_999);
  assertEquals([isOver(), open], [false, 0]);
  other.close();
  await clock.run(250);
  (await listening).close();
});

test("listen fails at once where waiting is no use", async () => {
  const foreign = start(39724, { hostname: "192.0.2.1" });
  const message = "Cannot listen on 192.0.2.1:39724: no interface has this address";
  assertEquals((await assertRejects(() => foreign.listening, Error)).message, message);
  const impossible = start(70_000);
  const error = await assertRejects(() => impossible.listening, Error);
  assertEquals([error.message, error.cause === undefined], [`Cannot listen on ${HOST}:70000`, false]);
  assertEquals([...foreign.lines, ...impossible.lines], []);
});
