import { assertEquals, assertMatch } from "@std/assert";
import type { Host } from "../support/net/network.ts";
import { networkTest } from "../support/net/network_test.ts";
import { programLine } from "../support/net/program.ts";
import { createScene, SERVERS } from "../support/scene.ts";

const ID = "/latest/meta-data/instance-id";
const DNS = ["--discovery", "dns"] as const;

/** How a guest is told of the name, what of it is the router, and whom the log names. */
const NAMES: readonly {
  readonly what: string;
  /** What the router's dnsmasq resolves, as its arguments. */
  readonly dnsmasq?: readonly string[];
  readonly files: Readonly<Record<string, string>>;
}[] = [
  { what: "/etc/hosts", files: { "/etc/hosts": "10.1.1.7 data-server\n" } },
  {
    what: "a name server",
    dnsmasq: ["--address=/data-server/10.1.1.7"],
    files: { "/etc/resolv.conf": "nameserver 10.1.1.7\n" },
  },
  {
    what: "a search domain only",
    dnsmasq: ["--address=/data-server.cs7test.internal/10.1.1.7"],
    files: { "/etc/resolv.conf": "nameserver 10.1.1.7\nsearch cs7test.internal\n" },
  },
  {
    what: "another name that it stands for",
    dnsmasq: [
      "--cname=data-server.cs7test.internal,router.cs7test.internal",
      "--host-record=router.cs7test.internal,10.1.1.7",
    ],
    files: { "/etc/resolv.conf": "nameserver 10.1.1.7\nsearch cs7test.internal\n" },
  },
  {
    what: "several addresses, of which one is the router's",
    dnsmasq: ["--host-record=data-server,10.1.1.50,10.1.1.99", "--host-record=data-server,127.0.0.1,10.1.1.7"],
    files: { "/etc/resolv.conf": "nameserver 10.1.1.7\n" },
  },
];
for (const { what, dnsmasq = [], files } of NAMES) {
  networkTest(`the name data-server leads to the router by ${what}`, SERVERS, async () => {
    await using scene = await createScene({
      router: { address: "10.1.1.7", dhcp: "none" },
      prepare: async ({ guest, router }) => {
        await startNames(router.host, dnsmasq);
        for (const [path, text] of Object.entries(files)) await guest.write(path, text);
      },
      args: DNS,
    });
    assertEquals((await scene.getUntilGood(ID)).status, 200);
  });
}

networkTest("a name data-server without an IPv4 address is nothing to say", SERVERS, async () => {
  await using scene = await createScene({
    router: { address: "10.1.1.7", dhcp: "none" },
    prepare: async ({ guest, router }) => {
      await startNames(router.host, ["--address=/data-server/2001:db8::7"]);
      await guest.write("/etc/resolv.conf", "nameserver 10.1.1.7\n");
    },
    args: "none",
  });
  const { code, stdout } = await scene.guest.run(programLine(["discover", "--discovery-timeout", "2s", ...DNS]));
  assertEquals(code, 1);
  assertMatch(stdout, /^nothing to say: dns$/m);
});

networkTest(
  "a name data-server that leads out of the network comes after the router that DHCP names",
  SERVERS,
  async () => {
    await using scene = await createScene({
      router: { address: "10.1.1.7" },
      prepare: async ({ guest, router }) => {
        await router.host.ip("address add 10.9.9.9/32 dev lo");
        await guest.ip("route add 10.9.9.9 via 10.1.1.7");
        await guest.write("/etc/hosts", "10.9.9.9 data-server\n");
      },
    });
    assertEquals((await scene.getUntilGood(ID)).status, 200);
    assertMatch(await scene.program.waitForLine(/found the router/), /address=10\.1\.1\.7 source=dhcp/);
    await scene.program.stop();

    await scene.guest.must(["rm", "-f", "/run/mdproxy4cs/router.json"]);
    const program = await scene.startProgram(DNS);
    assertEquals((await scene.getUntilGood(ID)).status, 200);
    assertMatch(await program.waitForLine(/found the router/), /address=10\.9\.9\.9 source=dns/);
  },
);

/** Starts a name server on the router, which knows nothing but what it is told. */
async function startNames(router: Host, names: readonly string[]): Promise<void> {
  const dnsmasq = router.start([
    ...["dnsmasq", "--no-daemon", "--user=root", "--conf-file=/dev/null", "--no-resolv", "--no-hosts"],
    ...["--interface=eth0", "--bind-interfaces", ...names],
  ]);
  await dnsmasq.waitForLine(/started/);
}

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
