import { assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import type { Connect } from "../../lib/http1/dial.ts";
import { composeRequest, createChance } from "../e2e/fuzz_requests.ts";
import { fromLatin1, latin1 } from "../support/latin1.ts";
import { ok } from "../support/servers/scripted_server.ts";
import { startProxy } from "../support/fakes/upstream_proxy.ts";
import { test } from "../support/test.ts";

const REQUESTS = 1_500;
const SEED = 7;

/** What may reach a router, whatever a client sent. */
const HEAD =
  /^(GET|HEAD) \/[!-~]* HTTP\/1\.1\r\nHost: 10\.1\.1\.1\r\n([!#$%&'*+.^_`|~\w-]+: [\t -~\x80-\xff]*\r\n)*\r\n$/;
const NEVER_SENT =
  /^(x-forwarded-.*|forwarded|via|x-real-ip|proxy.*|content-length|transfer-encoding|te|trailer|upgrade):/im;

test(`proxy sends nothing but proper requests to its router, and nothing to anybody else (seed ${SEED})`, async () => {
  const dialled = new Set<string>();
  const connect: Connect = ({ hostname, port, signal }) => {
    dialled.add(`${hostname}:${port}`);
    return Deno.connect({ hostname: "127.0.0.1", port: proxy.router.port, signal });
  };
  await using proxy = await startProxy(({ write, head }) => write(head.startsWith("HEAD") ? ok("") : ok("answer")), {
    connect,
  });
  const chance = createChance(SEED);
  const last = `GET /last HTTP/1.1\r\nHost: ${proxy.host}\r\nConnection: close\r\n\r\n`;
  for (let i = 0; i < REQUESTS; i += 25) {
    await Promise.all(Array.from({ length: 25 }, async () => {
      const request = composeRequest(chance, { own: proxy.host, foreign: ["10.1.1.99", "127.0.0.1", "evil.example"] });
      using exchange = await proxy.open();
      await exchange.send(fromLatin1(request + last)).catch(() => {});
      await exchange.connection.closeWrite().catch(() => {});
      await exchange.rest();
    }));
  }
  assertEquals([...dialled], ["10.1.1.1:80"]);
  for (const head of proxy.router.heads) {
    assertMatch(head, HEAD);
    assertNotMatch(head, NEVER_SENT);
  }
  assertEquals(latin1((await proxy.ask("/after")).body), "answer");
});
