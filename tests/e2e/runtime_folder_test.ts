import { assertEquals, assertMatch } from "@std/assert";
import { binary } from "../support/binary.ts";
import { asNobody } from "../support/net/nobody.ts";
import { networkTest } from "../support/net/network_test.ts";
import { programLine } from "../support/net/program.ts";
import { createScene, SERVERS } from "../support/scene.ts";
import { pause } from "../support/pause.ts";
import type { Scene } from "../support/scene.ts";

//   guest eth0 10.1.1.50 ---- lan ---- 10.1.1.1 eth0 router (dnsmasq, nginx)

const ADMIN = "127.0.0.1:39725";
const ARGS = ["--cache-ttl", "0", "--admin-listen", ADMIN];

const COUNT = 4;

/** Takes the folder away, and asks more at once than there are connections to the server behind the gate. */
async function askWithoutFolder(scene: Scene): Promise<number[]> {
  await scene.guest.must(["rm", "-r", "/run/mdproxy4cs"]);
  scene.router.web.kill("SIGSTOP");
  let answered = 0;
  const asking = Array.from({ length: COUNT }, () => scene.get("/latest/user-data").finally(() => answered++));
  while (answered + await countInFlight(scene) < COUNT) await pause();
  scene.router.web.kill("SIGCONT");
  return (await Promise.all(asking)).map(({ status }) => status).sort();
}

async function countInFlight(scene: Scene): Promise<number> {
  const { body } = await scene.get(`http://${ADMIN}/metrics`);
  return Number(/^mdproxy4cs_requests_in_flight (\d+)$/m.exec(body)![1]);
}

networkTest("mdproxy4cs serves all the same where its runtime folder takes no file", SERVERS, async () => {
  await using scene = await createScene({
    args: ARGS,
    async prepare({ guest }) {
      await guest.must(["mkdir", "/run/mdproxy4cs"]);
      await guest.must(["mount", "-t", "tmpfs", "-o", "nr_inodes=1", "none", "/run/mdproxy4cs"]);
    },
  });
  assertMatch(
    scene.program.lines.find((line) => line.includes("doing without a server behind the gate"))!,
    /path=\/run\/mdproxy4cs\/inner\.sock error="No space left on device/,
  );
  assertEquals((await scene.get("/latest/user-data")).status, 200);
  assertEquals((await scene.get(`http://${ADMIN}/readyz`)).status, 200);
  const { listeners } = JSON.parse((await scene.get(`http://${ADMIN}/status`)).body);
  assertEquals(listeners, { metadata: "169.254.169.254:39724", admin: ADMIN, control: null });
});

networkTest("mdproxy4cs makes its runtime folder again where it was taken away and it may", SERVERS, async () => {
  await using scene = await createScene({ args: ARGS });
  assertEquals((await scene.get("/latest/user-data")).status, 200);
  assertEquals(await askWithoutFolder(scene), Array(COUNT).fill(200));
  assertEquals((await scene.guest.must(["stat", "-c", "%a", "/run/mdproxy4cs"])).trim(), "700");
});

networkTest("mdproxy4cs answers its commands again where its runtime folder was taken away", SERVERS, async () => {
  await using scene = await createScene({ args: ARGS });
  const { guest, program } = scene;
  await program.waitForLine(/found the router/);
  for (let times = 0; times < 2; times++) {
    await guest.must(["rm", "-r", "/run/mdproxy4cs"]);
    const from = program.lines.length;
    assertEquals((await guest.run([binary(), "status"])).code, 3);
    // It looks when somebody asks, or the watchdog, or after ten minutes.
    assertEquals((await scene.get(`http://${ADMIN}/readyz`)).status, 200);
    await program.waitForLine(/listening for commands again/, { from });
    assertEquals((await guest.run([binary(), "wait", "--timeout", "60s"])).code, 0);
    assertEquals((await guest.run([binary(), "status"])).code, 0);
  }
});

networkTest(
  "mdproxy4cs says that it is not ready, and answers at once, where its runtime folder was taken away for good",
  { ...SERVERS, root: true },
  async () => {
    await using scene = await createScene({ args: "none" });
    const { guest } = scene;
    await guest.must(["chmod", "755", "/run"]);
    await guest.must(["install", "-d", "-o", "nobody", "-m", "700", "/run/mdproxy4cs"]);
    await guest.must(["ip", "address", "add", "169.254.169.254/32", "dev", "lo"]);
    const program = guest.start(asNobody(programLine(ARGS)));
    await program.waitForLine(/found the router/);
    await program.waitForLine(/serving the admin pages/);
    assertEquals((await scene.get("/latest/user-data")).status, 200);
    assertEquals((await scene.get(`http://${ADMIN}/readyz`)).status, 200);
    // Also before anybody has asked in vain.
    await guest.must(["rm", "-r", "/run/mdproxy4cs"]);
    assertEquals((await scene.get(`http://${ADMIN}/readyz`)).status, 503);
    await guest.must(["install", "-d", "-o", "nobody", "-m", "700", "/run/mdproxy4cs"]);
    assertEquals((await scene.get(`http://${ADMIN}/readyz`)).status, 200);

    assertEquals(await askWithoutFolder(scene), [200, ...Array(COUNT - 1).fill(503)]);
    assertEquals((await scene.get(`http://${ADMIN}/readyz`)).status, 503);
    assertEquals(program.lines.filter((line) => line.includes("cannot restart the server behind the gate")).length, 2);
    await guest.must(["install", "-d", "-o", "nobody", "-m", "700", "/run/mdproxy4cs"]);
    assertEquals((await scene.get(`http://${ADMIN}/readyz`)).status, 200);
    assertEquals((await scene.get("/latest/user-data")).status, 200);
    await program.stop();
  },
);
