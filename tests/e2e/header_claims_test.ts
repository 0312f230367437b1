import { assertEquals } from "@std/assert";
import type { RawResponse } from "../support/net/http.ts";
import { networkTest } from "../support/net/network_test.ts";
import { createScene, LISTEN, NO_SERVERS, SERVERS } from "../support/scene.ts";
import type { Scene } from "../support/scene.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import { GUEST } from "../support/servers/router.ts";
import { startScriptedRouter } from "../support/servers/scripted_router.ts";

// What README says below its table of what is not passed: of header fields, and of what is kept.
//
//   guest eth0 10.1.1.50 ---- lan ---- 10.1.1.1 eth0 router (dnsmasq, nginx)

const VM_ID = "/latest/vm-id";
const ROUTER = { hostname: "10.1.1.1", port: 80 };

async function ask(scene: Scene, fields: readonly string[] = [], options: Options = {}): Promise<RawResponse> {
  const { method = "GET", target = VM_ID, to = LISTEN } = options;
  using exchange = await scene.open(to);
  const host = `Host: ${to === LISTEN ? LISTEN.host : to.hostname}`;
  await exchange.send(`${method} ${target} HTTP/1.1\r\n${[host, ...fields].join("\r\n")}\r\n\r\n`);
  return await exchange.receive(method);
}

interface Options {
  readonly method?: string;
  readonly target?: string;
  readonly to?: { readonly hostname: string; readonly port: number };
}

/** The fields of an answer, but for those of one connection and for the clock. */
function fieldsOf({ headers }: RawResponse): string[] {
  return headers.filter(([name]) => !["connection", "keep-alive", "date"].includes(name))
    .map(([name, value]) => `${name}: ${value}`).sort();
}

networkTest("no header is added but Age, to an answer that was kept", SERVERS, async () => {
  await using scene = await createScene({ args: ["--cache-ttl", "1m"] });
  const direct = fieldsOf(await ask(scene, [], { to: ROUTER }));
  assertEquals(fieldsOf(await ask(scene)), direct);
  const kept = fieldsOf(await ask(scene));
  assertEquals(kept.filter((field) => !/^age: \d+$/.test(field)), direct);
  assertEquals(kept.length, direct.length + 1);
});

networkTest("fields of the same name of an answer arrive as the router sent them", SERVERS, async () => {
  const extra = `
    add_header X-Two "a"; add_header X-Two "b, c";
    add_header Set-Cookie "a=1; Path=/"; add_header Set-Cookie "b=2";`;
  await using scene = await createScene({ router: { extra }, args: ["--cache-ttl", "1m"] });
  for (const what of ["of the router", "kept"]) {
    const { headers } = await ask(scene);
    assertEquals(headers.filter(([name]) => name === "x-two"), [["x-two", "a"], ["x-two", "b, c"]], what);
    assertEquals(headers.filter(([name]) => name === "set-cookie"), [
      ["set-cookie", "a=1; Path=/"],
      ["set-cookie", "b=2"],
    ], what);
  }
});

networkTest(
  "a field that a client sends twice arrives at the router as one, joined by commas, and a Cookie by semicolons",
  NO_SERVERS,
  async () => {
    await using scene = await createScene({ router: "none", args: "none" });
    const host = await scene.addHost("router", "10.1.1.1");
    const guests = [{ ...GUEST, metadata: sampleMetadata(GUEST.address) }];
    const router = await startScriptedRouter(host, { address: "10.1.1.1", guests, records: true });
    await scene.startProgram();
    const target = `${VM_ID}?twice=%20&&`;
    const fields = ["X-Twice: a", "Cookie: a=1", "X-Once: c", "X-Twice: b", "Cookie: b=2"];
    assertEquals((await ask(scene, fields, { target })).status, 200);
    const { head } = JSON.parse(await router.waitForLine(/twice=/));
    assertEquals(head.toLowerCase().trimEnd().split("\r\n"), [
      `get ${target} http/1.1`,
      "host: 10.1.1.1",
      "x-twice: a, b",
      "cookie: a=1; b=2",
      "x-once: c",
    ]);
  },
);

/** How often the router hears of two equal requests: once where the answer is kept. */
const KEPT: readonly (readonly [what: string, times: number, fields: readonly string[], options?: Options])[] = [
  ["a plain GET", 1, []],
  ["the usual headers of a client", 1, ["User-Agent: curl/8", "Accept: */*", "Accept-Encoding: gzip"]],
  ["a HEAD", 2, [], { method: "HEAD" }],
  ["another path than below /latest/", 2, [], { target: "/elsewhere" }],
  ["an error", 2, [], { target: "/latest/no-such-key" }],
  ["an answer that forbids it", 2, [], { target: "/latest/forbids" }],
  ["an answer that does not fit", 2, [], { target: "/latest/large" }],
  ["Authorization", 2, ["Authorization: Basic eA=="]],
  ["Cookie", 2, ["Cookie: a=1"]],
  ["Range", 2, ["Range: bytes=0-1"]],
  ["If-None-Match", 2, ['If-None-Match: "x"']],
  ["If-Modified-Since", 2, ["If-Modified-Since: Thu, 01 Jan 2015 00:00:00 GMT"]],
  ["a header that is not among the usual ones", 2, ["X-Anything: 1"]],
];

networkTest("kept is what README says is kept, and nothing else", SERVERS, async (context) => {
  await using scene = await createScene({
    router: {
      metadata: { [GUEST.address]: { ...sampleMetadata(GUEST.address), large: "x".repeat(9_000) } },
      extra: `
        location = /elsewhere { return 200 "elsewhere"; }
        location = /latest/forbids { add_header Cache-Control no-store; return 200 "forbids"; }`,
    },
    args: ["--cache-ttl", "1m", "--cache-size", "8k"],
  });
  const { lines } = scene.router.web;
  for (const [row, [what, times, fields, options = {}]] of KEPT.entries()) {
    await context.step(`${what}: ${times === 1 ? "kept" : "not kept"}`, async () => {
      const target = `${options.target ?? VM_ID}?row=${row}`;
      const [first, second] = [
        await ask(scene, fields, { ...options, target }),
        await ask(scene, fields, { ...options, target }),
      ];
      assertEquals([second.status, second.body], [first.status, first.body]);
      // The router logs a request when it is over, which a client may know before: what is logged behind it comes last.
      await ask(scene, ["X-Anything: 1"], { target: `${VM_ID}?behind=${row}` });
      await scene.router.web.waitForLine(new RegExp(`behind=${row} HTTP`));
      assertEquals(
        lines.filter((line) => line.includes(`${target} HTTP/1.1" `) && !line.includes("[error]")).length,
        times,
        lines.join("\n"),
      );
    });
  }
});
