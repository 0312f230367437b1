import { assertEquals, assertMatch } from "@std/assert";
import { networkTest } from "../support/net/network_test.ts";
import { createScene, SERVERS } from "../support/scene.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import type { Metadata } from "../support/servers/metadata.ts";
import { GUEST, startRouter } from "../support/servers/router.ts";
import { startScriptedRouter } from "../support/servers/scripted_router.ts";

const VM_ID = "/latest/meta-data/vm-id";

/** The metadata of the usual guest as a certain router tells it: the same guest, whoever tells it. */
function toldBy(router: string): Metadata {
  return { ...sampleMetadata(GUEST.address), "vm-id": `told-by-${router}` };
}

networkTest("the right one of two DHCP servers is used from the first request on", SERVERS, async () => {
  //   guest 10.1.1.50 ---- lan ---- 10.1.1.1 router (dnsmasq, nginx)
  //                         |
  //                         ------- 10.1.1.9 other (dnsmasq, nothing on port 80)
  await using scene = await createScene({ router: { name: "other", address: "10.1.1.9", web: "none" }, args: "none" });
  await scene.startRouter({ metadata: { [GUEST.address]: toldBy("router") } });

  const program = await scene.startProgram();
  const { status, body } = await scene.get(VM_ID);
  assertEquals([status, body], [200, "told-by-router"]);
  await program.waitForLine(/10\.1\.1\.9/);
});

networkTest("a rogue DHCP server that answers first loses where it has no metadata", SERVERS, async () => {
  //   guest 10.1.1.50 ---- lan ---- 10.1.1.1 router (dnsmasq, nginx: up only when the rogue has answered)
  //                         |
  //                         ------- 10.1.1.66 rogue (DHCP, an error page for everything)
  await using scene = await createScene({ router: "none", args: "none" });
  const host = await scene.addHost("rogue", "10.1.1.66");
  const rogue = await startScriptedRouter(host, {
    address: "10.1.1.66",
    guests: [{ ...GUEST, metadata: {} }],
  });

  await scene.startProgram();
  await rogue.waitForLine(/said DHCP/);
  await scene.startRouter({ metadata: { [GUEST.address]: toldBy("router") } });
  assertEquals((await scene.getUntilGood(VM_ID)).body, "told-by-router");
});

networkTest("--allow-server keeps out a rogue that answers first and has metadata", SERVERS, async () => {
  //   guest 10.1.1.50 ---- lan ---- 10.1.1.1 router (dnsmasq, nginx: up only when the rogue has answered)
  //                         |
  //                         ------- 10.1.1.66 rogue (DHCP, metadata of its own making)
  await using scene = await createScene({ router: "none", args: "none" });
  const host = await scene.addHost("rogue", "10.1.1.66");
  const rogue = await startScriptedRouter(host, {
    address: "10.1.1.66",
    guests: [{ ...GUEST, metadata: toldBy("rogue") }],
  });

  await scene.startProgram(["--allow-server", "10.1.1.0/29"]);
  await rogue.waitForLine(/said DHCP/);
  await scene.startRouter({ metadata: { [GUEST.address]: toldBy("router") } });
  assertEquals((await scene.getUntilGood(VM_ID)).body, "told-by-router");
  assertEquals(
    rogue.lines.filter((line) => !/^(heard|said) DHCP|^router ready$/.test(line)),
    [],
    "it was asked for more",
  );
});

networkTest("a router that is not the gateway is found on a shared network", SERVERS, async () => {
  //   guest 10.1.1.50 ---- lan ---- 10.1.1.254 gateway (serves error pages on port 80)
  //                         |
  //                         ------- 10.1.1.7 router (dnsmasq, nginx)
  await using scene = await createScene({ router: "none", args: "none" });
  const { guest } = scene;
  await guest.ip("route add default via 10.1.1.254");
  await scene.startRouter({ name: "gateway", address: "10.1.1.254", dhcp: "none", metadata: {} });
  await scene.startRouter({
    address: "10.1.1.7",
    gateway: "10.1.1.254",
    metadata: { [GUEST.address]: toldBy("router") },
  });
  await scene.startProgram();
  assertEquals((await scene.get(VM_ID)).body, "told-by-router");
});

networkTest("a router behind a DHCP relay is found, in another network and with another gateway", SERVERS, async () => {
  //   guest 10.1.1.50 ---- lan ---- 10.1.1.1 relay (dnsmasq) 10.5.0.254 ---- far ---- 10.5.0.1 router (dnsmasq, nginx)
  await using scene = await createScene({ router: "none", args: "none" });
  const { network, guest } = scene;
  const far = await network.createSegment();
  const relay = await scene.addHost("relay", "10.1.1.1");
  await far.attach(relay, { iface: "eth1", address: "10.5.0.254/24" });
  await relay.must(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]);
  await guest.ip("route add default via 10.1.1.1");
  const router = await startRouter(network, far, {
    address: "10.5.0.1",
    dhcp: "none",
    metadata: { [GUEST.address]: toldBy("router") },
  });
  await router.host.ip("route add 10.1.1.0/24 via 10.5.0.254");
  const dnsmasq = ["dnsmasq", "--no-daemon", "--user=root", "--conf-file=/dev/null", "--port=0"];
  const server = router.host.start([
    ...[...dnsmasq, "--interface=eth0", "--bind-interfaces", "--leasefile-ro"],
    ...["--dhcp-range=10.1.1.0,static", `--dhcp-host=${GUEST.mac},${GUEST.address}`],
  ]);
  await server.waitForLine(/DHCP, static leases only/);
  await relay.start([...dnsmasq, "--dhcp-relay=10.1.1.1,10.5.0.1"]).waitForLine(/DHCP relay/);

  const program = await scene.startProgram();
  assertEquals((await scene.getUntilGood(VM_ID)).body, "told-by-router");
  assertMatch(await program.waitForLine(/found the router/), /address=10\.5\.0\.1 source=dhcp/);
});

networkTest(
  "a router that only answers to the name data-server is found beside another's DHCP server",
  SERVERS,
  async () => {
    //   guest 10.1.1.50 ---- lan ---- 10.1.1.2 DHCP and names (dnsmasq), an error page for every path of metadata
    //                         |
    //                         ------- 10.1.1.7 router (nginx)
    await using scene = await createScene({
      router: { name: "other", address: "10.1.1.2", metadata: {}, dataServer: "10.1.1.7" },
      args: "none",
    });
    await scene.startRouter({ address: "10.1.1.7", dhcp: "none", metadata: { [GUEST.address]: toldBy("router") } });
    await scene.guest.write("/etc/resolv.conf", "nameserver 10.1.1.2\n");
    const program = await scene.startProgram();
    assertEquals((await scene.getUntilGood(VM_ID)).body, "told-by-router");
    assertMatch(await program.waitForLine(/found the router/), /address=10\.1\.1\.7 source=dns/);
  },
);

networkTest("the redundant partner takes over the address without a failed request", SERVERS, async () => {
  //   guest 10.1.1.50 ---- lan ---- master, 10.1.1.1 until it fails
  //                         |
  //                         ------- backup, 10.1.1.1 from then on, another MAC
  await using scene = await createScene({ router: "none", args: "none" });
  const metadata = (name: string) => ({ [GUEST.address]: toldBy(name) });
  const master = await scene.startRouter({ name: "master", metadata: metadata("master") });
  const program = await scene.startProgram(["--cache-ttl", "0", "--stale-if-error", "0"]);
  assertEquals((await scene.get(VM_ID)).body, "told-by-master");

  // The master dies with a request in its hands; the backup comes up as keepalived brings it up, announcing itself.
  master.web.kill("SIGSTOP");
  const inFlight = scene.get(VM_ID);
  await master.host.ip("link set eth0 down");
  const backup = await scene.startRouter({
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
  assertEquals([status, body], [200, "told-by-backup"], program.lines.join("\n"));
  console.log(`the request in flight was answered by the backup after ${elapsedMs} ms`);
  for (let i = 0; i < 20; i++) {
    const { status, body } = await scene.get(VM_ID);
    assertEquals([status, body], [200, "told-by-backup"]);
  }
});

networkTest(
  "each of two interfaces has its own router, and --iname auto begins with the default route's",
  SERVERS,
  async () => {
    //   router-a 10.1.1.1 ---- a ---- 10.1.1.50 eth0 guest eth1 10.2.2.50 ---- b ---- 10.2.2.1 router-b
    await using scene = await createScene({
      router: { name: "router-a", metadata: { [GUEST.address]: toldBy("a") } },
      args: "none",
    });
    const { network, guest } = scene;
    const b = await network.createSegment();
    const second = { mac: "02:00:0a:02:02:32", address: "10.2.2.50", name: "vm-1" };
    await b.attach(guest, { iface: "eth1", mac: second.mac, address: `${second.address}/24` });
    const routerB = await startRouter(network, b, {
      name: "router-b",
      address: "10.2.2.1",
      guests: [second],
      metadata: { [second.address]: toldBy("b") },
    });
    await guest.ip("route add default via 10.2.2.1");

    const told = async (args: readonly string[]) => {
      await using _program = await scene.startProgram(args);
      return (await scene.getUntilGood(VM_ID)).body;
    };
    assertEquals(await told([]), "told-by-a");
    assertEquals(await told(["--iname", "eth1"]), "told-by-b");
    assertEquals(await told(["--iname", "auto"]), "told-by-b");
    await routerB.stop();
    assertEquals(await told(["--iname", "auto"]), "told-by-a");
  },
);
