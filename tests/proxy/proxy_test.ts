import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { latin1 } from "../support/latin1.ts";
import { ok } from "../support/servers/scripted_server.ts";
import { format, header, startProxy } from "../support/fakes/upstream_proxy.ts";
import { test } from "../support/test.ts";

/** More than the sockets between the router and the client hold. */
const LARGE = new Uint8Array(24_000_000);

test("proxy passes a request on and its answer back", async () => {
  await using proxy = await startProxy(({ write }) =>
    write(ok("i-1\n", "ETag: x\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n"))
  );
  const headers = [
    `Host: ${proxy.host}`,
    "User-Agent: curl/8",
    "Accept: */*",
    "TE: trailers",
    "Proxy: http://evil.example",
  ];
  const response = await proxy.ask({ target: "//latest/../vm-id?a=%00&b#c", headers });
  assertEquals([response.status, latin1(response.body)], [200, "i-1\n"]);
  assertEquals(header(response, "etag"), "x");
  assertEquals(response.headers.filter(([name]) => name === "set-cookie").map(([, value]) => value), ["a", "b"]);
  assertEquals(proxy.router.heads, [
    "GET //latest/../vm-id?a=%00&b HTTP/1.1\r\nHost: 10.1.1.1\r\nuser-agent: curl/8\r\naccept: */*\r\n\r\n",
  ]);
});

for (const hasFolder of [true, false]) {
  test(`proxy asks for the root where a URL of it has no path, ${hasFolder ? "behind" : "without"} a server`, async () => {
    await using proxy = await startProxy(({ write }) => write(ok("x")), { hasFolder });
    const { status } = await proxy.ask({ target: `http://${proxy.host}`, headers: [`Host: ${proxy.host}`] });
    assertEquals([status, proxy.router.heads], [200, ["GET / HTTP/1.1\r\nHost: 10.1.1.1\r\n\r\n"]]);
  });
}

test("proxy passes fields as they came, in their order, also those that come twice", async () => {
  const fields = "X: b\r\nVary: Accept\r\nA: 1\r\nCache-Control: max-age=5\r\nX: a\tc\r\nEmpty:\r\n";
  await using proxy = await startProxy(({ write }) => write(ok("x", fields)));
  const { headers } = await proxy.ask({ target: "/", headers: [`Host: ${proxy.host}`, "Accept-Encoding: gzip"] });
  const names = ["x", "vary", "a", "cache-control", "empty"];
  assertEquals(headers.filter(([name]) => names.includes(name)), [
    ...[["x", "b"], ["vary", "Accept"], ["a", "1"], ["cache-control", "max-age=5"], ["x", "a\tc"], ["empty", ""]],
  ] as [string, string][]);
});

test("proxy passes bytes as they are, coded or not", async () => {
  const bytes = latin1(Uint8Array.from({ length: 256 }, (_, i) => i));
  await using proxy = await startProxy(({ write }) =>
    write(ok(bytes, "Content-Encoding: gzip\r\nContent-Type: text/plain\r\n"))
  );
  for (const accept of ["Accept-Encoding: gzip", "Accept: */*"]) {
    const response = await proxy.ask({ target: "/", headers: [`Host: ${proxy.host}`, accept] });
    assertEquals([latin1(response.body), header(response, "content-encoding")], [bytes, "gzip"]);
  }
  assertEquals(proxy.router.heads[1]!.includes("encoding"), false);
});

test("proxy does not compress what the router did not", async () => {
  const text = "compresses well ".repeat(1_000);
  await using proxy = await startProxy(({ write }) => write(ok(text, "Content-Type: text/plain\r\n")));
  const response = await proxy.ask({ target: "/", headers: [`Host: ${proxy.host}`, "Accept-Encoding: gzip, br"] });
  assertEquals([latin1(response.body) === text, header(response, "content-encoding")], [true, undefined]);
  assertEquals(header(response, "content-length"), String(text.length));
});

test("proxy says of a HEAD what the router says, also when that is no length", async () => {
  const heads = [
    "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 205 Reset Content\r\n\r\n",
  ];
  await using proxy = await startProxy(({ path, write }) => write(heads[Number(path.slice(1))]!));
  const answers = await Promise.all(heads.map((_, at) => proxy.ask({ method: "HEAD", target: `/${at}` })));
  assertEquals(answers.map((answer) => [answer.status, header(answer, "content-length")]), [
    [200, "1234"],
    [200, undefined],
    [204, undefined],
    [205, undefined],
  ]);
});

test("proxy points a Location that names the router at itself, by the name the client used", async () => {
  const redirect = "HTTP/1.1 301 Moved\r\nLocation: http://10.1.1.1/new?a\r\nContent-Length: 0\r\n\r\n";
  await using proxy = await startProxy(({ write }) => write(redirect));
  assertEquals(
    header(await proxy.ask({ target: "/", headers: ["Host: localhost:81"] }), "location"),
    "http://localhost:81/new?a",
  );
  assertEquals(header(await proxy.ask({ target: "/", version: "1.0", headers: [] }), "location"), "/new?a");
});

test("proxy serves clients of HTTP/1.0, requests in a row and requests sent without waiting", async () => {
  await using proxy = await startProxy(({ path, write }) => write(ok(path)));
  const old = await proxy.ask({ target: "/old", version: "1.0", headers: [] });
  assertEquals([latin1(old.body), header(old, "transfer-encoding")], ["/old", undefined]);
  using exchange = await proxy.open();
  const targets = ["/a", "/b", "/c", "/d"];
  await exchange.send(targets.map((target) => format({ target }, proxy.host)).join(""));
  for (const target of targets) assertEquals(latin1((await exchange.receive()).body), target);
});

test("proxy refuses without a body, and without asking the router", async () => {
  await using proxy = await startProxy(({ write }) => write(ok("x")));
  const refusals: readonly (readonly [request: Parameters<typeof proxy.ask>[0], status: number])[] = [
    [{ target: "/", method: "POST" }, 405],
    [{ target: "/latest/api/token", method: "PUT" }, 405],
    [{ target: "/", headers: ["Host: evil.example"] }, 421],
    [{ target: "http://evil.example/" }, 400],
    [{ target: "/", headers: [`Host: ${proxy.host}`, "X-Forwarded-For: 1.2.3.4"] }, 403],
    [{ target: `/${"a".repeat(1_000)}` }, 414],
    [{ target: "/", headers: [`Host: ${proxy.host}`, `X-A: ${"a".repeat(8_192)}`] }, 431],
  ];
  for (const [request, status] of refusals) {
    const response = await proxy.ask(request);
    assertEquals([response.status, response.body.length, header(response, "content-length")], [status, 0, "0"]);
    if (status === 405) assertEquals(header(response, "allow"), "GET, HEAD");
  }
  assertEquals(proxy.router.accepted, 0);
});

test("proxy serves only so many requests at once, and beyond them what is kept", async () => {
  await using proxy = await startProxy(
    async ({ path, write, closed }) => path === "/wait" ? await closed : await write(ok("x")),
    {
      config: { maxRequests: 2, cacheTtlMs: 60_000 },
    },
  );
  assertEquals((await proxy.ask("/latest/kept")).status, 200);
  using first = await proxy.open();
  using second = await proxy.open();
  for (const exchange of [first, second]) await exchange.send(format({ target: "/wait" }, proxy.host));
  while (proxy.router.heads.length < 3) await new Promise((next) => setTimeout(next, 1));
  const response = await proxy.ask("/x");
  assertEquals([response.status, response.body.length, header(response, "retry-after")], [503, 0, "1"]);
  assertMatch(proxy.metrics(), /^mdproxy4cs_requests_in_flight 2$/m);
  assertMatch(header(await proxy.ask("/latest/kept"), "age") ?? "", /^\d+$/);
});

test("proxy asks nobody any more when a request takes longer than it may", async () => {
  await using proxy = await startProxy(({ closed }) => closed, { config: { transferTimeoutMs: 200 } });
  using exchange = await proxy.open();
  await exchange.send(format({ target: "/" }, proxy.host));
  await proxy.router.untilOpen(1);
  await proxy.router.untilOpen(0);
  await proxy.untilLogged(/an answer was cut reason="The transfer took longer than 200 ms" path=\//);
  await proxy.untilLogged(/request .*status=499/);
  assertEquals((await exchange.rest()).length, 0);
});

test("proxy answers a client that has closed its side of the connection", async () => {
  await using proxy = await startProxy(async ({ path, write }) => {
    if (path === "/slow") await proxy.untilLogged(/request .*path=\/quick/);
    await write(ok("answer"));
  });
  using exchange = await proxy.open();
  await exchange.send(format({ target: "/slow" }, proxy.host));
  await exchange.connection.closeWrite();
  await proxy.ask("/quick");
  assertEquals(latin1((await exchange.receive()).body), "answer");
  assertEquals((await exchange.rest()).length, 0);
});

test("proxy asks nobody any more when the client goes away within its answer", async () => {
  await using proxy = await startProxy(async ({ write, closed }) => {
    await write(`HTTP/1.1 200 OK\r\nContent-Length: ${LARGE.length + 1}\r\n\r\n`);
    await write(LARGE);
    await closed;
  });
  const exchange = await proxy.open();
  await exchange.send(format({ target: "/" }, proxy.host));
  await exchange.connection.read(new Uint8Array(1_000));
  exchange[Symbol.dispose]();
  await proxy.router.untilOpen(0);
});

test("proxy cuts clients that read nothing, and says so once in a while", async () => {
  await using proxy = await startProxy(async ({ write }) => {
    await write(`HTTP/1.1 200 OK\r\nContent-Length: ${LARGE.length}\r\n\r\n`);
    await write(LARGE);
  }, { config: { idleTimeoutMs: 100 } });
  const exchanges = [await proxy.open(), await proxy.open()];
  for (const exchange of exchanges) await exchange.send(format({ target: "/" }, proxy.host));
  await proxy.untilLogged(/an answer was cut .*took nothing/);
  await proxy.router.untilOpen(0);
  for (const exchange of exchanges) {
    await assertRejects(() => exchange.receive(), Error, "ended");
    exchange[Symbol.dispose]();
  }
  // Whoever may ask could fill the log otherwise.
  assertEquals(proxy.lines.filter((line) => / warn .*an answer was cut/.test(line)).length, 1);
  assertMatch(proxy.metrics(), /^mdproxy4cs_requests_in_flight 0$/m);
});

test("proxy says to clients that wait that it stops", async () => {
  const proxy = await startProxy(({ closed }) => closed);
  using exchange = await proxy.open();
  await exchange.send(format({ target: "/" }, proxy.host));
  await proxy.router.untilOpen(1);
  const answer = exchange.receive();
  await proxy[Symbol.asyncDispose]();
  const { status, body } = await answer;
  assertEquals([status, body.length], [503, 0]);
});

test("proxy passes a large body on, whole and in order", async () => {
  const body = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i ^ (i >>> 9)) & 255);
  await using proxy = await startProxy(async ({ write }) => {
    await write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
    await write(body);
  });
  const response = await proxy.ask("/");
  assertEquals(header(response, "content-length"), String(body.length));
  assertEquals(response.body.length, body.length);
  assertEquals(response.body.every((byte, i) => byte === body[i]), true);
});

test("proxy asks for a token where one is required, and gives them away for a PUT", async () => {
  await using proxy = await startProxy(({ write }) => write(ok("i-1")), { config: { requireToken: "yes" } });
  const get = async (...headers: string[]) => {
    const response = await proxy.ask({ target: "/latest/vm-id", headers: [`Host: ${proxy.host}`, ...headers] });
    return [response.status, latin1(response.body)];
  };
  const put = (target: string, ...headers: string[]) =>
    proxy.ask({ method: "PUT", target, headers: [`Host: ${proxy.host}`, "Content-Length: 0", ...headers] });
  const ttl = "X-aws-ec2-metadata-token-ttl-seconds: 60";

  assertEquals(await get(), [401, ""]);
  assertEquals(await get("X-aws-ec2-metadata-token: forged"), [401, ""]);
  assertEquals((await put("/latest/api/token")).status, 400);
  assertEquals((await put("/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds: 0")).status, 400);
  assertEquals((await put("/latest/vm-id", ttl)).status, 405);
  assertEquals((await put("/latest/api/token", ttl, "X-Forwarded-For: 1.2.3.4")).status, 403);
  const issued = await put("/latest/api/token", ttl);
  assertEquals([issued.status, header(issued, "x-aws-ec2-metadata-token-ttl-seconds")], [200, "60"]);
  assertEquals(await get(`X-aws-ec2-metadata-token: ${latin1(issued.body)}`), [200, "i-1"]);
  assertEquals(proxy.router.heads, ["GET /latest/vm-id HTTP/1.1\r\nHost: 10.1.1.1\r\n\r\n"]);
  const said = proxy.lines.flatMap((line) =>
    / info .*refused a request reason="([^"]*)" status=(\d+)/.exec(line)?.slice(1) ?? []
  );
  assertEquals(said, [
    ...["it has no token that is good, see --require-token", "401"],
    ...["it asks for a token without a lifetime", "400"],
    ...["it asks for a token where there are none, or elsewhere", "405"],
    ...["it says that it came through a proxy (Via, X-Forwarded-For and the like)", "403"],
  ]);
});

test("proxy serves whoever shows no token where tokens are optional, and refuses a bad one", async () => {
  await using proxy = await startProxy(({ write }) => write(ok("i-1")), { config: { requireToken: "optional" } });
  const get = async (...headers: string[]) => {
    const response = await proxy.ask({ target: "/latest/vm-id", headers: [`Host: ${proxy.host}`, ...headers] });
    return [response.status, latin1(response.body)];
  };
  const issued = await proxy.ask({
    method: "PUT",
    target: "/latest/api/token",
    headers: [`Host: ${proxy.host}`, "X-aws-ec2-metadata-token-ttl-seconds: 60"],
  });
  assertEquals(issued.status, 200);
  assertEquals(await get(), [200, "i-1"]);
  assertEquals(await get(`X-aws-ec2-metadata-token: ${latin1(issued.body)}`), [200, "i-1"]);
  for (const bad of ["forged", "", `${latin1(issued.body)}x`]) {
    assertEquals(await get(`X-aws-ec2-metadata-token: ${bad}`), [401, ""]);
  }
});

test("proxy gives no token away, and looks at none, where tokens are off", async () => {
  await using proxy = await startProxy(({ write }) => write(ok("i-1")), { config: { requireToken: "no" } });
  const headers = [`Host: ${proxy.host}`, "X-aws-ec2-metadata-token-ttl-seconds: 60"];
  assertEquals((await proxy.ask({ method: "PUT", target: "/latest/api/token", headers })).status, 405);
  const forged = [`Host: ${proxy.host}`, "X-aws-ec2-metadata-token: forged"];
  assertEquals((await proxy.ask({ target: "/latest/vm-id", headers: forged })).status, 200);
});

const PASSWORD_REQUESTS: readonly [what: string, isOn: boolean, method: string, asks: string, status: number][] = [
  ["passes a fetch", true, "GET", "send_my_password", 200],
  ["passes an acknowledgement", true, "GET", "saved_password", 200],
  ["refuses a HEAD", true, "HEAD", "send_my_password", 405],
  ["refuses a PUT, for a token too", true, "PUT", "send_my_password", 405],
  ["refuses what is neither", true, "GET", "give_me_all", 400],
  ["refuses all where the password service is off:", false, "GET", "send_my_password", 404],
];

for (const [what, isOn, method, asks, status] of PASSWORD_REQUESTS) {
  test(`proxy ${what} that bears DomU_Request`, async () => {
    const says = ({ write }: { write: (text: string) => Promise<void> }) =>
      write("HTTP/1.0 200 OK\r\nServer: BaseHTTP\r\nContent-Type: text/plain\r\n\r\ns3cret").then(() =>
        "close" as const
      );
    const config = { passwordService: isOn, requireToken: "optional", cacheTtlMs: 60_000 } as const;
    await using proxy = await startProxy(says, { config });
    const headers = [`Host: ${proxy.host}`, `DomU_Request: ${asks}`, "X-aws-ec2-metadata-token-ttl-seconds: 60"];
    for (let i = 0; i < 2; i++) {
      const response = await proxy.ask({ method, target: method === "PUT" ? "/latest/api/token" : "/", headers });
      assertEquals([response.status, latin1(response.body)], [status, status === 200 ? "s3cret" : ""]);
      if (status === 200) assertEquals(header(response, "content-length"), "6");
    }
    const once = `GET / HTTP/1.1\r\nHost: 10.1.1.1:8080\r\nDomU_Request: ${asks}\r\n\r\n`;
    assertEquals(proxy.router.heads, status === 200 ? [once, once] : []);
    assertEquals(proxy.lines.filter((line) => /s3cret|password/i.test(line)), []);
  });
}

test("proxy writes no secret anywhere: not a body, not a query, not a header", async () => {
  const canary = "c4n4ry";
  await using proxy = await startProxy(({ path, write }) => {
    if (path.startsWith("/cut")) {
      return write(`HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n${canary}`).then(() => "close");
    }
    if (path.startsWith("/bad")) return write(`${canary}\r\n\r\n`);
    if (path.startsWith("/500")) {
      return write(`HTTP/1.1 500 ${canary}\r\nX: ${canary}\r\nContent-Length: 6\r\n\r\n${canary}`);
    }
    return write(ok(canary, `X: ${canary}\r\n`));
  }, { config: { requestTimeoutMs: 500 } });
  const headers = [`Host: ${proxy.host}`, `Authorization: ${canary}`, `Cookie: ${canary}`, `X-A: ${canary}`];
  for (const path of ["/latest/user-data", "/cut", "/bad", "/500"]) {
    await proxy.ask({ target: `${path}?${canary}`, headers });
  }
  for (
    const request of [{ method: "POST" }, { headers: [`Host: ${canary}`] }, {
      headers: [...headers, `Forwarded: ${canary}`],
    }]
  ) {
    await proxy.ask({ target: `/?${canary}`, ...request });
  }
  assertEquals([...proxy.lines, proxy.metrics()].filter((text) => text.includes(canary)), []);
  assertMatch(proxy.lines.join(""), /debug request method=GET path=\/latest\/user-data /);
  // Of a method that the gate does not know nothing is said either.
  assertMatch(proxy.lines.join(""), /debug request status=405 /);
});

test("proxy logs one line for each event, whatever the path is", async () => {
  await using proxy = await startProxy(({ write }) => write(ok("x")));
  for (const target of ["/%0a%1b[31mforged", `/${"a".repeat(900)}`, "/\\u001b", "/="]) await proxy.ask(target);
  for (const line of proxy.lines) assertMatch(line, /^[\d:.TZ-]+ debug request [\x20-\x7e…]{1,700}\n$/);
});

test("proxy counts what it does", async () => {
  await using proxy = await startProxy(({ path, write }) => path === "/bad" ? write("no\r\n\r\n") : write(ok("x")), {
    config: { cacheTtlMs: 60_000 },
  });
  for (const target of ["/latest/a", "/latest/a", "/b", "/bad"]) await proxy.ask(target);
  const text = proxy.metrics();
  for (
    const line of [
      'mdproxy4cs_requests_total{class="2xx"} 3',
      'mdproxy4cs_requests_total{class="5xx"} 1',
      'mdproxy4cs_cache_total{outcome="miss"} 1',
      'mdproxy4cs_cache_total{outcome="hit"} 1',
      'mdproxy4cs_cache_total{outcome="bypass"} 1',
      'mdproxy4cs_upstream_errors_total{kind="malformed"} 1',
      "mdproxy4cs_request_duration_seconds_count 4",
      "mdproxy4cs_upstream_duration_seconds_count 2",
      "mdproxy4cs_requests_in_flight 0",
    ]
  ) assertEquals(text.split("\n").includes(line), true, `${line} is not in\n${text}`);
});

test("proxy says at info why it refuses, and once that a router answers with an error", async () => {
  await using proxy = await startProxy(({ path, write }) => {
    const status = Number.parseInt(path.slice("/latest/".length));
    return write(ok("x").replace("200 OK", `${status} Something`));
  });
  const refused = [`Host: ${proxy.host}`, "Via: 1.1 squid"];
  for (let i = 0; i < 2; i++) assertEquals((await proxy.ask({ target: "/latest/200", headers: refused })).status, 403);
  for (const status of [500, 500, 403, 404, 200, 501]) {
    assertEquals((await proxy.ask(`/latest/${status}?secret`)).status, status);
  }
  using exchange = await proxy.open();
  await exchange.send("GET /latest/200 HTTP/1.1\r\n\r\n");
  assertEquals((await exchange.receive()).status, 400);
  const said = proxy.lines.filter((line) =>
    / info /.test(line) && /refused a request|answered with an error/.test(line)
  );
  assertEquals(said.map((line) => line.slice(line.indexOf(" info ")).trim()), [
    'info  refused a request reason="it says that it came through a proxy (Via, X-Forwarded-For and the like)" status=403',
    'info  the router answered with an error reason="status 500" router=10.1.1.1 path=/latest/500',
    'info  the router answered with an error reason="status 403" router=10.1.1.1 path=/latest/403',
    'info  the router answered with an error reason="status 501" router=10.1.1.1 path=/latest/501',
    'info  refused a request reason="HTTP/1.1 without Host" status=400 client=127.0.0.1',
  ]);
});

test("proxy says which request failed, with which status, and why", async () => {
  await using proxy = await startProxy(({ write }) => write("SSH-2.0-x\r\n"));
  assertEquals((await proxy.ask("/latest/vm-id?secret")).status, 502);
  const failed = proxy.lines.filter((line) => line.includes("request failed"));
  assertEquals(failed.length, 1);
  assertMatch(
    failed[0]!,
    / warn {2}request failed reason=malformed method=GET path=\/latest\/vm-id status=502 error="10\.1\.1\.1 failed.*status line of HTTP/,
  );
});

test("proxy takes 100 header fields of a client and of a router, and no more, however short they are", async () => {
  await using proxy = await startProxy(({ path, write }) => write(ok("x", "A: b\r\n".repeat(Number(path.slice(1))))));
  const fields = (count: number) => [`Host: ${proxy.host}`, ...Array<string>(count - 1).fill("A: b")];
  for (const [count, status] of [[100, 200], [101, 431]] as const) {
    assertEquals((await proxy.ask({ target: "/0", headers: fields(count) })).status, status, `${count} of a client`);
  }
  assertMatch(
    proxy.lines.join(),
    /refused a request reason="its header [^"]*, or has more than 100 fields" status=431/,
  );
  // Content-Length is one.
  for (const [count, status] of [[99, 200], [100, 502]] as const) {
    assertEquals((await proxy.ask(`/${count}`)).status, status, `${count} of a router`);
  }
});
