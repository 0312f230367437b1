import { assert, assertEquals, assertMatch } from "@std/assert";
import { PROXY } from "../support/net/program.ts";
import { networkTest } from "../support/net/network_test.ts";
import { createScene, SERVERS } from "../support/scene.ts";
import { countPackets } from "../support/servers/dhcp.ts";
import { sampleMetadata, WEB_SERVERS } from "../support/servers/metadata.ts";
import { GUEST } from "../support/servers/router.ts";

//   guest eth0 10.1.1.50 ---- lan ---- 10.1.1.1 eth0 router (dnsmasq, nginx or Apache)

for (const web of WEB_SERVERS) {
  networkTest(
    `mdproxy4cs without flags serves every key, byte for byte, from a router with dnsmasq and ${web}`,
    { programs: ["dnsmasq", web === "nginx" ? "nginx" : "apache2"] },
    async () => {
      await using scene = await createScene({ router: { web } });

      for (const [key, value] of Object.entries(sampleMetadata(GUEST.address))) {
        for (
          const path of key === "user-data" ? ["/latest/user-data"] : [`/latest/meta-data/${key}`, `/latest/${key}`]
        ) {
          const { status, body } = await scene.get(path);
          assertEquals([path, status, body], [path, 200, value]);
        }
      }
      const { body } = await scene.get("/latest/meta-data/");
      assertEquals(body, Object.keys(sampleMetadata("")).filter((key) => key !== "user-data").join("\n") + "\n");
      const missing = await scene.get("/latest/meta-data/no-such-key");
      assertEquals([missing.status, missing.body], [404, ""], "the router's error page became a body");
    },
  );
}

networkTest(
  "mdproxy4cs costs the router one DHCP exchange for a hundred requests",
  SERVERS,
  async () => {
    await using scene = await createScene({ args: ["--cache-ttl", "0"] });
    const { guest, router } = scene;

    assertEquals((await scene.get("/latest/meta-data/instance-id")).status, 200);
    const searched = countPackets(router.dhcp);
    const urls = Array.from({ length: 100 }, (_, i) => `${PROXY}/latest/meta-data/vm-id?${i}`);
    const { code, stdout } = await guest.run(["curl", "--silent", "--fail", ...urls]);

    assertEquals([code, stdout], [0, `vm-${GUEST.address}`.repeat(100)]);
    assertEquals(countPackets(router.dhcp), searched, "dnsmasq heard more than the first search");
    const { DHCPDISCOVER = 0, DHCPINFORM = 0, DHCPREQUEST = 0 } = searched;
    assert(DHCPDISCOVER + DHCPINFORM > 0, "dnsmasq heard nothing at all");
    assertEquals(DHCPREQUEST, 0, "the program took up an offer");
    const heard = await scene.asked("/latest/meta-data/vm-id?");
    assertEquals(heard.length, 100, "the web server was asked another number of times");
  },
);

networkTest(
  "a program without the right to port 68 finds the router by INFORM alone, and says so once",
  SERVERS,
  async () => {
    await using scene = await createScene({ args: "none" });
    const { guest, router } = scene;
    await guest.must(["sh", "-c", "echo 1024 > /proc/sys/net/ipv4/ip_unprivileged_port_start"]);
    await guest.ip("address add 169.254.169.254/32 dev lo");
    const program = await scene.startProgram(["--cache-ttl", "0"], { without: ["net_bind_service", "net_admin"] });

    assertEquals((await scene.get("/latest/meta-data/instance-id")).status, 200);
    const { DHCPINFORM = 0, DHCPDISCOVER = 0 } = countPackets(router.dhcp);
    assertEquals([DHCPINFORM > 0, DHCPDISCOVER], [true, 0]);
    await program.waitForLine(/port 68/);
    const said = program.lines.filter((line) => line.includes("port 68"));
    assertEquals(said.length, 1, program.lines.join("\n"));
    assertMatch(said[0]!, /CAP_NET_BIND_SERVICE/);
  },
);

networkTest(
  "a known router is asked from time to time whether it is still there, by INFORM",
  SERVERS,
  async () => {
    await using scene = await createScene({ args: ["--confirm-interval", "200ms"] });
    const { router, program } = scene;
    await program.waitForLine(/\bfound the router\b/);
    const from = router.dhcp.lines.length;
    for (let asked = 0, at = from; asked < 3; asked++) {
      await router.dhcp.waitForLine(/DHCPINFORM\(/, { from: at });
      at = router.dhcp.lines.findIndex((line, i) => i >= at && line.includes("DHCPINFORM(")) + 1;
    }
    assertEquals(router.dhcp.lines.slice(from).filter((line) => line.includes("DHCPDISCOVER(")), []);
    assertEquals(program.lines.filter((line) => line.includes("suspect")), []);
  },
);
