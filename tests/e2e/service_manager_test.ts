import { assert, assertEquals, assertMatch } from "@std/assert";
import { binary } from "../support/binary.ts";
import { networkTest } from "../support/net/network_test.ts";
import { startScript } from "../support/net/script.ts";
import { createScene, NO_SERVERS, ROUTER, SERVERS } from "../support/scene.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import { GUEST } from "../support/servers/router.ts";
import { startScriptedRouter } from "../support/servers/scripted_router.ts";

const SOCKET = "/run/systemd/notify";

/** The runtime folder of a dynamic user, as systemd makes it where it outlives a restart. */
const BEHIND_A_LINK = "mkdir -p -m 700 /run/private/mdproxy4cs; ln -s private/mdproxy4cs /run/mdproxy4cs";

networkTest(
  "the program serves, remembers and answers its commands with a runtime folder behind systemd's link",
  ROUTER,
  async () => {
    await using scene = await createScene({ prepare: ({ guest }) => guest.must(["sh", "-c", BEHIND_A_LINK]) });
    assertEquals((await scene.get("/latest/meta-data/vm-id")).status, 200);
    const status = await scene.guest.must([binary(), "status"]);
    assertMatch(status, /^state: +ready: serving the metadata of 10\.1\.1\.1, found by dhcp$/m);
    const names = (await scene.guest.must(["ls", "/run/private/mdproxy4cs"])).trim().split("\n");
    assert(names.includes("control.sock") && names.includes("router.json"), names.join());
    assert(!scene.program.lines.some((line) => / (warn|error) /.test(line)), scene.program.lines.join("\n"));
  },
);

networkTest(
  "the service manager hears that it is ready, whom it serves, that it is alive, and that it stops",
  ROUTER,
  async () => {
    await using scene = await createScene({ args: "none" });
    const { guest } = scene;
    await guest.must(["mkdir", "-p", "/run/systemd"]);
    const manager = startScript(guest, "servers/service_manager.ts", [SOCKET]);
    await manager.waitForLine(/^listening$/);

    const program = await scene.startProgram([], { env: { NOTIFY_SOCKET: SOCKET, WATCHDOG_USEC: "400000" } });
    await manager.waitForLine(/READY=1\\nSTATUS=/);
    await manager.waitForLine(/STATUS=ready: serving the metadata of 10\.1\.1\.1, found by/);
    await manager.waitForLine(/WATCHDOG=1/);
    const heard = manager.lines.length;
    await manager.waitForLine(/WATCHDOG=1/, { from: heard });
    assertEquals((await program.stop()).code, 0);
    await manager.waitForLine(/STOPPING=1/);
    assert(!program.lines.some((line) => / (warn|error) /.test(line)), program.lines.join("\n"));
  },
);

networkTest(
  "the service manager hears of the stop last, whatever comes of the router meanwhile",
  NO_SERVERS,
  async () => {
    await using scene = await createScene({ router: "none", args: "none" });
    await scene.guest.must(["mkdir", "-p", "/run/systemd"]);
    const manager = startScript(scene.guest, "servers/service_manager.ts", [SOCKET]);
    await manager.waitForLine(/^listening$/);
    const args = ["--discovery-timeout", "100ms"];
    const program = await scene.startProgram(args, { env: { NOTIFY_SOCKET: SOCKET } });
    // As long as it waits for a router, searches fail one after the other, while the program stops too.
    const asking = scene.get("/latest/vm-id");
    await manager.waitForLine(/STATUS=not ready: .*: /);
    const heard = manager.lines.length;
    await manager.waitForLine(/STATUS=not ready: .*: /, { from: heard });
    await Promise.all([program.stop(), asking]);
    assertMatch(manager.lines.at(-1)!, /STOPPING=1/);
  },
);

networkTest(
  "the log says that nobody can connect where the watchdog is not told that the program is alive, until it is again",
  SERVERS,
  async () => {
    await using scene = await createScene({ args: "none" });
    await scene.guest.must(["mkdir", "-p", "/run/systemd"]);
    const manager = startScript(scene.guest, "servers/service_manager.ts", [SOCKET]);
    await manager.waitForLine(/^listening$/);
    const program = await scene.startProgram([], { env: { NOTIFY_SOCKET: SOCKET, WATCHDOG_USEC: "400000" } });
    await manager.waitForLine(/WATCHDOG=1/);
    await scene.guest.ip("link set lo down");
    await program.waitForLine(/ warn +nobody can connect, leaving the watchdog to restart the program$/);
    const heard = manager.lines.length;
    await scene.guest.ip("link set lo up");
    await manager.waitForLine(/WATCHDOG=1/, { from: heard });
  },
);

networkTest(
  "/readyz and the service manager hear why there is no router, without a control character of a stranger's",
  NO_SERVERS,
  async () => {
    await using scene = await createScene({ router: "none", args: "none" });
    const metadata = { ...sampleMetadata(GUEST.address), "instance-id": "i-2\u009b2J\u202e" };
    const host = await scene.addHost("router", "10.1.1.1");
    await startScriptedRouter(host, { address: "10.1.1.1", guests: [{ ...GUEST, metadata }] });
    await scene.guest.must(["mkdir", "-p", "/run/systemd"]);
    const manager = startScript(scene.guest, "servers/service_manager.ts", [SOCKET]);
    await manager.waitForLine(/^listening$/);
    const admin = "127.0.0.1:39725";
    await scene.startProgram(["--admin-listen", admin, "--discovery-timeout", "1s"], {
      env: { NOTIFY_SOCKET: SOCKET },
    });

    // The stand-in prints what it hears as JSON.
    const heard = JSON.parse(await manager.waitForLine(/no instance-id/));
    const { status, body } = await scene.get(`http://${admin}/readyz`);
    for (const text of [heard, body]) {
      assertMatch(
        text,
        /^(STATUS=)?not ready: searching .* is no instance-id but "i-2\\u009b2J\\u202e": it has other[^\n]*\n?$/,
      );
    }
    assertEquals(status, 503);
  },
);

networkTest(
  "the program makes its runtime folder for itself alone, and tightens one that others may enter",
  {},
  async () => {
    await using scene = await createScene({ guest: "unplugged", router: "none", args: "none" });
    const mode = () => scene.guest.must(["stat", "--format=%a %U", "/run/mdproxy4cs"]);
    {
      await using _program = await scene.startProgram();
      assertEquals(await mode(), "700 root\n");
    }
    await scene.guest.must(["chmod", "777", "/run/mdproxy4cs"]);
    await scene.startProgram();
    assertEquals(await mode(), "700 root\n");
  },
);

networkTest(
  "the program serves without a runtime folder where that belongs to somebody else, and says so",
  { ...SERVERS, root: true },
  async () => {
    await using scene = await createScene({ args: "none" });
    await scene.guest.must(["install", "-d", "-o", "nobody", "-m", "700", "/run/mdproxy4cs"]);
    const program = await scene.startProgram();
    assertEquals((await scene.getUntilGood("/latest/meta-data/vm-id")).status, 200);
    const line = await program.waitForLine(/doing without a runtime folder/);
    assertMatch(line, /folder=\/run\/mdproxy4cs error="it belongs to the user with the number \d+"/);
  },
);

networkTest(
  "a second program on another address leaves the first one's requests and commands alone",
  ROUTER,
  async () => {
    await using scene = await createScene({ args: ["--cache-ttl", "0"] });
    const second = await scene.startProgram(["--cache-ttl", "0", "--http-listen", "127.0.0.1:39999"]);
    await second.waitForLine(/doing without a runtime folder .*another mdproxy4cs is at work in it/);
    for (const url of ["/latest/meta-data/vm-id", "http://127.0.0.1:39999/latest/meta-data/vm-id"]) {
      assertEquals((await scene.get(url)).status, 200);
    }
    assertMatch(await scene.guest.must([binary(), "status"]), /169\.254\.169\.254:39724/);
    await second.stop();
    assertEquals((await scene.get("/latest/meta-data/vm-id")).status, 200);
    assertMatch(await scene.guest.must([binary(), "status"]), /169\.254\.169\.254:39724/);
  },
);
