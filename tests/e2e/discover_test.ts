import { assert, assertEquals, assertMatch } from "@std/assert";
import { createNetwork } from "../support/net/network.ts";
import type { Host, Network, Segment } from "../support/net/network.ts";
import { createGuest, get, programLine, startProgram } from "../support/net/program.ts";
import { networkTest } from "../support/net/network_test.ts";
import { startRouter } from "../support/servers/router.ts";

//   guest eth0 10.1.1.50 ---- lan ---- 10.1.1.1 eth0 router (dnsmasq, nginx)

const SERVERS = { programs: ["dnsmasq", "nginx", "busybox"] } as const;

networkTest("mdproxy4cs discover prints what every source said, and exits 0 with a router", SERVERS, async () => {
  await using network = await createNetwork();
  const lan = await network.createSegment();
  const guest = await createGuest(network, lan);
  await startRouter(network, lan);
  await guest.ip("route add default via 10.1.1.1");
  const { code, stdout, stderr } = await guest.run(programLine(["discover"]));
  assertEquals([code, stderr], [0, ""], stdout);
  assertMatch(stdout, /^dhcp\s+10\.1\.1\.1\b.*$/m);
  assertMatch(stdout, /^gateway\s+10\.1\.1\.1\b.*$/m);
});

networkTest("mdproxy4cs discover --json says the same for programs", SERVERS, async () => {
  await using network = await createNetwork();
  const lan = await network.createSegment();
  const guest = await createGuest(network, lan);
  await startRouter(network, lan);
  const { code, stdout } = await guest.run(programLine(["discover", "--json"]));
  const report = JSON.parse(stdout);
  assertEquals([code, report.router.address, report.router.source], [0, "10.1.1.1", "dhcp"]);
});

networkTest("mdproxy4cs discover runs beside the daemon", SERVERS, async () => {
  await using network = await createNetwork();
  const lan = await network.createSegment();
  const guest = await createGuest(network, lan);
  await startRouter(network, lan);
  await startProgram(guest);
  const { code, stdout } = await guest.run(programLine(["discover"]));
  assertEquals(code, 0, stdout);
  assertEquals((await get(guest, "/latest/meta-data/vm-id")).status, 200);
});

/** What is wrong with the network, and what the last line has to name. */
const TROUBLES: readonly {
  readonly what: string;
  readonly args?: readonly string[];
  /** Capabilities it is run without. */
  readonly without?: readonly string[];
  readonly create: (network: Network, lan: Segment) => Promise<Host>;
  readonly says: RegExp;
}[] = [
  {
    what: "the interface has no address",
    create: (network, lan) => createGuest(network, lan, { address: "" }),
    says: /eth0.*no (IPv4 )?address/,
  },
  {
    what: "the interface does not exist",
    create: (network) => network.createHost("guest"),
    says: /eth0 does not exist/,
  },
  {
    what: "the DHCP server serves no metadata",
    create: async (network, lan) => {
      await startRouter(network, lan, { web: "none" });
      return createGuest(network, lan);
    },
    says: /10\.1\.1\.1.*metadata/,
  },
  {
    what: "the link is down",
    create: async (network, lan) => {
      const guest = await createGuest(network, lan);
      await guest.ip("link set eth0 down");
      return guest;
    },
    says: /eth0.*down/,
  },
  {
    what: "the router is outside of --allow-server",
    args: ["--allow-server", "10.9.0.0/16"],
    create: async (network, lan) => {
      await startRouter(network, lan);
      return createGuest(network, lan);
    },
    says: /10\.1\.1\.1.*--allow-server/,
  },
  {
    what: "the DHCP server answers to port 68 alone, which may not be had",
    without: ["net_bind_service"],
    create: async (network, lan) => {
      await startRouter(network, lan, { dhcp: "udhcpd" });
      const guest = await createGuest(network, lan);
      await guest.must(["sh", "-c", "echo 1024 > /proc/sys/net/ipv4/ip_unprivileged_port_start"]);
      return guest;
    },
    says: /port 68/,
  },
  {
    what: "nobody answers",
    create: (network, lan) => createGuest(network, lan),
    says: /DHCP/,
  },
];

for (const { what, args = [], without = [], create, says } of TROUBLES) {
  networkTest(`mdproxy4cs discover exits 1 when ${what}, and ends with the likely cause`, SERVERS, async () => {
    await using network = await createNetwork();
    const lan = await network.createSegment();
    const guest = await create(network, lan);
    const line = programLine(["discover", "--discovery-timeout", "2s", ...args], { without });
    const { code, stdout, stderr } = await guest.run(line);
    assertEquals(code, 1, stdout);
    const last = (stdout + stderr).trim().split("\n").at(-1)!;
    assertMatch(last, says, stdout);
    assert(last.length > 40, `the last line does not say what to try: ${last}`);
  });
}
