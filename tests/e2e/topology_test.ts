import { assert, assertEquals, assertMatch } from "@std/assert";
import { createNetwork } from "../support/net/network.ts";
import { createGuest, get, getUntilGood, startProgram } from "../support/net/program.ts";
import { networkTest } from "../support/net/network_test.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import type { Metadata } from "../support/servers/metadata.ts";
import { GUEST, startRouter } from "../support/servers/router.ts";
import { startVirtualRouter } from "../support/servers/virtual_router.ts";

const PROGRAMS = { programs: ["dnsmasq", "nginx"] } as const;
const INSTANCE_ID = "/latest/meta-data/instance-id";

/** The metadata of the usual guest as a certain router tells it. */
function toldBy(router: string): Metadata {
  return { ...sampleMetadata(GUEST.address), "instance-id": `i-told-by-${router}` };
}

networkTest("the right one of two DHCP servers is used from the first request on", PROGRAMS, async () => {
  //   guest 10.1.1.50 ---- lan ---- 10.1.1.1 router (dnsmasq, nginx)
  //                         |
  //                         ------- 10.1.1.9 other (dnsmasq, nothing on port 80)
  await using network = await createNetwork();
  const lan = await network.createSegment();
  const guest = await createGuest(network, lan);
  await startRouter(network, lan, { name: "other", address: "10.1.1.9", web: "none" });
  await startRouter(network, lan, { metadata: { [GUEST.address]: toldBy("router") } });

  const program = await startProgram(guest);
  const { status, body } = await get(guest, INSTANCE_ID);
  assertEquals([status, body], [200, "i-told-by-router"]);
  assertMatch(program.lines.join("\n"), /10\.1\.1\.9/, "the server that is no router is not named in the log");
});

networkTest("a rogue DHCP server that answers first loses where it has no metadata", PROGRAMS, async () => {
  //   guest 10.1.1.50 ---- lan ---- 10.1.1.1 router (dnsmasq, nginx: up only when the rogue has answered)
  //                         |
  //                         ------- 10.1.1.66 rogue (DHCP, an error page for everything)
  await using network = await createNetwork();
  const lan = await network.createSegment();
  const guest = await createGuest(network, lan);
  const host = await network.createHost("rogue");
  await lan.attach(host, { iface: "eth0", address: "10.1.1.66/24" });
  const rogue = await startVirtualRouter(host, {
    address: "10.1.1.66",
    guests: [{ ...GUEST, metadata: {} }],
  });

  await startProgram(guest);
  await rogue.waitForLine(/said DHCP/);
  await startRouter(network, lan, { metadata: { [GUEST.address]: toldBy("router") } });
  assertEquals((await getUntilGood(guest, INSTANCE_ID)).body, "i-told-by-router");
});

networkTest("--allow-server keeps out a rogue that answers first and has metadata", PROGRAMS, async () => {
  //   guest 10.1.1.50 ---- lan ---- 10.1.1.1 router (dnsmasq, nginx: up only when the rogue has answered)
  //                         |
  //                         ------- 10.1.1.66 rogue (DHCP, metadata of its own making)
  await using network = await createNetwork();
  const lan = await network.createSegment();
  const guest = await createGuest(network, lan);
  const host = await network.createHost("rogue");
  await lan.attach(host, { iface: "eth0", address: "10.1.1.66/24" });
  const rogue = await startVirtualRouter(host, {
    address: "10.1.1.66",
    guests: [{ ...GUEST, metadata: toldBy("rogue") }],
  });

  await startProgram(guest, ["--allow-server", "10.1.1.0/29"]);
  await rogue.waitForLine(/said DHCP/);
  await startRouter(network, lan, { metadata: { [GUEST.address]: toldBy("router") } });
  assertEquals((await getUntilGood(guest, INSTANCE_ID)).body, "i-told-by-router");
  assert(!rogue.lines.some((line) => line.includes("GET")), "the rogue was asked for metadata");
});

networkTest("a router that is not the gateway is found on a shared network", PROGRAMS, async () => {
  //   guest 10.1.1.50 ---- lan ---- 10.1.1.254 gateway (serves error pages on port 80)
  //                         |
  //                         ------- 10.1.1.7 router (dnsmasq, nginx)
  await using network = await createNetwork();
  const lan = await network.createSegment();
  const guest = await createGuest(network, lan);
  await guest.ip("route add default via 10.1.1.254");
  await startRouter(network, lan, { name: "gateway", address: "10.1.1.254", dhcp: "none", metadata: {} });
  await startRouter(network, lan, {
    address: "10.1.1.7",
    gateway: "10.1.1.254",
    metadata: { [GUEST.address]: toldBy("router") },
  });
  await startProgram(guest);
  assertEquals((await get(guest, INSTANCE_ID)).body, "i-told-by-router");
});

networkTest("the redundant partner takes over the address without a failed request", PROGRAMS, async () => {
  //   guest 10.1.1.50 ---- lan ---- master, 10.1.1.1 until it fails
  //                         |
  //                         ------- backup, 10.1.1.1 from then on, another MAC
  await using network = await createNetwork();
  const lan = await network.createSegment();
  const guest = await createGuest(network, lan);
  const metadata = (name: string) => ({ [GUEST.address]: toldBy(name) });
  const master = await startRouter(network, lan, { name: "master", metadata: metadata("master") });
  const program = await startProgram(guest, ["--cache-ttl", "0", "--stale-if-error", "0"]);
  assertEquals((await get(guest, INSTANCE_ID)).body, "i-told-by-master");

  // The master dies with a request in its hands; the backup comes up as keepalived brings it up, announcing itself.
  master.web.kill("SIGSTOP");
  const inFlight = get(guest, INSTANCE_ID);
  await master.host.ip("link set eth0 down");
  const backup = await startRouter(network, lan, {
    name: "backup",
    address: "10.1.1.2",
    metadata: metadata("backup"),
  });
  await backup.stop();
  await backup.host.must(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/eth0/arp_notify"]);
  await backup.host.ip("link set eth0 down");
  await backup.start("10.1.1.1");
  await backup.host.ip("link set eth0 up");
  // One announcement may be lost on a link that is just coming up, and keepalived sends several. Whatever the backup says
  // to the guest tells it the new MAC.
  await backup.host.run(["curl", "--silent", "--max-time", "5", `http://${GUEST.address}:9/`]);

  const { status, body, elapsedMs } = await inFlight;
  assertEquals([status, body], [200, "i-told-by-backup"], program.lines.join("\n"));
  console.log(`the request in flight was answered by the backup after ${elapsedMs} ms`);
  for (let i = 0; i < 20; i++) {
    const { status, body } = await get(guest, INSTANCE_ID);
    assertEquals([status, body], [200, "i-told-by-backup"]);
  }
});

networkTest(
  "each of two interfaces has its own router, and --iname auto begins with the default route's",
  PROGRAMS,
  async () => {
    //   router-a 10.1.1.1 ---- a ---- 10.1.1.50 eth0 guest eth1 10.2.2.50 ---- b ---- 10.2.2.1 router-b
    await using network = await createNetwork();
    const [a, b] = [await network.createSegment(), await network.createSegment()];
    const guest = await createGuest(network, a);
    const second = { mac: "02:00:0a:02:02:32", address: "10.2.2.50", name: "vm-1" };
    await b.attach(guest, { iface: "eth1", mac: second.mac, address: `${second.address}/24` });
    await startRouter(network, a, { name: "router-a", metadata: { [GUEST.address]: toldBy("a") } });
    const routerB = await startRouter(network, b, {
      name: "router-b",
      address: "10.2.2.1",
      guests: [second],
      metadata: { [second.address]: toldBy("b") },
    });
    await guest.ip("route add default via 10.2.2.1");

    const told = async (args: readonly string[]) => {
      await using _program = await startProgram(guest, args);
      return (await getUntilGood(guest, INSTANCE_ID)).body;
    };
    assertEquals(await told([]), "i-told-by-a");
    assertEquals(await told(["--iname", "eth1"]), "i-told-by-b");
    assertEquals(await told(["--iname", "auto"]), "i-told-by-b");
    await routerB.stop();
    assertEquals(await told(["--iname", "auto"]), "i-told-by-a");
  },
);
