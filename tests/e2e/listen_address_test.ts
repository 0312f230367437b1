import { assertEquals, assertMatch } from "@std/assert";
import { binary } from "../support/binary.ts";
import { networkTest } from "../support/net/network_test.ts";
import { startScript } from "../support/net/script.ts";
import { createScene, SERVERS } from "../support/scene.ts";
import type { Scene } from "../support/scene.ts";

const ID = "/latest/meta-data/instance-id";
const READY = "http://127.0.0.1:39725/readyz";
const ADMIN = ["--admin-listen", "127.0.0.1:39725"] as const;

/** An `ip` that adds an address only when it may: what listens to changes runs already, and is the real one. */
const HELD_UP = `#!/bin/sh
[ "$1 $2" != "address add" ] || until [ -e /run/may ]; do sleep 0.05; done
exec /run/ip "$@"
`;

const NOTIFY_SOCKET = "/run/systemd/notify";

/** The usual scene, and a service manager. */
async function setUp() {
  const scene = await createScene({ args: "none" });
  await scene.guest.must(["mkdir", "-p", "/run/systemd"]);
  const manager = startScript(scene.guest, "servers/service_manager.ts", [NOTIFY_SOCKET]);
  await manager.waitForLine(/^listening$/);
  await scene.startProgram(ADMIN, { env: { NOTIFY_SOCKET } });
  assertEquals((await scene.getUntilGood(ID)).status, 200);
  await manager.waitForLine(/STATUS=ready/);
  return { scene, manager };
}

/** What the program says of itself at the admin port, and to its commands. */
async function hear(scene: Scene) {
  const page = (path: string) => scene.get(`http://127.0.0.1:39725${path}`);
  const command = (...args: string[]) => scene.guest.run([binary(), ...args]);
  const { status, body } = await page("/readyz");
  const told = await command("status");
  const waited = await command("wait", "--timeout", "1s");
  return {
    readyz: [status, body.trim()],
    ready: /^mdproxy4cs_ready (\d)$/m.exec((await page("/metrics")).body)?.[1],
    page: JSON.parse((await page("/status")).body).state,
    status: [told.code, /^state: +(.*)$/m.exec(told.stdout)?.[1]],
    wait: [waited.code, waited.stderr.trim()],
    discover: /^service +running \([^)]*\), (.*)$/m.exec((await command("discover")).stdout)?.[1],
  };
}

const SERVING = "serving the metadata of 10.1.1.1, found by dhcp";
const READY_SAYS = {
  readyz: [200, "ready"],
  ready: "1",
  page: "ready",
  status: [0, `ready: ${SERVING}`],
  wait: [0, ""],
  discover: SERVING,
};
const UNSERVED = "not ready: the listen address is not served";
const UNSERVED_SAYS = {
  readyz: [503, UNSERVED],
  ready: "0",
  page: "unserved",
  status: [1, UNSERVED],
  wait: [1, `mdproxy4cs: error: no metadata within 1 s: ${UNSERVED}`],
  discover: "its listen address is not served",
};

networkTest("nobody is told that the program is ready while its address is gone", SERVERS, async () => {
  const { scene, manager } = await setUp();
  await using _ = scene;
  const { guest, program } = scene;
  assertEquals(await hear(scene), READY_SAYS);
  await guest.must(["cp", "/bin/ip", "/run/ip"]);
  await guest.write("/bin/ip", HELD_UP);
  await guest.must(["sh", "-c", "chmod 755 $(realpath /bin/ip)"]);
  await guest.must(["/run/ip", "address", "del", "169.254.169.254/32", "dev", "lo"]);
  await program.waitForLine(/the listen address is gone/);
  assertEquals(await hear(scene), UNSERVED_SAYS);
  await manager.waitForLine(new RegExp(`STATUS=${UNSERVED}`));
  assertEquals((await scene.get(ID)).status, 0);

  const heard = manager.lines.length;
  await guest.must(["touch", "/run/may"]);
  await program.waitForLine(/added the listen address again/);
  assertEquals(await hear(scene), READY_SAYS);
  await manager.waitForLine(/STATUS=ready/, { from: heard });
  assertEquals((await scene.get(ID)).status, 200);
});

networkTest(
  "nobody is told that the program is ready while lo is down, and all hear when it is up",
  SERVERS,
  async () => {
    const { scene, manager } = await setUp();
    await using _ = scene;
    const { guest, program } = scene;
    // With IPv6, an address of lo goes and comes with it.
    await guest.must(["sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6"]);
    // The first time it may be what it looks at when it begins to listen to changes.
    for (let times = 0; times < 2; times++) {
      const from = manager.lines.length;
      await guest.ip("link set lo down");
      await manager.waitForLine(new RegExp(`STATUS=${UNSERVED}`), { from });
      const told = await guest.run([binary(), "status"]);
      assertEquals(told.code, 1);
      assertMatch(told.stdout, new RegExp(`^state: +${UNSERVED}$`, "m"));

      const waiting = guest.start([binary(), "wait", "--timeout", "60s"]).ended;
      const heard = manager.lines.length;
      await guest.ip("link set lo up");
      await manager.waitForLine(/STATUS=ready/, { from: heard });
      assertEquals([(await waiting).code, await hear(scene)], [0, READY_SAYS]);
    }
    assertEquals(program.lines.filter((line) => / warn +the listen address is not served$/.test(line)).length, 2);
  },
);

networkTest("the listen address is added again when it is taken away, where that is permitted", SERVERS, async () => {
  await using scene = await createScene({ args: ADMIN });
  assertEquals((await scene.getUntilGood(ID)).status, 200);
  await scene.guest.ip("address del 169.254.169.254/32 dev lo");
  await scene.program.waitForLine(/added the listen address again/);
  assertEquals((await scene.get(ID)).status, 200);
  assertEquals((await scene.get(READY)).status, 200);
});

networkTest(
  "the program exits with 1 when its address is gone and it may not add it: the unit does",
  SERVERS,
  async () => {
    await using scene = await createScene({
      without: ["net_admin"],
      prepare: ({ guest }) => guest.ip("address add 169.254.169.254/32 dev lo"),
    });
    assertEquals((await scene.getUntilGood(ID)).status, 200);
    const { program } = scene;
    await scene.guest.ip("address del 169.254.169.254/32 dev lo");
    assertMatch(await program.waitForLine(/stopping without the listen address/), /CAP_NET_ADMIN/);
    assertEquals((await program.ended).code, 1);
  },
);

networkTest("changes of other addresses are nothing to the program, and it leaves no ip behind", SERVERS, async () => {
  await using scene = await createScene({ args: ADMIN });
  assertEquals((await scene.getUntilGood(ID)).status, 200);
  for (const word of ["add", "del"]) await scene.guest.ip(`address ${word} 192.0.2.1/32 dev eth0`);
  assertEquals((await scene.get(READY)).status, 200);
  await scene.program.stop();
  const { stdout } = await scene.guest.run([
    "sh",
    "-c",
    `
    for at in /proc/[0-9]*; do
      [ "$(readlink $at/ns/net)" = "$(readlink /proc/self/ns/net)" ] || continue
      tr '\\0' ' ' < $at/cmdline; echo
    done`,
  ]);
  assertEquals(stdout.split("\n").filter((line) => line.includes("ip monitor")), []);
});
