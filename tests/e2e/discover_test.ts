import { assert, assertEquals, assertMatch } from "@std/assert";
import { REMEDIES } from "../../lib/discover/command/remedies.ts";
import { programLine } from "../support/net/program.ts";
import { networkTest } from "../support/net/network_test.ts";
import { asNobody } from "../support/net/nobody.ts";
import { createScene, ROUTER } from "../support/scene.ts";
import type { SceneOptions } from "../support/scene.ts";

//   guest eth0 10.1.1.50 ---- lan ---- 10.1.1.1 eth0 router (dnsmasq, nginx)

const SERVERS = { programs: ["dnsmasq", "nginx", "busybox"] } as const;

networkTest("mdproxy4cs discover prints what every source said, and exits 0 with a router", ROUTER, async () => {
  await using scene = await createScene({ args: "none" });
  const { guest } = scene;
  await guest.ip("route add default via 10.1.1.1");
  const { code, stdout, stderr } = await guest.run(programLine(["discover"]));
  assertEquals([code, stderr], [0, ""], stdout);
  assertMatch(stdout, /^dhcp\s+10\.1\.1\.1\b.*$/m);
  assertMatch(stdout, /^gateway\s+10\.1\.1\.1\b.*$/m);
});

networkTest("mdproxy4cs discover --json says the same for programs", ROUTER, async () => {
  await using scene = await createScene({ args: "none" });
  const { guest } = scene;
  const { code, stdout } = await guest.run(programLine(["discover", "--json"]));
  const report = JSON.parse(stdout);
  assertEquals([code, report.router.address, report.router.source], [0, "10.1.1.1", "dhcp"]);
});

networkTest("mdproxy4cs discover runs beside the service, and as a user without any rights", SERVERS, async () => {
  await using scene = await createScene();
  const line = programLine(["discover"]);
  for (const argv of [line, asNobody(line)]) {
    const { code, stdout } = await scene.guest.run(argv);
    assertEquals([argv, code], [argv, 0], stdout);
  }
  assertEquals((await scene.get("/latest/meta-data/vm-id")).status, 200);
});

networkTest("a default route of IPv6 names no gateway, and makes no second one of the router's", SERVERS, async () => {
  await using scene = await createScene({ args: "none" });
  const { guest } = scene;
  await guest.must(["sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6"]);
  await guest.ip("route add default via 10.1.1.1");
  await guest.ip("-6 route add default via fe80::1 dev eth0");
  const { stdout } = await guest.run(programLine(["discover"]));
  assertMatch(stdout, /^gateway +10\.1\.1\.1 on eth0$/m);
  assert(!stdout.includes("fe80"), stdout);
});

/** The guest's interface, as it is named to operators. */
const ETH0 = "eth0 (10.1.1.50, 02:00:0a:01:01:32)";

/** What is wrong with the network, what the last line calls the cause, and what it says to try. */
const TROUBLES: readonly {
  readonly what: string;
  readonly args?: readonly string[];
  /** Capabilities it is run without. */
  readonly without?: readonly string[];
  /** The scene in which the program is not running. */
  readonly scene: SceneOptions;
  readonly cause: string;
  readonly next: string;
}[] = [
  {
    what: "the interface has no address",
    scene: { router: "none", guest: "unaddressed" },
    cause: "eth0 has no IPv4 address",
    next: REMEDIES.no_address,
  },
  {
    what: "the interface does not exist",
    scene: { router: "none", guest: "unplugged" },
    cause: "eth0 does not exist",
    next: REMEDIES.no_interface,
  },
  {
    what: "the DHCP server serves no metadata",
    scene: { router: { web: "none" } },
    cause: "10.1.1.1 serves no metadata: The server refused the connection: Connection refused (os error 111)",
    next: REMEDIES.refused,
  },
  {
    what: "the link is down",
    scene: { router: "none", prepare: ({ guest }) => guest.ip("link set eth0 down") },
    cause: "eth0 is down",
    next: REMEDIES.link_down,
  },
  {
    what: "the router is outside of --allow-server",
    args: ["--allow-server", "10.9.0.0/16"],
    scene: {},
    cause: "10.1.1.1 is outside of --allow-server",
    next: REMEDIES.not_allowed,
  },
  {
    what: "the DHCP server answers to port 68 alone, which may not be had",
    without: ["net_bind_service"],
    scene: {
      router: { dhcp: "udhcpd" },
      prepare: ({ guest }) => guest.must(["sh", "-c", "echo 1024 > /proc/sys/net/ipv4/ip_unprivileged_port_start"]),
    },
    cause: `no DHCP server answered on ${ETH0}: cannot listen on port 68 (needs CAP_NET_BIND_SERVICE): ` +
      "Permission denied (os error 13)",
    next: REMEDIES.client_port_unavailable,
  },
  {
    what: "nobody answers",
    scene: { router: "none" },
    cause: `no DHCP server answered on ${ETH0}`,
    next: `${REMEDIES.no_answer}; this network may have no router: is a config drive attached?`,
  },
];

for (const { what, args = [], without = [], scene: options, cause, next } of TROUBLES) {
  networkTest(`mdproxy4cs discover exits 1 when ${what}, and ends with the likely cause`, SERVERS, async () => {
    await using scene = await createScene({ ...options, args: "none" });
    const line = programLine(["discover", "--discovery-timeout", "2s", ...args], { without });
    const { code, stdout, stderr } = await scene.guest.run(line);
    assertEquals(code, 1, stdout);
    const last = (stdout + stderr).trim().split("\n").at(-1);
    assertEquals(last, `No router found. Most likely: ${cause}. Next: ${next}${next.endsWith("?") ? "" : "."}`, stdout);
  });
}

/** Runs a command on a terminal of its own, and ends as it does. */
const ON_TERMINAL = [
  "python3",
  "-c",
  "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))",
];

networkTest(
  "mdproxy4cs discover shows colours and what it waits for on a terminal alone, and as that and NO_COLOR allow",
  { programs: ["dnsmasq", "nginx", "python3"] },
  async () => {
    await using scene = await createScene({ router: { web: "none" }, args: "none" });
    const line = programLine(["discover", "--discovery", "dhcp", "--discovery-timeout", "2s"]);
    const run = async (argv: readonly string[], env: Readonly<Record<string, string>> = {}) => {
      const { code, stdout, stderr } = await scene.guest.run(argv, { env: { TERM: "xterm", ...env } });
      assertEquals(code, 1);
      const text = stdout + stderr;
      // deno-lint-ignore no-control-regex
      return { isColored: /\x1b\[\d+m/.test(text), isShown: /searching, \d of 2 s: /.test(text), text };
    };
    const onTerminal = [...ON_TERMINAL, ...line];
    const looks = await Promise.all([
      run(onTerminal),
      run(onTerminal, { NO_COLOR: "1" }),
      run(onTerminal, { TERM: "dumb" }),
      run(line),
    ]);
    assertEquals(looks.map(({ isColored, isShown }) => [isColored, isShown]), [
      [true, true],
      [false, true],
      [false, false],
      [false, false],
    ]);
    for (const { text } of looks.slice(2)) assert(!text.includes("\x1b"), text);
  },
);

networkTest("mdproxy4cs discover --json has the names of status --json for what both tell", SERVERS, async () => {
  // The commands have not the settings of the service.
  const listen = "127.0.0.1:8000";
  await using scene = await createScene({ args: ["--http-listen", listen] });
  assertEquals((await scene.get(`http://${listen}/latest/meta-data/instance-id`)).status, 200);
  const read = async (...args: string[]) => JSON.parse((await scene.guest.run(programLine(args))).stdout);
  const [found, status] = [await read("discover", "--json"), await read("status", "--json")];
  assertEquals([found.version, status.version], [1, 1]);
  const told = (document: typeof found) => ({
    ...document.router,
    since: "",
    searchMs: 0,
    listener: document.listeners.metadata,
  });
  const { since: _, searchMs: __, ...names } = told(found);
  for (const [name, value] of Object.entries(names)) assertEquals([name, told(status)[name]], [name, value]);
  assertEquals(found.service.router.address, status.router.address);
});

networkTest(
  "mdproxy4cs discover works for nobody, in a folder that is root's alone",
  { ...SERVERS, root: true },
  async () => {
    await using scene = await createScene({ args: "none" });
    const enter = ["sh", "-euc", 'mkdir -m 700 /run/private; cd /run/private; exec "$@"', "sh"];
    const { code, stdout, stderr } = await scene.guest.run([...enter, ...asNobody(programLine(["discover"]))]);
    assertEquals(code, 0, stdout + stderr);
    assert(!/ip.*(at none|may not)/.test(stdout + stderr), stdout + stderr);
  },
);
