import { assert, assertEquals, assertMatch } from "@std/assert";
import { binary } from "../support/binary.ts";
import { networkTest } from "../support/net/network_test.ts";
import { get } from "../support/net/program.ts";
import { createScene, ROUTER, SERVERS } from "../support/scene.ts";
import { GUEST } from "../support/servers/router.ts";

//   guest eth0 10.1.1.50 ---- lan ---- 10.1.1.1 eth0 router (dnsmasq, nginx)

const PORT = 39725;
const ADMIN = `http://127.0.0.1:${PORT}`;
const ARGS = ["--admin-listen", `127.0.0.1:${PORT}`, "--cache-ttl", "0", "--request-timeout", "2s"];

networkTest(
  "/metrics is what Prometheus reads, with and without a router",
  { ...ROUTER, programs: ["promtool"] },
  async () => {
    await using scene = await createScene({ router: "none", args: ARGS });
    const { guest } = scene;
    const check = async () => {
      const { body } = await scene.get(`${ADMIN}/metrics`);
      const { code, stdout, stderr } = await guest.run(["promtool", "check", "metrics"], { input: body });
      assertEquals([code, stdout, stderr], [0, "", ""], body);
      // Of which promtool says nothing.
      const series = body.trimEnd().split("\n").map((line) => line.slice(0, line.lastIndexOf(" ")));
      assertEquals(series.length, new Set(series).size, body);
      return body;
    };
    assertMatch(await check(), /^mdproxy4cs_ready 0$/m);
    await scene.get("/latest/vm-id");
    await scene.startRouter();
    await scene.get("/latest/vm-id");
    await scene.get("/latest/no-such-key");
    assertMatch(await check(), /^mdproxy4cs_router_info\{address="10\.1\.1\.1",source="dhcp"\} 1$/m);
  },
);

networkTest(
  "/readyz follows the router, /healthz does not, and /status names it",
  ROUTER,
  async () => {
    await using scene = await createScene({ router: "none", args: ARGS });
    const { program } = scene;
    const page = async (path: string) => (await scene.get(ADMIN + path)).status;
    assertEquals([await page("/readyz"), await page("/healthz")], [503, 200]);

    const router = await scene.startRouter();
    await program.waitForLine(/\bfound the router\b/);
    assertEquals([await page("/readyz"), await page("/healthz")], [200, 200]);
    const status = JSON.parse((await scene.get(`${ADMIN}/status`)).body);
    assertEquals([status.state, status.router.address, status.router.source], ["ready", "10.1.1.1", "dhcp"]);

    await router.stop();
    await scene.get("/latest/vm-id");
    assertEquals([await page("/readyz"), await page("/healthz")], [503, 200]);
  },
);

networkTest("an admin port that is taken is waited for, and keeps nobody from the metadata", ROUTER, async () => {
  await using scene = await createScene({ args: ARGS });
  const { program: first } = scene;
  const other = "127.0.0.1:39999";
  const second = await scene.startProgram([...ARGS, "--http-listen", other]);
  await second.waitForLine(/another program has the port, waiting for it address=127\.0\.0\.1:39725/);
  assertEquals((await scene.get(`http://${other}/latest/vm-id`)).status, 200);
  const listenerOf = async () => JSON.parse((await scene.get(`${ADMIN}/status`)).body).listeners.metadata;
  assertEquals(await listenerOf(), "169.254.169.254:39724");

  await first.stop();
  await second.waitForLine(/serving the admin pages/);
  assertEquals(await listenerOf(), other);
});

networkTest("status names the admin port once its pages are served", SERVERS, async () => {
  await using scene = await createScene({ args: "none" });
  const { guest } = scene;
  const take =
    `Deno.listen({ hostname: "127.0.0.1", port: ${PORT} }); console.log("taken"); setInterval(() => {}, 1e6);`;
  await using other = guest.start([Deno.execPath(), "eval", "--no-config", "--no-lock", take]);
  await other.waitForLine(/^taken$/);
  const program = await scene.startProgram(ARGS);
  const adminOf = async () => JSON.parse((await guest.run([binary(), "status", "--json"])).stdout).listeners.admin;
  assertEquals(await adminOf(), null);
  await other.stop("SIGKILL");
  await program.waitForLine(/serving the admin pages/);
  assertEquals(await adminOf(), `127.0.0.1:${PORT}`);
});

networkTest("/readyz leaves no descriptor behind, however often it is asked", ROUTER, async () => {
  await using scene = await createScene({ args: ARGS });
  await scene.program.waitForLine(/\bfound the router\b/);
  const descriptors = () => [...Deno.readDirSync(`/proc/${scene.program.pid}/fd`)].length;
  const ask = async () => assertEquals((await scene.get(`${ADMIN}/readyz`)).status, 200);
  await ask();
  const before = descriptors();
  for (let count = 0; count < 30; count++) await ask();
  assert(descriptors() <= before + 10, `${before} descriptors became ${descriptors()}`);
});

networkTest("half requests at the admin port keep no page and no metadata from anybody", ROUTER, async () => {
  await using stack = new AsyncDisposableStack();
  const scene = stack.use(await createScene({ args: ARGS }));
  // From then on a router is known, and /readyz says so.
  assertEquals((await scene.get("/latest/vm-id")).status, 200);
  for (const half of ["", "GET /met", "GET /status HTTP/1.1\r\nHost: localhost\r\nX-Half"]) {
    for (let count = 0; count < 20; count++) {
      const exchange = stack.use(await scene.open({ hostname: "127.0.0.1", port: PORT }));
      await exchange.send(half);
    }
    const pages = ["/healthz", "/readyz", "/metrics", "/status"].map((path) => ADMIN + path);
    for (const path of [...pages, "/latest/vm-id"]) assertEquals((await scene.get(path)).status, 200, path);
  }
});

networkTest("the admin port answers 403 to a neighbour", SERVERS, async () => {
  await using scene = await createScene({ args: ARGS });
  // Where a VM's kernel was told to take packets to 127.0.0.1 from outside, a neighbour can send such.
  const neighbour = await scene.addHost("neighbour", "10.1.1.60");
  for (const host of [scene.guest, neighbour]) {
    await host.must(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet"]);
  }
  await neighbour.ip("address flush dev lo");
  await neighbour.ip("link set lo down");
  await neighbour.ip(`route add 127.0.0.1/32 via ${GUEST.address}`);
  const { status, body } = await get(neighbour, `http://127.0.0.1:${PORT}/status`);
  assertEquals([status, body], [403, ""]);
});
