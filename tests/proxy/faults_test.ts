import { assertEquals, assertRejects } from "@std/assert";
import type { Connect } from "../../lib/http1/dial.ts";
import { latin1 } from "../support/latin1.ts";
import { ok, startScriptedServer } from "../support/servers/scripted_server.ts";
import type { Heard, Script } from "../support/servers/scripted_server.ts";
import { format, startProxy } from "../support/fakes/upstream_proxy.ts";
import type { ProxyOptions } from "../support/fakes/upstream_proxy.ts";
import { test } from "../support/test.ts";
import { pause } from "../support/pause.ts";

// What a router does wrong, and what the client gets. The router is the only one: it proves itself after each failure.

const HEAD = "HTTP/1.1 200 OK\r\n";
const SHORT = { responseTimeoutMs: 150, idleTimeoutMs: 150, connectTimeoutMs: 150 };

const FAULTS: readonly {
  readonly what: string;
  readonly script: Script;
  readonly gets: number | string | "a cut body";
  readonly config?: ProxyOptions["config"];
}[] = [
  { what: "closes without an answer, always", script: () => "close", gets: 502, config: { requestTimeoutMs: 500 } },
  { what: "closes without an answer, once", script: once(() => "close"), gets: "fine" },
  { what: "closes within the head, once", script: once(({ write }) => write(HEAD).then(() => "close")), gets: "fine" },
  { what: "says nothing", script: ({ closed }) => closed, gets: 504, config: SHORT },
  {
    what: "stops within the head",
    script: ({ write, closed }) => write(HEAD).then(() => closed),
    gets: 504,
    config: SHORT,
  },
  { what: "speaks something else", script: ({ write }) => write("220 smtp.example ESMTP\r\n\r\n"), gets: 502 },
  {
    what: "sends a head of a megabyte",
    script: ({ write }) => write(ok("x", `X: ${"y".repeat(1_000_000)}\r\n`)),
    gets: 502,
  },
  { what: "gives two lengths", script: ({ write }) => write(ok("x", "Content-Length: 2\r\n")), gets: 502 },
  { what: "switches protocols", script: ({ write }) => write("HTTP/1.1 101 X\r\nUpgrade: x\r\n\r\n"), gets: 502 },
  {
    what: "sends a broken chunk",
    script: ({ write }) => write(`${HEAD}Transfer-Encoding: chunked\r\n\r\nx\r\n`),
    gets: 502,
  },
  {
    what: "cuts a small body short, once",
    script: once(({ write }) => write(`${HEAD}Content-Length: 9\r\n\r\nhalf`).then(() => "close")),
    gets: "fine",
  },
  {
    what: "cuts a large body short",
    script: ({ write }) => write(`${HEAD}Content-Length: 99999\r\n\r\nhalf`).then(() => "close"),
    gets: "a cut body",
  },
  {
    what: "breaks off large chunks",
    script: ({ write }) =>
      write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n1869f\r\n${"x".repeat(99_999)}\r\n5\r\nhalf`).then(() => "close"),
    gets: "a cut body",
  },
  {
    what: "stops within a small body",
    script: ({ write, closed }) => write(`${HEAD}Content-Length: 9\r\n\r\nhalf`).then(() => closed),
    gets: "a cut body",
    config: { idleTimeoutMs: 400 },
  },
  {
    what: "stops within a large body",
    script: ({ write, closed }) => write(`${HEAD}Content-Length: 99999\r\n\r\nhalf`).then(() => closed),
    gets: "a cut body",
    config: SHORT,
  },
  {
    what: "sends byte after byte",
    script: async ({ write }) => {
      await write(`${HEAD}Content-Length: 8\r\n\r\n`);
      for (const byte of "slow but") await pause(50).then(() => write(byte));
    },
    gets: "slow but",
  },
  {
    what: "is too slow as a whole",
    script: async ({ write }) => {
      await write(`${HEAD}Content-Length: 9999\r\n\r\n`);
      for (;;) await pause(20).then(() => write("x"));
    },
    gets: "a cut body",
    config: { transferTimeoutMs: 400 },
  },
  { what: "answers 503 for a moment", script: once(({ write }) => write(busy())), gets: "fine" },
  { what: "answers 500", script: ({ write }) => write("HTTP/1.1 500 X\r\nContent-Length: 4\r\n\r\npage"), gets: 500 },
  { what: "sends more than it said", script: ({ write }) => write(`${ok("fine")}${ok("forged")}`), gets: "fine" },
  { what: "sends a body with a 204", script: ({ write }) => write(`HTTP/1.1 204 X\r\n\r\n${ok("forged")}`), gets: "" },
  {
    what: "sends a body with a 205",
    script: ({ write }) => write("HTTP/1.1 205 X\r\nContent-Length: 4\r\n\r\nbody"),
    gets: "",
  },
];

for (const { what, script, gets, config = {} } of FAULTS) {
  const wanted = typeof gets === "number" ? `an empty ${gets}` : gets === "a cut body" ? gets : JSON.stringify(gets);
  test(`proxy gives the client ${wanted} when a router ${what}`, async () => {
    await using proxy = await startProxy(script, { config });
    using exchange = await proxy.open();
    await exchange.send(format({ target: "/x", headers: [`Host: ${proxy.host}`, "Connection: close"] }, proxy.host));
    if (gets === "a cut body") return void await assertRejects(() => exchange.receive(), Error, "ended");
    const { status, body } = await exchange.receive();
    assertEquals([status, latin1(body)], typeof gets === "number" ? [gets, ""] : [status < 300 ? status : 200, gets]);
  });
}

test("proxy gives the client an empty 502 when a router refuses connections for good", async () => {
  const refused: Connect = () => Promise.reject(new Deno.errors.ConnectionRefused("Connection refused"));
  await using proxy = await startProxy(() => {}, { connect: refused });
  const { status, body } = await proxy.ask("/x");
  assertEquals([status, body.length], [502, 0]);
});

test("proxy gives the client an empty 503 when no router is found", async () => {
  await using proxy = await startProxy(() => {}, { config: { requestTimeoutMs: 200 } });
  proxy.upstream.lose();
  const { status, body } = await proxy.ask("/x");
  assertEquals([status, body.length], [503, 0]);
});

test("proxy gives the client an empty 504 when a router does not accept in time", async () => {
  const silent: Connect = ({ signal }) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  await using proxy = await startProxy(() => {}, { connect: silent, config: { requestTimeoutMs: 200 } });
  const { status, body } = await proxy.ask("/x");
  assertEquals([status, body.length], [504, 0]);
});

test("proxy asks another router that is found while the first refuses, is silent, or does not accept", async () => {
  await using other = startScriptedServer(({ write }) => write(ok("from the other")));
  const faults: Readonly<Record<string, Connect>> = {
    refuses: () => Promise.reject(new Deno.errors.ConnectionRefused("Connection refused")),
    silent: ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  };
  for (const fault of [...Object.keys(faults), "hangs"]) {
    const connect: Connect = (options) =>
      options.hostname === "10.1.1.2" || faults[fault] === undefined
        ? Deno.connect({
          hostname: "127.0.0.1",
          port: options.hostname === "10.1.1.2" ? other.port : proxy.router.port,
        })
        : faults[fault](options);
    await using proxy = await startProxy(({ closed }) => closed, { connect, onReport: "search" });
    const answer = proxy.ask("/x");
    await proxy.upstream.untilReported();
    proxy.upstream.find("10.1.1.2");
    assertEquals(latin1((await answer).body), "from the other", fault);
  }
});

/** Does something wrong to the first request, and answers the others. */
function once(script: Script): Script {
  let count = 0;
  return (heard: Heard) => count++ === 0 ? script(heard) : heard.write(ok("fine"));
}

function busy(): string {
  return "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 11\r\n\r\n<h1>503</h1>".slice(0, -1);
}
