import { assert, assertEquals, assertMatch } from "@std/assert";
import { binary } from "../support/binary.ts";
import { networkTest } from "../support/net/network_test.ts";
import { asNobody } from "../support/net/nobody.ts";
import type { Host } from "../support/net/network.ts";
import { createScene, ROUTER, SERVERS } from "../support/scene.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import { GUEST } from "../support/servers/router.ts";

//   guest eth0 10.1.1.50 ---- lan ---- 10.1.1.1 eth0 router (dnsmasq, nginx)

const SAMPLE = sampleMetadata(GUEST.address);
const SOCKET = "/run/mdproxy4cs/control.sock";

/** Runs a command of the program in a host. */
function command(host: Host, ...args: string[]) {
  return host.run([binary(), ...args]);
}

networkTest("mdproxy4cs status says what the service believes, with an exit code as systemctl's", ROUTER, async () => {
  await using scene = await createScene({ router: "none", args: "none" });
  const { guest } = scene;
  const none = await command(guest, "status");
  assertEquals([none.code, none.stdout], [3, ""]);
  assertMatch(none.stderr, /^mdproxy4cs: No service answers at \/run\/mdproxy4cs\/control\.sock: .*\n$/);

  const program = await scene.startProgram(["--admin-listen", "127.0.0.1:39725"]);
  const searching = await command(guest, "status");
  assertEquals(searching.code, 1);
  assertMatch(searching.stdout, /^state: +not ready: searching for the virtual router/m);

  await scene.startRouter();
  await program.waitForLine(/\bfound the router\b/);
  await scene.get("/latest/vm-id");
  const ready = await command(guest, "status");
  assertEquals([ready.code, ready.stderr], [0, ""]);
  assertMatch(ready.stdout, /^state: +ready: serving the metadata of 10\.1\.1\.1, found by dhcp$/m);
  assertMatch(ready.stdout, /^identity: +i-2-50-VM$/m);
  assertMatch(ready.stdout, /^listening: metadata 169\.254\.169\.254:39724, admin 127\.0\.0\.1:39725, control \/run/m);

  const json = await command(guest, "status", "--json");
  const page = JSON.parse((await scene.get("http://127.0.0.1:39725/status")).body);
  const document = JSON.parse(json.stdout);
  assertEquals(document, page);
  assertEquals([document.version, document.state, document.router.kind, document.router.interface], [
    1,
    "ready",
    "router",
    "eth0",
  ]);
  assertEquals([document.requests.answered["2xx"], document.cache.miss], [1, 1]);

  await scene.router.stop();
  await scene.get("/latest/service-offering", ["--max-time", "2"]);
  const lost = await command(guest, "status");
  assertEquals(lost.code, 1);
  assertMatch(lost.stdout, /^state: +not ready: 10\.1\.1\.1, found by dhcp does not answer as it should/m);
  assertMatch(lost.stdout, /^last problems:\n {2}\S+ the router is suspect/m);
});

networkTest(
  "the control socket is for user and group, in a folder for the user, and comes again after a kill",
  SERVERS,
  async () => {
    await using scene = await createScene();
    const { guest } = scene;
    const modes = async () => (await guest.must(["stat", "-c", "%a %F", "/run/mdproxy4cs", SOCKET])).trim().split("\n");
    assertEquals(await modes(), ["700 directory", "660 socket"]);
    await scene.program.stop("SIGKILL");
    assertEquals((await command(guest, "status")).code, 3);
    await scene.startProgram();
    assertEquals((await command(guest, "wait")).code, 0);
  },
);

networkTest("mdproxy4cs status tells who may not ask to ask as root", { ...SERVERS, root: true }, async () => {
  await using scene = await createScene();
  const { code, stdout, stderr } = await scene.guest.run(asNobody([binary(), "status"]));
  assertEquals([code, stdout], [4, ""]);
  assertMatch(stderr, /^mdproxy4cs: May not ask the service at .*: ask as root\n$/);
});

networkTest("mdproxy4cs status, wait and discover say of a service that hangs that it does", SERVERS, async () => {
  await using scene = await createScene();
  const { guest, program } = scene;
  program.kill("SIGSTOP");
  try {
    const hangs = `The service at ${SOCKET} runs and does not answer: it hangs`;
    const [status, waited, found] = await Promise.all([
      command(guest, "status"),
      command(guest, "wait", "--timeout", "4s"),
      command(guest, "discover"),
    ]);
    assertEquals([status.code, status.stdout, status.stderr], [4, "", `mdproxy4cs: ${hangs}\n`]);
    assertEquals([waited.code, waited.stderr], [1, `mdproxy4cs: error: no metadata within 4 s: ${hangs}\n`]);
    assert(found.stdout.includes(`service    ${hangs}\n`), found.stdout);
  } finally {
    program.kill("SIGCONT");
  }
});

networkTest("mdproxy4cs wait ends with 0 as soon as there is a service and a router", ROUTER, async () => {
  await using scene = await createScene({ router: "none", args: "none" });
  const { guest } = scene;
  const waiting = guest.start([binary(), "wait", "--timeout", "60s"]);
  await scene.startProgram();
  await scene.startRouter();
  const { code } = await waiting.ended;
  assertEquals([code, waiting.lines], [0, []]);
  const { body, status } = await scene.get("/latest/user-data");
  assertEquals([status, body], [200, SAMPLE["user-data"]]);
  assertEquals((await command(guest, "wait", "--timeout", "1s")).code, 0);
});

networkTest(
  "mdproxy4cs wait ends with 1 at its timeout, and says in a line what it had waited for",
  ROUTER,
  async () => {
    await using scene = await createScene({ router: "none", args: ["--discovery-timeout", "500ms"] });
    await scene.program.waitForLine(/no router found/);
    const { code, stdout, stderr } = await command(scene.guest, "wait", "--timeout", "1s");
    assertEquals([code, stdout], [1, ""]);
    assertMatch(
      stderr,
      /^mdproxy4cs: error: no metadata within 1 s: not ready: searching for the virtual router: .*dhcp.*\n$/,
    );
  },
);

networkTest("mdproxy4cs wait shows on a terminal what it waits for", { programs: [...SERVERS.programs!] }, async () => {
  await using scene = await createScene({ router: "none", args: "none" });
  // script(1) gives it a terminal.
  const line = '"$PROGRAM" wait --timeout 60s';
  const waiting = scene.guest.start(["env", `PROGRAM=${binary()}`, "script", "-qefc", line, "/dev/null"]);
  await waiting.waitForLine(/waiting: No service answers/);
  await scene.startProgram();
  await waiting.waitForLine(/waiting: not ready: searching for the virtual router/);
  await scene.startRouter();
  assertEquals((await waiting.ended).code, 0);
});

networkTest("mdproxy4cs get prints metadata byte for byte, and exits by the class of the status", ROUTER, async () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  const metadata = { [GUEST.address]: { ...SAMPLE, "user-data": bytes } };
  await using scene = await createScene({ router: { metadata }, args: ["--require-token", "yes"] });
  const { guest } = scene;
  const good = await command(guest, "get", "/latest/user-data");
  assertEquals([good.code, good.stderr], [0, ""]);
  assertEquals(good.bytes, bytes);
  assertEquals((await command(guest, "get", "meta-data/instance-id")).stdout, SAMPLE["instance-id"]);
  const missing = await command(guest, "get", "no-such-key");
  assertEquals([missing.code, missing.stdout, missing.stderr], [
    4,
    "",
    "mdproxy4cs: error: /latest/no-such-key has status 404\n",
  ]);
  assertEquals((await command(guest, "get")).code, 78);

  await scene.program.stop();
  const gone = await command(guest, "get", "user-data");
  assertEquals([gone.code, gone.stdout], [1, ""]);
  assertMatch(gone.stderr, /^mdproxy4cs: error: no answer from 169\.254\.169\.254:39724: /);
});

networkTest("mdproxy4cs status, discover and get say that what they print could not be written", ROUTER, async () => {
  await using scene = await createScene();
  const { guest } = scene;
  assertEquals((await scene.getUntilGood("/latest/vm-id")).status, 200);
  for (const words of [["status"], ["status", "--json"], ["discover"], ["get", "vm-id"]]) {
    const { code, stderr } = await guest.run(["sh", "-c", '"$@" > /dev/full', "sh", binary(), ...words]);
    assertEquals(code, 1);
    assertMatch(
      stderr,
      /^mdproxy4cs: error: cannot write to standard output: No space left on device/m,
      words.join(" "),
    );
  }
});

networkTest("mdproxy4cs get finds a service that listens elsewhere, and works for nobody too", SERVERS, async () => {
  await using scene = await createScene({ args: ["--http-listen", "127.0.0.1:8000"] });
  assertEquals((await command(scene.guest, "get", "vm-id")).stdout, SAMPLE["vm-id"]);
  const line = [binary(), "get", "vm-id", "--http-listen", "127.0.0.1:8000"];
  const { code, stdout } = await scene.guest.run(asNobody(line));
  assert(code === 0, stdout);
  assertEquals(stdout, SAMPLE["vm-id"]);
});
