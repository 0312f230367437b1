import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { OPTIONS, variableOf } from "../../lib/config/options.ts";
import { createNetwork } from "../support/net/network.ts";
import type { Host, Network } from "../support/net/network.ts";
import { networkTest } from "../support/net/network_test.ts";
import { filePath } from "../../tools/file_path.ts";

const PRE_START = filePath("../../assets/pre-start.sh", import.meta.url);

/** A host without the machine's devices, of which some may look like a config drive. */
async function createVm(network: Network): Promise<Host> {
  const host = await network.createHost("vm");
  await host.must([
    "sh",
    "-ec",
    "mount -t tmpfs -o mode=755 tmpfs /mnt; touch /mnt/null; mount --bind /dev/null /mnt/null; mount --move /mnt /dev",
  ]);
  return host;
}

async function linkLocal(host: Host): Promise<string[]> {
  const addresses = await host.must(["ip", "-o", "-4", "address", "show"]);
  return [...addresses.matchAll(/(\w+)\s+inet (169\.254\S+)/g)].map(([, iface, address]) => `${address} on ${iface}`);
}

networkTest("pre-start.sh adds the default address to lo", {}, async () => {
  await using network = await createNetwork();
  const host = await createVm(network);
  await host.must([PRE_START]);
  assertEquals(await linkLocal(host), ["169.254.169.254/32 on lo"]);
});

networkTest("pre-start.sh can run again, and many times at once", {}, async () => {
  await using network = await createNetwork();
  const host = await createVm(network);
  await host.must(["mkdir", "/run/mdproxy4cs.starts"]); // no counting here
  const outcomes = await Promise.all(Array.from({ length: 16 }, () => host.run([PRE_START])));
  assertEquals(outcomes.map(({ code }) => code), Array(16).fill(0));
  await host.must([PRE_START]);
  assertEquals(await linkLocal(host), ["169.254.169.254/32 on lo"]);
});

networkTest("pre-start.sh adds the address that is configured, and none where that is loopback", {}, async () => {
  await using network = await createNetwork();
  const host = await createVm(network);
  for (const listen of ["127.0.0.1:39724", "[::1]:39724"]) {
    await host.must([PRE_START], { env: { MDPROXY4CS_HTTP_LISTEN: listen } });
    assertEquals(await linkLocal(host), []);
  }
  await host.must([PRE_START], { env: { MDPROXY4CS_HTTP_LISTEN: "169.254.1.2:8000" } });
  assertEquals(await linkLocal(host), ["169.254.1.2/32 on lo"]);
});

networkTest("pre-start.sh names a variable that is none, and no other", {}, async () => {
  await using network = await createNetwork();
  const host = await createVm(network);
  const known = OPTIONS.map(({ flag, default: preset }) => [variableOf(flag), preset]);
  const env = { ...Object.fromEntries(known), MDPROXY4CS_INAM: "eth1", MDPROXY4CS_HTTP: "x", OTHER_INAM: "eth1" };
  const { code, stderr } = await host.run([PRE_START], { env });
  assertEquals([code, stderr.split("\n").sort()], [0, [
    "",
    "mdproxy4cs: ignoring MDPROXY4CS_HTTP: there is no such option",
    "mdproxy4cs: ignoring MDPROXY4CS_INAM: there is no such option",
  ]]);
});

networkTest("pre-start.sh leaves it to the program to refuse what is no address, which ends with 78", {}, async () => {
  await using network = await createNetwork();
  const host = await createVm(network);
  await host.must(["mkdir", "/run/mdproxy4cs.starts"]); // no counting here
  for (
    const address of [
      "169.254.256.1",
      "169.254.1.256",
      "169.254.1",
      "169.254.1.",
      "169.254.1.2.3",
      "169.254.1.2 ",
      "169.254.a.b",
    ]
  ) {
    const { code, stderr } = await host.run([PRE_START], { env: { MDPROXY4CS_HTTP_LISTEN: `${address}:39724` } });
    assertEquals([address, code, stderr, await linkLocal(host)], [address, 0, "", []]);
  }
});

networkTest("pre-start.sh needs no option of ip that old versions lack", {}, async () => {
  await using network = await createNetwork();
  const host = await createVm(network);
  await host.write(
    `${network.folder}/ip`,
    '#!/bin/sh\ncase "$*" in *-j*|*-o*|*-br*|*" to "*|*" up") echo "Option unknown" >&2; exit 255;; esac\nexec /sbin/ip "$@"\n',
  );
  await host.must(["chmod", "755", `${network.folder}/ip`]);
  await host.must([PRE_START], { env: { PATH: `${network.folder}:/usr/sbin:/usr/bin:/sbin:/bin` } });
  assertEquals(await linkLocal(host), ["169.254.169.254/32 on lo"]);
});

/** The kernel's list of ports that it gives to nobody's outgoing connection. */
const RESERVED = "/proc/sys/net/ipv4/ip_local_reserved_ports";

networkTest("pre-start.sh adds the listen port to the reserved ones, and keeps what others reserved", {}, async () => {
  await using network = await createNetwork();
  const table: readonly (readonly [before: string, listen: string, after: string])[] = [
    ["", "169.254.169.254:39724", "39724"],
    ["22,8000-8080", "169.254.169.254:39724", "22,8000-8080,39724"],
    ["39724", "169.254.169.254:39724", "39724"],
    ["39000-40000", "169.254.169.254:39724", "39000-40000"],
    ["39000-39723,39725", "169.254.169.254:39724", "39000-39725"],
    ["5", "[::1]:8000", "5,8000"],
    ["5", "127.0.0.1:0", "5"],
    ["5", "nonsense", "5"],
  ];
  for (const [before, listen, after] of table) {
    const host = await createVm(network);
    await host.must(["sh", "-c", `echo '${before}' > ${RESERVED}`]);
    for (let times = 0; times < 2; times++) {
      const { code, stderr } = await host.run([PRE_START], { env: { MDPROXY4CS_HTTP_LISTEN: listen } });
      assertEquals([code, stderr], [0, ""]);
    }
    assertEquals([before, (await host.must(["cat", RESERVED])).trim()], [before, after]);
  }
});

networkTest("pre-start.sh does without the reserved port where the kernel's settings are read-only", {}, async () => {
  await using network = await createNetwork();
  const host = await createVm(network);
  await host.must(["sh", "-c", "mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys"]);
  const { code, stderr } = await host.run([PRE_START]);
  assertEquals([code, stderr], [0, `mdproxy4cs: cannot reserve port 39724: ${RESERVED} is read-only\n`]);
  assertEquals(await linkLocal(host), ["169.254.169.254/32 on lo"]);
});

const FAKES_FIRST = { env: { PATH: "/run/bin:/usr/sbin:/usr/bin:/sbin:/bin" } };

/** Puts scripts in the place of programs: time that passes, and what systemd says, are for others to test. */
async function fakePrograms(host: Host, scripts: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, script] of Object.entries(scripts)) {
    await host.write(`/run/bin/${name}`, `#!/bin/sh\n${script}\n`);
    await host.must(["chmod", "755", `/run/bin/${name}`]);
  }
}

networkTest("pre-start.sh slows down the sixth start in a row, and each one more, to twenty seconds", {}, async () => {
  await using network = await createNetwork();
  const host = await createVm(network);
  await fakePrograms(host, { sleep: "echo slept $1", systemctl: "echo 7" });
  const slept: string[] = [];
  for (let start = 1; start <= 17; start++) {
    const { stdout } = await host.run([PRE_START], FAKES_FIRST);
    slept.push(stdout.replace(/^slept (\d+)\n$/, "$1"));
  }
  assertEquals(slept, ["", "", "", "", "", "2", "4", "6", "8", "10", "12", "14", "16", "18", "20", "20", "20"]);
  const { stderr } = await host.run([PRE_START], FAKES_FIRST);
  assertEquals(
    stderr,
    "mdproxy4cs: start 18 in a row, each within a minute of the one before: waiting for 20 seconds\n",
  );
});

networkTest("pre-start.sh never slows down somebody who starts the unit again and again", {}, async () => {
  await using network = await createNetwork();
  const host = await createVm(network);
  await fakePrograms(host, { sleep: "echo slept $1", systemctl: "echo 0" });
  for (let start = 1; start <= 8; start++) assertEquals(await host.must([PRE_START], FAKES_FIRST), "");
});

networkTest("pre-start.sh counts anew after a minute without a start", {}, async () => {
  await using network = await createNetwork();
  const host = await createVm(network);
  const [uptime] = (await host.must(["cat", "/proc/uptime"])).split(".");
  for (const [since, count] of [[30, 41], [61, 0]] as const) {
    await host.must(["sh", "-ec", `echo 40 $(( ${uptime} - ${since} )) > /run/mdproxy4cs.starts`]);
    await fakePrograms(host, { sleep: "", systemctl: "echo 7" });
    await host.must([PRE_START], FAKES_FIRST);
    assertEquals((await host.must(["cat", "/run/mdproxy4cs.starts"])).split(" ")[0], String(count));
  }
});

networkTest("pre-start.sh without the right to change the network fails with a sentence", {}, async () => {
  await using network = await createNetwork();
  const host = await createVm(network);
  const { code, stderr } = await host.run(["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", PRE_START]);
  assertEquals(code, 1);
  assertStringIncludes(stderr, "mdproxy4cs: cannot add 169.254.169.254 to lo: ");
  assert(/not permitted/.test(stderr), stderr);
});

networkTest(
  "pre-start.sh copies the leases that only root may read, for the program's group",
  { root: true },
  async () => {
    await using network = await createNetwork();
    const host = await createVm(network);
    const files = [
      "NetworkManager/dhclient-5f6a-eth0.lease",
      "NetworkManager/internal-5f6a-eth0.lease",
      "dhcpcd/eth0.lease",
      "wicked/lease-eth0-dhcp-ipv4.xml",
    ];
    for (const file of files) await host.write(`/var/lib/${file}`, file);
    await host.write("/var/lib/NetworkManager/secret_key", "not to be copied");
    await host.must([
      "sh",
      "-ec",
      `
    chmod 640 /var/lib/dhcpcd/eth0.lease; touch -d @1700000000 /var/lib/dhcpcd/eth0.lease
    chmod 700 /var/lib/NetworkManager; ln -s /etc/shadow /var/lib/dhcpcd/eth1.lease
    install -d -o 4321 -g 4322 -m 700 /run/mdproxy4cs`,
    ]);
    for (let time = 0; time < 2; time++) await host.must([PRE_START]);
    const { stdout } = await host.run([
      "sh",
      "-c",
      "cd /run/mdproxy4cs-root && find . -printf '%P %u %G %m\n' | LC_ALL=C sort",
    ]);
    assertEquals(
      stdout.trim().split("\n").toSorted(),
      [
        "leases root 4322 750",
        "leases/dhclient root 4322 750",
        "leases/dhclient/dhclient-5f6a-eth0.lease root 4322 640",
        "leases/dhcpcd root 4322 750",
        "leases/dhcpcd/eth0.lease root 4322 640",
        "leases/network_manager root 4322 750",
        "leases/network_manager/internal-5f6a-eth0.lease root 4322 640",
        "leases/wicked root 4322 750",
        "leases/wicked/lease-eth0-dhcp-ipv4.xml root 4322 640",
        "root 4322 750",
      ].toSorted(),
    );
    assertEquals(
      await host.must(["stat", "-c", "%Y", "/run/mdproxy4cs-root/leases/dhcpcd/eth0.lease"]),
      "1700000000\n",
    );
    assertEquals(
      await host.must(["cat", "/run/mdproxy4cs-root/leases/network_manager/internal-5f6a-eth0.lease"]),
      files[1],
    );
  },
);

networkTest("pre-start.sh copies no lease where no unit has made the program's folder", { root: true }, async () => {
  await using network = await createNetwork();
  const host = await createVm(network);
  await host.write("/var/lib/dhcpcd/eth0.lease", "a lease");
  await host.must([PRE_START]);
  assertEquals((await host.run(["ls", "/run/mdproxy4cs-root/leases"])).code, 2);
});

networkTest("pre-start.sh run many times at once leaves whole leases, and nobody stumbles", {}, async () => {
  await using network = await createNetwork();
  const host = await createVm(network);
  await host.must(["mkdir", "/run/mdproxy4cs.starts", "/run/mdproxy4cs"]); // no counting here
  const names = Array.from({ length: 8 }, (_, i) => `eth${i}.lease`);
  for (const name of names) await host.write(`/var/lib/dhcpcd/${name}`, name.repeat(20_000));
  for (let round = 0; round < 3; round++) {
    const outcomes = await Promise.all(Array.from({ length: 12 }, () => host.run([PRE_START])));
    assertEquals(outcomes.map(({ code, stderr }) => [code, stderr]), Array(12).fill([0, ""]));
    assertEquals(await host.must(["diff", "-r", "/var/lib/dhcpcd", "/run/mdproxy4cs-root/leases/dhcpcd"]), "");
  }
});

/** A program that no signal ends, as one that waits for a sick drive; it keeps nothing open that a test waits for. */
const HANGS = "trap '' TERM; exec 2>/dev/null; while [ -e /run/sick ]; do sleep 0.1; done";

for (
  const [what, programs] of Object.entries({
    "be searched for a label": { blkid: HANGS },
    "be mounted": { blkid: "echo /dev/sick", mount: HANGS },
  })
) {
  networkTest(`pre-start.sh gives up a drive that hangs when it is to ${what}`, {}, async () => {
    await using network = await createNetwork();
    const host = await createVm(network);
    await host.write("/run/sick", "");
    const timeout =
      'case "$*" in "15 "*config-drive) shift; exec /usr/bin/timeout 1 "$@" ;; esac; exec /usr/bin/timeout "$@"';
    await fakePrograms(host, { ...programs, timeout });
    const { code, stderr } = await host.run([PRE_START], FAKES_FIRST);
    await host.must(["rm", "/run/sick"]);
    assertEquals(
      [code, stderr],
      [0, "mdproxy4cs: config-drive: gave up copying after 15 seconds: does the drive answer?\n"],
    );
    assertEquals(await linkLocal(host), ["169.254.169.254/32 on lo"]);
  });
}
