import { assertEquals } from "@std/assert";
import { latin1, toBytes } from "../../lib/http1/message.ts";
import { startProxy } from "../support/fakes/upstream_proxy.ts";
import { ok } from "../support/servers/scripted_server.ts";
import { test } from "../support/test.ts";

const HOST = "Host: localhost\r\n";

/** Heads that two readers could end at different places, or take for different requests, and the one answer to each. */
const REFUSED: Readonly<Record<string, readonly [status: number, text: string]>> = {
  "a length and chunks": [
    400,
    `GET / HTTP/1.1\r\n${HOST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  "chunks": [413, `GET / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  "the coding identity": [413, `GET / HTTP/1.1\r\n${HOST}Transfer-Encoding: identity\r\n\r\n`],
  "an empty coding": [413, `GET / HTTP/1.1\r\n${HOST}Transfer-Encoding:\r\n\r\n`],
  "chunks from a client of HTTP/1.0": [413, `GET / HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  "two lengths alike": [400, `GET / HTTP/1.1\r\n${HOST}Content-Length: 0\r\nContent-Length: 0\r\n\r\n`],
  "a list of lengths": [400, `GET / HTTP/1.1\r\n${HOST}Content-Length: 0, 0\r\n\r\n`],
  "an empty length": [400, `GET / HTTP/1.1\r\n${HOST}Content-Length:\r\n\r\n`],
  "a length with a sign": [400, `GET / HTTP/1.1\r\n${HOST}Content-Length: +0\r\n\r\n`],
  "a length in hexadecimal": [400, `GET / HTTP/1.1\r\n${HOST}Content-Length: 0x0\r\n\r\n`],
  "a body of another method": [405, `POST / HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\nabc`],
  "a body that is announced": [413, `PUT / HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: 3\r\n\r\n`],
  "a blank before the colon": [400, `GET / HTTP/1.1\r\n${HOST}Content-Length : 3\r\n\r\nabc`],
  "a folded line": [400, `GET / HTTP/1.1\r\n${HOST}X: a\r\n Content-Length: 3\r\n\r\nabc`],
  "a line that begins with a blank": [400, `GET / HTTP/1.1\r\n X: a\r\n${HOST}\r\n`],
  "a bare CR": [400, `GET / HTTP/1.1\r\n${HOST}X: a\rContent-Length: 3\r\n\r\nabc`],
  "a bare LF": [400, `GET / HTTP/1.1\r\n${HOST}X: a\nContent-Length: 3\r\n\r\nabc`],
  "a bare LF before all": [400, `\nGET / HTTP/1.1\r\n${HOST}\r\n`],
  "a zero byte": [400, `GET / HTTP/1.1\r\n${HOST}X: a\0b\r\n\r\n`],
  "a field without a name": [400, `GET / HTTP/1.1\r\n${HOST}: x\r\n\r\n`],
  "tabs in the first line": [400, `GET\t/\tHTTP/1.1\r\n${HOST}\r\n`],
  "two blanks in the first line": [400, `GET  / HTTP/1.1\r\n${HOST}\r\n`],
  "a blank at the end of the first line": [400, `GET / HTTP/1.1 \r\n${HOST}\r\n`],
  "a version of two digits": [400, `GET / HTTP/1.10\r\n${HOST}\r\n`],
  "two Hosts": [400, `GET / HTTP/1.1\r\n${HOST}${HOST}\r\n`],
  "two names in a Host": [421, "GET / HTTP/1.1\r\nHost: localhost, evil.example\r\n\r\n"],
  "a user in a Host": [421, "GET / HTTP/1.1\r\nHost: a@localhost\r\n\r\n"],
  "another server in the first line": [400, `GET http://10.9.9.9/ HTTP/1.1\r\n${HOST}\r\n`],
  "a user in the first line": [400, `GET http://localhost@10.9.9.9/ HTTP/1.1\r\n${HOST}\r\n`],
  "another scheme": [400, `GET https://localhost/ HTTP/1.1\r\n${HOST}\r\n`],
  "an authority for a target": [400, `GET 10.9.9.9:80 HTTP/1.1\r\n${HOST}\r\n`],
  "an asterisk for a target": [400, `GET * HTTP/1.1\r\n${HOST}\r\n`],
  "CONNECT": [405, `CONNECT 10.9.9.9:80 HTTP/1.1\r\n${HOST}\r\n`],
  "OPTIONS of all": [405, `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`],
  "the preface of HTTP/2": [505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
};

/** Heads that are what they look like, whatever else they offer; another request may follow. */
const SERVED: Readonly<Record<string, string>> = {
  "an upgrade to HTTP/2": `Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\n`,
  "an upgrade to WebSocket": "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n",
  "an expectation without a body": "Expect: 100-continue\r\n",
  "a length of nothing": "Content-Length: 00\r\n",
  "a name that looks like a length": "Content_Length: 5\r\n",
  "a TE": "TE: trailers, chunked\r\nConnection: TE\r\n",
  "a Connection that names what it may not": "Connection: host, content-length\r\n",
  "a byte that is no ASCII": "X: caf\xe9\r\n",
};

const NEXT = `GET /next HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`;

/** All that comes back for some bytes: the statuses. */
async function statusesOf(proxy: Awaited<ReturnType<typeof startProxy>>, text: string): Promise<number[]> {
  using exchange = await proxy.open();
  await exchange.send(toBytes(text)).catch(() => {});
  const all = latin1(await exchange.rest());
  return [...all.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}

test("proxy refuses what two readers could read differently, and reads nothing behind it", async (context) => {
  await using proxy = await startProxy(({ path, write }) => write(ok(path)));
  for (const [what, [status, text]] of Object.entries(REFUSED)) {
    await context.step(what, async () => assertEquals(await statusesOf(proxy, text + NEXT), [status]));
  }
  assertEquals(proxy.router.heads, []);
});

test("proxy serves what offers more than is taken, and the request behind it", async (context) => {
  await using proxy = await startProxy(({ path, write }) => write(ok(path)));
  for (const [what, fields] of Object.entries(SERVED)) {
    await context.step(what, async () => {
      const asked = proxy.router.heads.length;
      const text = `GET /this HTTP/1.1\r\n${HOST}${fields}\r\n${NEXT}`;
      assertEquals(await statusesOf(proxy, text), [200, 200]);
      const heads = proxy.router.heads.slice(asked);
      assertEquals(heads.map((head) => head.split(" ", 2)[1]), ["/this", "/next"]);
      assertEquals(heads.filter((head) => /^(upgrade|expect|te|content-length|http2-settings):/im.test(head)), []);
    });
  }
});
