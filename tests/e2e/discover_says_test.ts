import { assertEquals, assertMatch } from "@std/assert";
import { networkTest } from "../support/net/network_test.ts";
import type { Host } from "../support/net/network.ts";
import { programLine } from "../support/net/program.ts";
import { createScene, ROUTER } from "../support/scene.ts";
import type { Scene, SceneOptions } from "../support/scene.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";

//   guest eth0 10.1.1.50 ---- lan ---- 10.1.1.1 eth0 router (dnsmasq, nginx that does not serve metadata as it should)

const INSTANCE_ID = "location = /latest/meta-data/instance-id";

/** What is wrong, and what `discover` says of it. */
const CASES: readonly {
  readonly what: string;
  readonly scene: SceneOptions;
  readonly args?: readonly string[];
  readonly after?: (scene: Scene) => Promise<unknown>;
  readonly says: readonly RegExp[];
}[] = [
  {
    what: "a portal, and where it points",
    scene: { router: { extra: `${INSTANCE_ID} { return 302 http://portal.example/login; }` } },
    says: [/has status 302 \(to http:\/\/portal\.example\/login\)/, /Next: that is a portal/],
  },
  {
    what: "a web server that is broken",
    scene: { router: { extra: `${INSTANCE_ID} { return 503; }` } },
    says: [/has status 503/, /Next: the router's web server is broken or still starting/],
  },
  {
    what: "the address that the router offers, and the one that requests leave from",
    scene: {
      router: { metadata: { "10.1.1.50": sampleMetadata("10.1.1.50") } },
      prepare: async ({ guest }) => {
        await guest.ip("address flush dev eth0");
        await guest.ip("address add 10.1.1.60/24 dev eth0");
      },
    },
    says: [/Next: 10\.1\.1\.1 offers 10\.1\.1\.50 to 02:00:0a:01:01:32, but eth0 has 10\.1\.1\.60: give the interface/],
  },
  {
    what: "that nothing can be a router on loopback",
    scene: { router: "none" },
    args: ["--server", "127.0.0.1"],
    says: [/Most likely: 127\.0\.0\.1 is no address that a router can have/, /correct --server/],
  },
  {
    what: "that a network without any answer may have no router",
    scene: { router: "none" },
    says: [/no DHCP server answered on eth0/, /is a config drive attached\?/],
  },
  {
    what: "that connections are accepted and not answered",
    scene: { router: {} },
    after: ({ router }) => Promise.resolve(router.web.kill("SIGSTOP")),
    says: [/10\.1\.1\.1 accepts connections and does not answer/],
  },
  {
    what: "that something else than a web server listens on port 80",
    scene: { router: { web: "none" } },
    after: async ({ router }) => {
      const banner = router.host.start(["busybox", "nc", "-ll", "-p", "80", "-e", "echo", "SSH-2.0-OpenSSH_9.2"]);
      await router.host.must(["sh", "-c", "until grep -q ':0050 .* 0A ' /proc/net/tcp*; do :; done"]);
      return banner;
    },
    says: [/10\.1\.1\.1 serves no metadata/, /something else than a web server/],
  },
  {
    what: "that ip prints no JSON, and what it prints",
    scene: { router: "none" },
    args: ["--discovery", "gateway"],
    after: ({ guest }) => replaceIp(guest, "#!/bin/sh\necho default via 10.1.1.1 dev eth0\n"),
    says: [
      /Most likely: ip -json printed no list in JSON: "default via 10\.1\.1\.1 dev eth0/,
      /Next: install iproute2/,
    ],
  },
  {
    what: "that the ip is busybox's",
    scene: { router: "none" },
    args: ["--discovery", "gateway"],
    after: ({ guest }) => replaceIp(guest, '#!/bin/sh\nexec busybox ip "$@"\n'),
    says: [/Most likely: Cannot run "ip [^"]*": BusyBox v\S+ \([^)]*\) multi-call binary\.+ Next: install iproute2/],
  },
];

async function replaceIp(guest: Host, script: string): Promise<void> {
  await guest.write("/bin/ip", script);
  await guest.must(["sh", "-c", "chmod 755 $(realpath /bin/ip)"]);
}

for (const { what, scene: options, args = ["--discovery", "dhcp"], after, says } of CASES) {
  networkTest(`discover says ${what}`, { programs: ["dnsmasq", "nginx", "busybox"] }, async () => {
    await using scene = await createScene({ ...options, args: "none" });
    await after?.(scene);
    const { code, stdout } = await scene.guest.run(programLine(["discover", "--discovery-timeout", "3s", ...args]));
    assertEquals(code, 1, stdout);
    for (const pattern of says) assertMatch(stdout, pattern);
  });
}

networkTest(
  "discover says that packets to port 80 are dropped",
  { programs: ["dnsmasq", "nginx", "nft"] },
  async () => {
    await using scene = await createScene({
      prepare: ({ router }) =>
        router.host.must(["nft", "-f", "-"], {
          input: "table ip t {\nchain i { type filter hook input priority 0; tcp dport 80 drop; }\n}\n",
        }),
      args: "none",
    });
    const { stdout } = await scene.guest.run(
      programLine(["discover", "--discovery", "dhcp", "--discovery-timeout", "7s"]),
    );
    assertMatch(stdout, /its port 80 drops what is sent there/);
  },
);

networkTest(
  "discover says above its table what the machine has and what the running service believes",
  ROUTER,
  async () => {
    await using scene = await createScene();
    assertEquals((await scene.getUntilGood("/latest/meta-data/instance-id")).status, 200);
    await scene.guest.ip("route add default via 10.1.1.1");
    const { code, stdout } = await scene.guest.run(programLine(["discover"]));
    assertEquals(code, 0);
    assertMatch(stdout, /^interface +eth0, 10\.1\.1\.50, 02:00:0a:01:01:32\ngateway +10\.1\.1\.1 on eth0\n/);
    assertMatch(stdout, /^listen +169\.254\.169\.254:39724$/m);
    assertMatch(stdout, /^service +running \(\S+, pid \d+\), serving the metadata of 10\.1\.1\.1, found by dhcp$/m);
    assertMatch(stdout, /^nothing to say: networkd, /m);
  },
);

networkTest("discover says what is doubtful about its configuration, apart from what it writes", ROUTER, async () => {
  await using scene = await createScene({ args: "none" });
  const args = ["--discovery", "dhcp", "--server", "10.1.1.7", "--log-level", "loud\u009b", "--json"];
  const { code, stdout, stderr } = await scene.guest.run(programLine(["discover", ...args]));
  assertEquals(code, 0, stderr);
  assertEquals(JSON.parse(stdout).router.address, "10.1.1.1");
  assertMatch(stderr, /^mdproxy4cs: warning: --server is not used: --discovery does not name server$/m);
  assertMatch(stderr, /^mdproxy4cs: warning: --log-level: .*"loud\\u009b"/m);
});
