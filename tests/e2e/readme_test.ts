import { assert, assertEquals } from "@std/assert";
import { latin1 } from "../support/latin1.ts";
import { addContainers } from "../support/net/containers.ts";
import type { RawResponse } from "../support/net/http.ts";
import type { Host } from "../support/net/network.ts";
import { PATIENCE_MS } from "../support/net/process.ts";
import type { Process } from "../support/net/process.ts";
import { networkTest } from "../support/net/network_test.ts";
import { get } from "../support/net/program.ts";
import { readmeTable } from "../support/readme.ts";
import { createScene, LISTEN, SERVERS } from "../support/scene.ts";
import type { Scene, SceneOptions } from "../support/scene.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import { GUEST } from "../support/servers/router.ts";
import { startScriptedRouter } from "../support/servers/scripted_router.ts";

// What README's tables promise, row by row, through the compiled program: a row without a proof fails, and so does a proof without
// a row.
//
//   guest eth0 10.1.1.50 ---- lan ---- 10.1.1.1 eth0 router (dnsmasq, nginx; or the scripted one)

/** Nothing kept, and deadlines short enough for a test. */
const ARGS = [
  ...["--cache-ttl", "0", "--stale-if-error", "0", "--request-timeout", "3s", "--response-timeout", "1s"],
  ...["--connect-timeout", "500ms", "--max-requests", "2", "--require-token=no"],
];
const VM_ID = "/latest/vm-id";
const OWN = `Host: ${LISTEN.host}`;

interface Proof {
  readonly scene?: SceneOptions;
  readonly show: (scene: Scene) => Promise<unknown>;
}

/** Writes a request as it is, with the program's own Host unless another is given. */
async function ask(scene: Scene, requestLine: string, ...fields: readonly string[]): Promise<RawResponse> {
  using exchange = await scene.open();
  const own = fields.some((field) => /^host:/i.test(field)) ? [] : [OWN];
  await exchange.send(`${requestLine} HTTP/1.1\r\n${[...own, ...fields].join("\r\n")}\r\n\r\n`);
  return await exchange.receive(requestLine.split(" ")[0]);
}

/** Asserts that requests get this status and no body. */
async function refused(scene: Scene, status: number, ...requests: readonly (readonly [string, ...string[]])[]) {
  for (const [line, ...fields] of requests) {
    const answer = await ask(scene, line, ...fields);
    assertEquals([line, ...fields, answer.status, answer.body.length], [line, ...fields, status, 0]);
  }
}

async function noConnection(scene: Scene, url = VM_ID) {
  const { status, error } = await scene.get(url);
  assertEquals([status, /^curl: \(7\)/.test(error)], [0, true], error);
}

/** Has a request pass and returns what the router's web server was sent. */
async function passed(scene: Scene, ...fields: readonly string[]): Promise<string> {
  const host = await scene.addHost("recorder", "10.1.1.1");
  const router = await startScriptedRouter(host, {
    address: "10.1.1.1",
    guests: [{ ...GUEST, metadata: sampleMetadata(GUEST.address) }],
    records: true,
  });
  await scene.startProgram(ARGS);
  assertEquals((await ask(scene, `GET ${VM_ID}?of=the-test`, ...fields)).status, 200);
  const line = await router.waitForLine(/of=the-test/);
  return JSON.parse(line).head.toLowerCase();
}

/** Shows something before a router that can be made to fail. */
const scripted = (show: (scene: Scene, router: Process) => Promise<unknown>, args = ARGS): Proof => ({
  scene: { router: "none", args: "none" },
  async show(scene) {
    const host = await scene.addHost("router", "10.1.1.1");
    const guests = [{ ...GUEST, metadata: sampleMetadata(GUEST.address) }];
    const router = await startScriptedRouter(host, { address: "10.1.1.1", guests });
    await scene.startProgram(args);
    assertEquals((await scene.get(VM_ID)).status, 200);
    await show(scene, router);
  },
});

const fails = (path: string, status: number): Proof =>
  scripted(async (scene) => {
    const { status: got, body } = await scene.get(path);
    assertEquals([got, body], [status, ""], scene.program.lines.slice(-5).join("\n"));
  });

const slowly: SceneOptions = {
  router: {
    metadata: { [GUEST.address]: { ...sampleMetadata(GUEST.address), large: new Uint8Array(20_000_000) } },
    extra: "limit_rate 100k;",
  },
};

/** By the first cell of the row: one proof for each thing that the row says. */
const STATUSES: Readonly<Record<string, readonly Proof[]>> = {
  "no connection": [
    { show: (scene) => scene.program.stop().then(() => noConnection(scene)) },
    {
      async show(scene) {
        scene.program.kill("SIGSTOP"); // it would add the address again
        await scene.guest.ip("address delete 169.254.169.254/32 dev lo");
        await noConnection(scene);
      },
    },
    { show: (scene) => noConnection(scene, `http://169.254.169.254${VM_ID}`) },
  ],
  "502": [
    {
      async show(scene) {
        assertEquals((await scene.get(VM_ID)).status, 200);
        await scene.router.web.stop();
        const { status, body } = await scene.get(VM_ID);
        assertEquals([status, body], [502, ""], scene.program.lines.slice(-5).join("\n"));
      },
    },
    fails("/latest/garbage", 502),
  ],
  "503": [
    { scene: { router: "none" }, show: async (scene) => assertEquals((await scene.get(VM_ID)).status, 503) },
    {
      scene: slowly,
      async show(scene) {
        using first = await scene.open();
        using second = await scene.open();
        for (const exchange of [first, second]) {
          await exchange.send(`GET /latest/large HTTP/1.1\r\n${OWN}\r\n\r\n`);
          await exchange.peek();
        }
        await refused(scene, 503, [`GET ${VM_ID}`]);
        await scene.program.waitForLine(/refused a request reason="--max-requests are being served"/);
      },
    },
    scripted(async (scene, router) => {
      using first = await scene.open();
      using second = await scene.open();
      for (const exchange of [first, second]) {
        const from = router.lines.length;
        await exchange.send(`GET /latest/hang HTTP/1.1\r\n${OWN}\r\n\r\n`);
        await router.waitForLine(/latest\/hang" goes wrong/, { from });
      }
      await refused(scene, 503, [`GET ${VM_ID}`]);
      await scene.program.waitForLine(/refused a request reason="all of --max-connections are busy"/);
    }, ["--cache-ttl", "0", "--max-connections", "2"]),
  ],
  "504": [
    {
      async show(scene) {
        assertEquals((await scene.get(VM_ID)).status, 200);
        scene.router.web.kill("SIGSTOP");
        const { status, body } = await scene.get(VM_ID);
        assertEquals([status, body], [504, ""], scene.program.lines.slice(-5).join("\n"));
      },
    },
    fails("/latest/hang", 504),
  ],
  "421": [{ show: (scene) => refused(scene, 421, [`GET ${VM_ID}`, "Host: rebound.example"]) }],
  "401": [
    {
      scene: { args: [...ARGS.slice(0, -1), "--require-token=yes"] },
      show: (scene) => refused(scene, 401, [`GET ${VM_ID}`], [`GET ${VM_ID}`, "X-aws-ec2-metadata-token: none"]),
    },
    {
      scene: { args: [] },
      async show(scene) {
        const second = ["--request", "PUT", "--header", "X-aws-ec2-metadata-token-ttl-seconds: 1"];
        const token = `X-aws-ec2-metadata-token: ${(await scene.get("/latest/api/token", second)).body}`;
        const deadline = performance.now() + PATIENCE_MS;
        while ((await ask(scene, `GET ${VM_ID}`, token)).status === 200 && performance.now() < deadline);
        await refused(scene, 401, [`GET ${VM_ID}`, token], [`GET ${VM_ID}`, "X-aws-ec2-metadata-token: none"]);
      },
    },
  ],
  "403": [
    { show: (scene) => refused(scene, 403, [`GET ${VM_ID}`, "X-Forwarded-For: 10.9.9.9"]) },
    { show: (scene) => othersGet403(scene, neighbourOf) },
  ],
  "any other": [
    { show: async (scene) => assertEquals((await scene.get("/latest/no-such-key")).status, 404) },
    {
      async show(scene) {
        assertEquals((await scene.get(VM_ID)).status, 200);
        await Deno.remove(`${scene.network.folder}/router-web/metadata/${GUEST.address}`, { recursive: true });
        await refused(scene, 404, [`GET ${VM_ID}`]);
      },
    },
    {
      scene: { router: { extra: "location = /latest/forbidden { return 403; }" } },
      show: async (scene) => assertEquals((await scene.get("/latest/forbidden")).status, 403),
    },
  ],
};

const MISTAKES: Readonly<Record<string, (scene: Scene) => Promise<unknown>>> = {
  "400": (scene) => refused(scene, 400, [`GET ${VM_ID}`, "Not a field"]),
  "405": (scene) =>
    refused(scene, 405, [`POST ${VM_ID}`, "Content-Length: 0"], [`DELETE ${VM_ID}`], [`TRACE ${VM_ID}`]),
  "413": (scene) =>
    refused(scene, 413, [`GET ${VM_ID}`, "Content-Length: 4"], [`GET ${VM_ID}`, "Transfer-Encoding: chunked"]),
  "414": (scene) => refused(scene, 414, [`GET /${"a".repeat(9_000)}`]),
  "431": (scene) => refused(scene, 431, [`GET ${VM_ID}`, `X-Long: ${"b".repeat(20_000)}`]),
  "505": async (scene) => {
    using exchange = await scene.open();
    await exchange.send(`GET ${VM_ID} HTTP/2.0\r\n${OWN}\r\n\r\n`);
    const { status, body } = await exchange.receive();
    assertEquals([status, body.length], [505, 0]);
  },
};

async function neighbourOf(scene: Scene): Promise<Host> {
  const neighbour = await scene.addHost("neighbour", "10.1.1.60");
  await neighbour.ip(`route add 169.254.169.254 via ${GUEST.address}`);
  return neighbour;
}

async function containerOf({ network, guest }: Scene): Promise<Host> {
  return (await addContainers(network, guest, ["172.17.0.2"]))[0]!;
}

/** Asserts that somebody else is refused, and that the log says it once, with the address. */
async function othersGet403(scene: Scene, hostOf: (scene: Scene) => Promise<Host>): Promise<void> {
  const host = await hostOf(scene);
  for (let times = 0; times < 2; times++) {
    const { status, body } = await get(host, VM_ID);
    assertEquals([status, body], [403, ""]);
  }
  assertEquals((await scene.get(VM_ID)).status, 200);
  const refused = /the client is not this machine/;
  await scene.program.waitForLine(refused);
  const said = scene.program.lines.filter((line) => refused.test(line));
  assertEquals(said.length, 1, scene.program.lines.join("\n"));
}

/** Asserts that of an answer full of hop-by-hop fields a client gets what is for it, and a Date, which the router left out. */
const answersAreFreed = (path: string, body: string, framing: string): Proof =>
  scripted(async (scene) => {
    using exchange = await scene.open();
    await exchange.send(`GET ${path} HTTP/1.1\r\n${OWN}\r\nConnection: close\r\n\r\n`);
    const [head = "", ...rest] = latin1(await exchange.rest()).split("\r\n\r\n");
    const lines = head.toLowerCase().split("\r\n").map((line) => line.replace(/^date: .*/, "date"));
    assertEquals(lines.sort(), ["connection: close", "date", "http/1.1 200 ok", "x-passes: yes", framing].sort());
    const isSize = (line: string) => /^[\da-f]*$/i.test(line);
    const content = rest.join("\r\n").split("\r\n").filter((line) => !isSize(line)).join("");
    assertEquals([content.length, content === body], [body.length, true]);
  });

const recorded: SceneOptions = { router: "none", args: "none" };
const drops = (fields: readonly string[]): Proof => ({
  scene: recorded,
  async show(scene) {
    const head = await passed(scene, ...fields, "X-Passes: yes");
    assert(head.includes("x-passes: yes"), head);
    for (const field of fields) {
      if (!/^connection:/i.test(field)) assert(!head.includes(`${field.split(":")[0]!.toLowerCase()}:`), head);
    }
  },
});

/** By the first cell of the row. */
const NOT_PASSED: Readonly<Record<string, readonly Proof[]>> = {
  "the body of a 4xx or 5xx, and the headers that describe it": [{
    scene: { router: { extra: 'location = /latest/page { default_type text/html; return 500 "<h1>no</h1>"; }' } },
    async show(scene) {
      const { status, body, headers } = await ask(scene, "GET /latest/page");
      assertEquals([status, body.length, headers.find(([name]) => name === "content-type")], [500, 0, undefined]);
    },
  }],
  "other methods; TRACE, CONNECT": [
    { show: MISTAKES["405"]! },
    { show: (scene) => refused(scene, 405, [`CONNECT 10.1.1.1:80`]) },
  ],
  "a request with a body": [{ show: MISTAKES["413"]! }],
  "a `Host`, or a request line, that names another server": [
    {
      show: (scene) =>
        refused(
          scene,
          421,
          [`GET ${VM_ID}`, "Host: 10.1.1.1"],
          [`GET http://rebound.example${VM_ID}`, "Host: rebound.example"],
        ),
    },
    { show: (scene) => refused(scene, 400, [`GET http://rebound.example${VM_ID}`], [`GET http://10.1.1.1${VM_ID}`]) },
  ],
  "anything from another machine, or a container": [
    { show: (scene) => othersGet403(scene, neighbourOf) },
    { show: (scene) => othersGet403(scene, containerOf) },
  ],
  "`X-Forwarded-*`, `Forwarded`, `Via`, `X-Real-IP` and the like": [{
    show: (scene) =>
      refused(
        scene,
        403,
        [`GET ${VM_ID}`, "X-Forwarded-For: 10.9.9.9"],
        [`GET ${VM_ID}`, "X-Forwarded-Proto: https"],
        [`GET ${VM_ID}`, "Forwarded: for=10.9.9.9"],
        [`GET ${VM_ID}`, "Via: 1.1 squid"],
        [`GET ${VM_ID}`, "X-Real-IP: 10.9.9.9"],
      ),
  }],
  "`Origin`, or a `Sec-Fetch-Site` other than `same-origin` and `none`": [{
    show: (scene) =>
      refused(
        scene,
        403,
        [`GET ${VM_ID}`, "Origin: http://evil.example"],
        [`GET ${VM_ID}`, "Sec-Fetch-Site: cross-site"],
        [`GET ${VM_ID}`, "Sec-Fetch-Site: same-site"],
      ),
  }, {
    async show(scene) {
      for (const site of ["same-origin", "none"]) {
        assertEquals((await ask(scene, `GET ${VM_ID}`, `Sec-Fetch-Site: ${site}`)).status, 200);
      }
    },
  }],
  "`Proxy`, `Expect`, `X-aws-ec2-metadata-token*`": [
    drops(["Proxy: http://10.9.9.9", "Expect: nothing", "X-aws-ec2-metadata-token: old"]),
    drops(["X-aws-ec2-metadata-token-ttl-seconds: 60"]),
  ],
  "more than 100 header fields, from either side": [
    {
      async show(scene) {
        const fields = Array<string>(100).fill("A: b");
        await refused(scene, 431, [`GET ${VM_ID}`, ...fields]);
        assertEquals((await ask(scene, `GET ${VM_ID}`, ...fields.slice(1))).status, 200);
      },
    },
    fails("/latest/101-fields", 502),
    scripted(async (scene) => assertEquals((await scene.get("/latest/100-fields")).body, "fine")),
  ],
  "hop-by-hop headers, trailers, chunk extensions": [
    drops(["Connection: keep-alive, X-Hop", "X-Hop: 1", "TE: trailers", "Keep-Alive: timeout=5", "Upgrade: h2c"]),
    answersAreFreed("/latest/hop-by-hop", "fine", "content-length: 4"),
    answersAreFreed("/latest/hop-by-hop-large", "x".repeat(100_000), "transfer-encoding: chunked"),
  ],
  "a `Location` that names the router": [{
    scene: { router: { extra: `location = /latest/moved { return 302 http://10.1.1.1${VM_ID}; }` } },
    async show(scene) {
      const { status, headers } = await ask(scene, "GET /latest/moved");
      assertEquals([status, new Map(headers).get("location")], [302, `http://${LISTEN.host}${VM_ID}`]);
    },
  }],
  "an answer that the router cut short": [
    fails("/latest/cut-short", 502),
    scripted(async (scene) => {
      using exchange = await scene.open();
      await exchange.send(`GET /latest/cut-short-large HTTP/1.1\r\n${OWN}\r\n\r\n`);
      const got = await exchange.receive().then(({ status }) => status, ({ message }) => message.replace(/\d+/, "N"));
      assertEquals(got, "The body ended N bytes early", scene.program.lines.slice(-5).join("\n"));
    }),
  ],
};

for (
  const [heading, proofs] of [["When a VM has no metadata", STATUSES], [
    "What is passed, and what is not",
    NOT_PASSED,
  ]] as const
) {
  networkTest(`README: every row of "${heading}" is what the program does`, SERVERS, async (context) => {
    const rows = (await readmeTable(heading)).map(([cell]) => cell!);
    const lists = rows.filter((row) => /^\d{3}(, \d{3})+$/.test(row));
    assertEquals(
      rows.filter((row) => !lists.includes(row)).sort(),
      Object.keys(proofs).sort(),
      "the rows are others than those with proofs",
    );
    const all: [string, Proof][] = [
      ...Object.entries(proofs).flatMap(([row, each]) => each.map((proof): [string, Proof] => [row, proof])),
      ...lists.flatMap((row) =>
        row.split(", ").map((status): [string, Proof] => [status, { show: MISTAKES[status]! }])
      ),
    ];
    for (const [row, { scene: options, show }] of all) {
      await context.step(row, async () => {
        await using scene = await createScene({ args: ARGS, ...options });
        await show(scene);
      });
    }
  });
}
