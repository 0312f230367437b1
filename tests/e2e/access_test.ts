import { assertEquals } from "@std/assert";
import { addContainers } from "../support/net/containers.ts";
import type { Host } from "../support/net/network.ts";
import { get, PROXY } from "../support/net/program.ts";
import { networkTest } from "../support/net/network_test.ts";
import { createScene, ROUTER, SERVERS } from "../support/scene.ts";
import type { Scene } from "../support/scene.ts";
import { GUEST } from "../support/servers/router.ts";

//   guest eth0 10.1.1.50 ---- lan ---- 10.1.1.1 eth0 router (dnsmasq, nginx)

const OWN = "169.254.169.254:39724";

/** First lines and headers of requests, and the status that each has to get. */
const REQUESTS: readonly (readonly [status: number, request: string])[] = [
  [200, `GET /latest/vm-id HTTP/1.1\r\nHost: ${OWN}`],
  [200, "GET /latest/vm-id HTTP/1.1\r\nHost: 169.254.169.254"],
  [200, "GET /latest/vm-id HTTP/1.1\r\nHost: localhost:39724"],
  [200, "GET /latest/vm-id HTTP/1.1\r\nHost: 127.0.0.1"],
  [200, "GET /latest/vm-id HTTP/1.1\r\nHost: METADATA.internal:39724"],
  [200, `GET http://${OWN}/latest/vm-id HTTP/1.1\r\nHost: ${OWN}`],
  [200, `GET HTTP://${OWN}/latest/vm-id HTTP/1.1\r\nHost: ${OWN}`],
  // The router's word: its web server lists no folder.
  [403, `GET http://${OWN} HTTP/1.1\r\nHost: ${OWN}`],
  [421, "GET /latest/vm-id HTTP/1.1\r\nHost: rebound.example"],
  [421, "GET /latest/vm-id HTTP/1.1\r\nHost: 169.254.169.254.rebound.example"],
  [421, "GET /latest/vm-id HTTP/1.1\r\nHost: 10.1.1.1"],
  [421, "GET http://rebound.example/latest/vm-id HTTP/1.1\r\nHost: rebound.example"],
  [403, `GET /latest/vm-id HTTP/1.1\r\nHost: ${OWN}\r\nX-Forwarded-For: 10.9.9.9`],
  [403, `GET /latest/vm-id HTTP/1.1\r\nHost: ${OWN}\r\nForwarded: for=10.9.9.9`],
  [405, `POST /latest/vm-id HTTP/1.1\r\nHost: ${OWN}\r\nContent-Length: 0`],
  [405, `DELETE /latest/vm-id HTTP/1.1\r\nHost: ${OWN}`],
  [405, `TRACE /latest/vm-id HTTP/1.1\r\nHost: ${OWN}`],
  [414, `GET /${"a".repeat(9_000)} HTTP/1.1\r\nHost: ${OWN}`],
  [431, `GET /latest/vm-id HTTP/1.1\r\nHost: ${OWN}\r\nX-Long: ${"b".repeat(20_000)}`],
];

networkTest(
  "requests that a guest's own programs would not make are refused, with an empty body",
  ROUTER,
  async (context) => {
    await using scene = await createScene({ args: ["--allow-host", "metadata.internal"] });
    for (const [status, request] of REQUESTS) {
      await context.step(`${status} for ${request.slice(0, 100).replaceAll("\r\n", ", ")}`, async () => {
        using exchange = await scene.open();
        await exchange.send(`${request}\r\nConnection: close\r\n\r\n`).catch(() => {});
        const answer = await exchange.receive();
        const body = new TextDecoder().decode(answer.body);
        assertEquals([answer.status, body], [status, status === 200 ? `vm-${GUEST.address}` : ""]);
        if (status === 405) assertEquals(new Map(answer.headers).get("allow"), "GET, HEAD");
      });
    }
  },
);

networkTest("--require-token serves only those who fetched a session token", ROUTER, async () => {
  await using scene = await createScene({ args: ["--require-token"] });
  const without = await scene.get("/latest/vm-id");
  assertEquals([without.status, without.body], [401, ""]);

  const ttl = ["--request", "PUT", "--header", "X-aws-ec2-metadata-token-ttl-seconds: 60"];
  const token = await scene.get("/latest/api/token", ttl);
  assertEquals(token.status, 200);
  const asWith = (value: string) => scene.get("/latest/vm-id", ["--header", `X-aws-ec2-metadata-token: ${value}`]);
  assertEquals((await asWith(token.body)).body, `vm-${GUEST.address}`);
  assertEquals((await asWith(`${token.body}x`)).status, 401);
  const forwarded = await scene.get("/latest/api/token", [...ttl, "--header", "X-Forwarded-For: 10.9.9.9"]);
  assertEquals([forwarded.status, forwarded.body], [403, ""]);
  assertEquals(await scene.asked("token"), [], "the router was asked for a token");
});

networkTest("nothing the program writes holds a secret of user-data or of a query", ROUTER, async () => {
  const canary = "CANARY-5f2c9e";
  await using scene = await createScene({
    router: {
      metadata: { [GUEST.address]: { "instance-id": "i-1", "user-data": `{"password":"${canary}"}` } },
    },
    args: [
      ...["--log-level", "debug", "--admin-listen", "127.0.0.1:39725", "--request-timeout", "2s"],
    ],
  });
  const { router, program } = scene;
  const query = `?password=${canary}`;
  assertEquals((await scene.get(`/latest/user-data${query}`)).status, 200);
  assertEquals((await scene.get(`/latest/nothing${query}`)).status, 404);
  assertEquals((await scene.get(`/latest/user-data${query}`, ["--header", "Host: rebound.example"])).status, 421);
  await scene.get(`/latest/user-data?\u001b[31m%0a${canary}`);
  await router.stop();
  await scene.get(`/latest/another${query}`);
  await scene.get(`/latest/user-data${query}`);
  const watched = await Promise.all(
    ["/metrics", "/status", "/readyz"].map((page) => scene.get(`http://127.0.0.1:39725${page}`)),
  );
  await program.stop();
  const written = [...program.lines, ...watched.map(({ body }) => body)].join("\n");
  assertEquals(written.includes(canary), false, written);
  // deno-lint-ignore no-control-regex
  assertEquals(/[\x00-\x09\x0b-\x1f\x7f]/.test(program.lines.join("\n")), false, "a control character is in the log");
});

networkTest("the program serves its own address and no other of the VM", SERVERS, async () => {
  await using scene = await createScene();
  const { router } = scene;
  const own = await scene.get(`${PROXY}/latest/vm-id`);
  assertEquals(own.status, 200);
  for (const address of ["127.0.0.1", GUEST.address]) {
    assertEquals((await scene.get(`http://${address}:39724/latest/vm-id`)).status, 0);
  }
  assertEquals((await get(router.host, `http://${GUEST.address}:39724/latest/vm-id`)).status, 0);
});

//   guest eth0 10.1.1.50 ----+---- lan ---- 10.1.1.1 eth0 router (dnsmasq, nginx)
//   neighbour eth0 10.1.1.60 +              169.254.169.254 via 10.1.1.50

//   container eth0 172.17.0.2 ---- br0 172.17.0.1 guest

/** Who asks from elsewhere, and from which address. */
const OTHERS: readonly (readonly [who: string, address: string, place: (scene: Scene) => Promise<Host>])[] = [
  ["a neighbour who routes the listen address to the VM", "10.1.1.60", async (scene) => {
    const neighbour = await scene.addHost("neighbour", "10.1.1.60");
    await neighbour.ip(`route add 169.254.169.254 via ${GUEST.address}`);
    return neighbour;
  }],
  [
    "a container of the VM",
    "172.17.0.2",
    async ({ network, guest }) => (await addContainers(network, guest, ["172.17.0.2"]))[0]!,
  ],
];

for (const [who, address, place] of OTHERS) {
  networkTest(`${who} is refused, unless --allow-client lets it in`, SERVERS, async () => {
    for (const [args, status] of [[[], 403], [["--allow-client", address], 200]] as const) {
      await using scene = await createScene({ args: "none" });
      const other = await place(scene);
      await scene.startProgram(args);

      const { status: got, body } = await get(other, "/latest/vm-id");
      assertEquals([got, body], [status, status === 200 ? `vm-${GUEST.address}` : ""]);
      assertEquals((await scene.get("/latest/user-data")).status, 200);
      // From an address of its own that is not the listen address, the VM may ask.
      assertEquals((await scene.get("/latest/user-data", ["--interface", GUEST.address])).status, 200);
    }
  });
}

networkTest("an address that the VM had a moment ago is a neighbour's as soon as he has it", SERVERS, async () => {
  await using scene = await createScene();
  const { guest } = scene;
  await guest.ip("address add 10.1.1.51/24 dev eth0");
  assertEquals((await scene.get("/latest/user-data", ["--interface", "10.1.1.51"])).status, 200);
  await guest.ip("address del 10.1.1.51/24 dev eth0");
  const neighbour = await scene.addHost("neighbour", "10.1.1.51");
  await neighbour.ip(`route add 169.254.169.254 via ${GUEST.address}`);
  const { status, body } = await get(neighbour, "/latest/user-data");
  assertEquals([status, body], [403, ""]);
});
