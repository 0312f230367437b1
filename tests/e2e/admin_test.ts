import { assertEquals, assertMatch } from "@std/assert";
import { createNetwork } from "../support/net/network.ts";
import { createGuest, get, startProgram } from "../support/net/program.ts";
import { networkTest } from "../support/net/network_test.ts";
import { startRouter } from "../support/servers/router.ts";

//   guest eth0 10.1.1.50 ---- lan ---- 10.1.1.1 eth0 router (dnsmasq, nginx)

const ADMIN = "http://127.0.0.1:39725";
const ARGS = ["--admin-listen", "127.0.0.1:39725", "--cache-ttl", "0", "--request-timeout", "2s"];

networkTest(
  "/metrics is what Prometheus reads, with and without a router",
  { programs: ["dnsmasq", "nginx", "promtool"] },
  async () => {
    await using network = await createNetwork();
    const lan = await network.createSegment();
    const guest = await createGuest(network, lan);
    await startProgram(guest, ARGS);
    const check = async () => {
      const { body } = await get(guest, `${ADMIN}/metrics`);
      const { code, stdout, stderr } = await guest.run(["promtool", "check", "metrics"], { input: body });
      assertEquals([code, stdout, stderr], [0, "", ""], body);
      return body;
    };
    assertMatch(await check(), /^mdproxy4cs_ready 0$/m);
    await get(guest, "/latest/vm-id");
    await startRouter(network, lan);
    await get(guest, "/latest/vm-id");
    await get(guest, "/latest/no-such-key");
    assertMatch(await check(), /^mdproxy4cs_router_info\{address="10\.1\.1\.1",source="dhcp"\} 1$/m);
  },
);

networkTest(
  "/readyz follows the router, /healthz does not, and /status names it",
  { programs: ["dnsmasq", "nginx"] },
  async () => {
    await using network = await createNetwork();
    const lan = await network.createSegment();
    const guest = await createGuest(network, lan);
    const program = await startProgram(guest, ARGS);
    const page = async (path: string) => (await get(guest, ADMIN + path)).status;
    assertEquals([await page("/readyz"), await page("/healthz")], [503, 200]);

    const router = await startRouter(network, lan);
    await program.waitForLine(/\bfound the router\b/);
    assertEquals([await page("/readyz"), await page("/healthz")], [200, 200]);
    const status = JSON.parse((await get(guest, `${ADMIN}/status`)).body);
    assertEquals([status.state, status.router.address, status.router.source], ["ready", "10.1.1.1", "dhcp"]);

    await router.stop();
    await get(guest, "/latest/vm-id");
    assertEquals([await page("/readyz"), await page("/healthz")], [503, 200]);
  },
);
