import { assertEquals, assertMatch } from "@std/assert";
import { networkTest } from "../support/net/network_test.ts";
import { createScene, SERVERS } from "../support/scene.ts";

const ID = "/latest/meta-data/instance-id";
const READY = "http://127.0.0.1:39725/readyz";
const ADMIN = ["--admin-listen", "127.0.0.1:39725"] as const;

/** An `ip` that adds an address only when it may: what listens to changes runs already, and is the real one. */
const HELD_UP = `#!/bin/sh
[ "$1 $2" != "address add" ] || until [ -e /run/may ]; do sleep 0.05; done
exec /run/ip "$@"
`;

networkTest("nobody is told that the program is ready while its address is gone", SERVERS, async () => {
  await using scene = await createScene({ args: ADMIN });
  const { guest, program } = scene;
  assertEquals((await scene.getUntilGood(ID)).status, 200);
  await guest.must(["cp", "/bin/ip", "/run/ip"]);
  await guest.write("/bin/ip", HELD_UP);
  await guest.must(["sh", "-c", "chmod 755 $(realpath /bin/ip)"]);
  await guest.must(["/run/ip", "address", "del", "169.254.169.254/32", "dev", "lo"]);
  await program.waitForLine(/the listen address is gone/);
  const { status, body } = await scene.get(READY);
  assertEquals([status, body], [503, "the listen address is not served\n"]);
  assertEquals((await scene.get(ID)).status, 0);

  await guest.must(["touch", "/run/may"]);
  await program.waitForLine(/added the listen address again/);
  assertEquals((await scene.get(READY)).status, 200);
  assertEquals((await scene.get(ID)).status, 200);
});

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
