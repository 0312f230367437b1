import { assert, assertEquals, assertRejects } from "@std/assert";
import { createExchange } from "../support/net/http.ts";
import type { RawResponse } from "../support/net/http.ts";
import { get } from "../support/net/program.ts";
import { startRelay } from "../support/net/relay.ts";
import { networkTest } from "../support/net/network_test.ts";
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

const fails = (path: string, status: number): Proof => ({
  scene: { router: "none", args: "none" },
  async show(scene) {
    const host = await scene.addHost("router", "10.1.1.1");
    const guests = [{ ...GUEST, metadata: sampleMetadata(GUEST.address) }];
    await startScriptedRouter(host, { address: "10.1.1.1", guests });
    await scene.startProgram(ARGS);
    assertEquals((await scene.get(VM_ID)).status, 200);
    const { status: got, body } = await scene.get(path);
    assertEquals([got, body], [status, ""], scene.program.lines.slice(-5).join("\n"));
  },
});

const slowly: SceneOptions = {
  router: {
    metadata: { [GUEST.address]: { ...sampleMetadata(GUEST.address), large: new Uint8Array(20_000_000) } },
    extra: "limit_rate 100k;",
  },
};

/** By the first cell of the row: one proof for each thing that the row says. */
const STATUSES: Readonly<Record<string, readonly Proof[]>> = {
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
      },
    },
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
  "401": [{
    scene: { args: [...ARGS.slice(0, -1), "--require-token=yes"] },
    show: (scene) => refused(scene, 401, [`GET ${VM_ID}`], [`GET ${VM_ID}`, "X-aws-ec2-metadata-token: old"]),
  }],
  "403": [
    { show: (scene) => refused(scene, 403, [`GET ${VM_ID}`, "X-Forwarded-For: 10.9.9.9"]) },
    { show: neighbourGets403 },
  ],
  "any other": [
    { show: async (scene) => assertEquals((await scene.get("/latest/no-such-key")).status, 404) },
    {
      // A router that does not know the VM by its address has no instance-id for it, and is none.
      scene: { router: { extra: "location = /latest/forbidden { return 403; }" } },
      show: async (scene) => assertEquals((await scene.get("/latest/forbidden")).status, 403),
    },
  ],
};

const MISTAKES: Readonly<Record<string, (scene: Scene) => Promise<unknown>>> = {
  "400": (scene) => refused(scene, 400, [`GET ${VM_ID}`, "Not a field"]),
  "405": (scene) =>
    refused(scene, 405, [`POST ${VM_ID}`, "Content-Length: 0"], [`DELETE ${VM_ID}`], [`TRACE ${VM_ID}`]),
  "413": (scene) => refused(scene, 413, [`GET ${VM_ID}`, "Content-Length: 4"]),
  "414": (scene) => refused(scene, 414, [`GET /${"a".repeat(9_000)}`]),
  "431": (scene) => refused(scene, 431, [`GET ${VM_ID}`, `X-Long: ${"b".repeat(20_000)}`]),
  "505": async (scene) => {
    using exchange = await scene.open();
    await exchange.send(`GET ${VM_ID} HTTP/2.0\r\n${OWN}\r\n\r\n`);
    const { status, body } = await exchange.receive();
    assertEquals([status, body.length], [505, 0]);
  },
};

async function neighbourGets403(scene: Scene): Promise<void> {
  const neighbour = await scene.addHost("neighbour", "10.1.1.60");
  await neighbour.ip(`route add 169.254.169.254 via ${GUEST.address}`);
  assertEquals((await get(neighbour, VM_ID)).status, 403);
}

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
  "a `Host`, or a request line, that names another server": [{
    show: (scene) =>
      refused(
        scene,
        421,
        [`GET ${VM_ID}`, "Host: 10.1.1.1"],
        [`GET http://rebound.example${VM_ID}`, "Host: rebound.example"],
      ),
  }],
  "anything from another machine, or a container": [{ show: neighbourGets403 }],
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
  "more than 100 header fields, from either side": [{
    async show(scene) {
      const fields = Array<string>(100).fill("A: b");
      await refused(scene, 431, [`GET ${VM_ID}`, ...fields]);
      assertEquals((await ask(scene, `GET ${VM_ID}`, ...fields.slice(1))).status, 200);
    },
  }, fails("/latest/many-fields", 502)],
  "hop-by-hop headers, trailers, chunk extensions": [
    drops(["Connection: keep-alive, X-Hop", "X-Hop: 1", "TE: trailers", "Keep-Alive: timeout=5", "Upgrade: h2c"]),
  ],
  "a `Location` that names the router": [{
    scene: { router: { extra: `location = /latest/moved { return 302 http://10.1.1.1${VM_ID}; }` } },
    async show(scene) {
      const { status, headers } = await ask(scene, "GET /latest/moved");
      assertEquals([status, new Map(headers).get("location")], [302, `http://${LISTEN.host}${VM_ID}`]);
    },
  }],
  "an answer that the router cut short": [{
    scene: recorded,
    async show(scene) {
      const host = await scene.addHost("router", "10.1.1.1");
      const guests = [{ ...GUEST, metadata: sampleMetadata(GUEST.address) }];
      await startScriptedRouter(host, { address: "10.1.1.1", guests });
      await scene.startProgram(ARGS);
      const dial = await startRelay(scene.network, scene.guest);
      using connection = await dial(LISTEN.hostname, LISTEN.port);
      const exchange = createExchange(connection);
      await exchange.send(`GET /latest/stalled HTTP/1.1\r\n${OWN}\r\n\r\n`);
      await assertRejects(() => exchange.receive(), Error, "ended");
    },
  }],
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
