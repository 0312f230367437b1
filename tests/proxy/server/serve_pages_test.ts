import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { latin1 } from "../../../lib/http1/message.ts";
import { servePages } from "../../../lib/proxy/server/serve_pages.ts";
import type { PagesOptions } from "../../../lib/proxy/server/serve_pages.ts";
import { createLog } from "../../../lib/telemetry/log.ts";
import { createVirtualClock, settle } from "../../support/fakes/virtual_clock.ts";
import { createExchange } from "../../support/net/http.ts";
import type { Exchange } from "../../support/net/http.ts";
import { test } from "../../support/test.ts";
import { pause } from "../../support/pause.ts";

const HOST = "127.0.0.1";

/** Pages that say what was asked for, or what the test says instead. */
function start(
  { hostname = HOST, port = 0, ...options }: Partial<PagesOptions> & { hostname?: string; port?: number } = {},
) {
  const clock = createVirtualClock();
  const lines: string[] = [];
  const pages = servePages({ hostname, port }, {
    answer: ({ method, target }) => new Response(`${method} ${target}`),
    ownAddresses: () => [],
    log: createLog((line) => lines.push(line), { level: "debug", format: "journal" }),
    clock,
    ...options,
  });
  const withClient = async (act: (exchange: Exchange) => Promise<void>) => {
    const { port } = (await pages.listening)!.address;
    using connection = await Deno.connect({ hostname: HOST, port });
    await act(createExchange(connection));
  };
  /** Ends the pages, letting pass what time that takes. */
  const end = async () => {
    let isOver = false;
    const ended = pages.shutdown().finally(() => isOver = true);
    while (!isOver) {
      await clock.run(10);
      await pause();
    }
    await ended;
  };
  return { pages, clock, lines, withClient, end };
}

const get = (target: string) => `GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

test("servePages says where it serves, and answers each request by its head", async () => {
  const { pages, lines, withClient, end } = start();
  const { address } = (await pages.listening)!;
  assertEquals(lines, [`<6>serving the admin pages admin=${HOST}:${address.port}\n`]);
  await withClient(async (exchange) => {
    for (const target of ["/metrics", "/status?x"]) {
      await exchange.send(get(target));
      const { status, body } = await exchange.receive();
      assertEquals([status, latin1(body)], [200, `GET ${target}`]);
    }
  });
  await end();
  await assertRejects(() => Deno.connect({ hostname: HOST, port: address.port }), Deno.errors.ConnectionRefused);
});

test("servePages refuses what is no request, closes, and says so once in a while", async () => {
  const { lines, withClient, end } = start();
  for (let times = 0; times < 2; times++) {
    await withClient(async (exchange) => {
      await exchange.send("BREW /pot HTTP/1.1\r\nHost: localhost\r\n\r\n");
      const { status, headers } = await exchange.receive();
      const fields = new Map(headers);
      assertEquals([status, fields.get("allow"), fields.get("connection")], [405, "GET, HEAD", "close"]);
      assertEquals((await exchange.rest()).length, 0);
    });
  }
  assertEquals(lines.filter((line) => line.startsWith("<6>")).slice(1), [
    `<6>refused a request reason="the method is not GET or HEAD" status=405 client=${HOST} page=admin\n`,
  ]);
  await end();
});

test("servePages cuts a page that does not come when it ends, and says so", async () => {
  const asked = Promise.withResolvers<void>();
  const { lines, withClient, end } = start({ answer: () => (asked.resolve(), new Promise(() => {})) });
  await withClient(async (exchange) => {
    await exchange.send(get("/readyz"));
    await asked.promise;
    await end();
    assertEquals((await exchange.rest()).length, 0);
  });
  assertMatch(lines.at(-1)!, /^<7>an admin page was cut error="The program stops"/);
});

test("servePages waits for an address for as long as it takes: warns once, and looks each second", async () => {
  const { pages, clock, lines } = start({ hostname: "192.0.2.1", port: 39725 });
  await clock.run(3_000);
  assertEquals(lines.map((line) => line.slice(0, 3)), ["<4>", "<7>", "<7>", "<7>"]);
  assertMatch(lines[0]!, /^<4>cannot serve the admin pages, trying again error=".*no interface has this address/);
  await pages.shutdown();
  assertEquals([await pages.listening, lines.length], [undefined, 4]);
});

test("servePages waits for a port that another program has, and can be ended meanwhile", async () => {
  const other = Deno.listen({ hostname: HOST, port: 0 });
  const { port } = other.addr;
  const ended = start({ port });
  await ended.clock.run(600_000);
  await ended.pages.shutdown();
  assertEquals(await ended.pages.listening, undefined);
  assert(ended.lines.every((line) => line.includes("another program has the port, waiting for it")));
  const patient = start({ port });
  await patient.clock.run(600_000);
  other.close();
  await patient.clock.run(1_000);
  await settle();
  assertEquals((await patient.pages.listening)?.address, { hostname: HOST, port });
  await patient.pages.shutdown();
});
