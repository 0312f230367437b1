import { assertEquals, assertMatch } from "@std/assert";
import { networkTest } from "../support/net/network_test.ts";
import { createScene, ROUTER } from "../support/scene.ts";

//   guest eth0 10.1.1.50 ---- lan ---- 10.1.1.1 eth0 router (dnsmasq, nginx)

const ADMIN = "http://127.0.0.1:39725";
const ARGS = ["--admin-listen", "127.0.0.1:39725", "--cache-ttl", "0", "--request-timeout", "2s"];

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
