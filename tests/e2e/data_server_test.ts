import { assertEquals, assertMatch } from "@std/assert";
import { networkTest } from "../support/net/network_test.ts";
import { programLine } from "../support/net/program.ts";
import { createScene, SERVERS } from "../support/scene.ts";

const ID = "/latest/meta-data/instance-id";
const DNS = ["--discovery", "dns"] as const;

networkTest("the name data-server leads to the router, by /etc/hosts or a search domain", SERVERS, async () => {
  for (const file of ["hosts", "resolv.conf"]) {
    await using scene = await createScene({
      router: { address: "10.1.1.7", dataServer: "10.1.1.7" },
      prepare: ({ guest }) =>
        guest.write(`/etc/${file}`, file === "hosts" ? "10.1.1.7 data-server\n" : "nameserver 10.1.1.7\n"),
      args: DNS,
    });
    assertEquals((await scene.getUntilGood(ID)).status, 200);
  }
});

networkTest("a name data-server that leads to this machine is not even connected to", SERVERS, async () => {
  await using scene = await createScene({
    router: "none",
    prepare: ({ guest }) => guest.write("/etc/hosts", "127.0.0.1 localhost data-server\n"),
    args: "none",
  });
  // Whatever connects to port 80 of loopback would leave a line.
  const local = scene.guest.start([
    "dnsmasq",
    "--no-daemon",
    "--port=80",
    "--listen-address=127.0.0.1",
    "--bind-interfaces",
  ]);
  await local.waitForLine(/started/);
  const before = await scene.guest.must(["sh", "-c", "grep -c . /proc/net/tcp"]);
  const { code, stdout } = await scene.guest.run(programLine(["discover", "--discovery-timeout", "1s", ...DNS]));
  assertEquals(code, 1);
  assertMatch(stdout, /127\.0\.0\.1 is no address that a router can have/);
  assertEquals(await scene.guest.must(["sh", "-c", "grep -c . /proc/net/tcp"]), before, "somebody has connected");
});
