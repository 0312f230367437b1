import { assertEquals } from "@std/assert";
import { latin1 } from "../support/latin1.ts";
import { ok } from "../support/servers/scripted_server.ts";
import { readAll } from "../support/fakes/upstream_fakes.ts";
import { test } from "../support/test.ts";
import { ADDRESS, ask, assertFails, get, NEVER, send, withClient } from "./client_case.ts";

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

const ANSWERS: readonly {
  readonly what: string;
  readonly answer: string;
  readonly text: string;
  readonly kept: boolean;
  readonly closes?: true;
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
    closes: true,
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

for (const { what, answer, text, kept, closes } of ANSWERS) {
  for (const pieces of ["at once", "byte by byte"] as const) {
    test(`createClient reads ${what}, ${pieces}`, async () => {
      await withClient(
        async ({ write }) => {
          for (const piece of pieces === "at once" ? [answer] : answer) await write(piece);
          return closes && "close";
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
      const begun = await send(client, get("/big"));
      assertEquals([begun.reused, latin1((await begun.body.read())!)], [false, "x"]);
      begun.body.cancel();
      assertEquals((await ask(client, "/small")).reused, false);
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

test("createClient takes a head of just as many bytes as it may have, also behind what holds much", async () => {
  const head = (bytes: number) => ok("x", `X: ${"y".repeat(bytes - ok("", "X: \r\n").length)}\r\n`);
  for (const maxHeaderBytes of [4_096, 60_000]) {
    await withClient(
      ({ path, write }) => write(head(maxHeaderBytes + Number(path.slice(1)))),
      async (client) => {
        assertEquals((await ask(client, "/0")).text, "x");
        await assertFails("too_large", () => ask(client, "/1"));
      },
      { maxHeaderBytes },
    );
  }
});
