import { assertEquals, assertMatch } from "@std/assert";
import { networkTest } from "../support/net/network_test.ts";
import type { Process } from "../support/net/process.ts";
import { createScene, ROUTER, SERVERS } from "../support/scene.ts";
import type { Scene } from "../support/scene.ts";
import { sampleMetadata, startWebServer } from "../support/servers/metadata.ts";
import { GUEST } from "../support/servers/router.ts";

//   guest 10.1.1.50 ---- lan ---- 10.1.1.1 router: its DHCP server answers throughout, its web server does not

const METADATA = { [GUEST.address]: sampleMetadata(GUEST.address) };
const VM_ID = "/latest/meta-data/vm-id";
const INSTANCE_ID = "/latest/meta-data/instance-id";
const UNCACHED = ["--cache-ttl", "0", "--stale-if-error", "0"];
const READY = "http://127.0.0.1:39725/readyz";
const ADMIN = ["--admin-listen", "127.0.0.1:39725"];

/** What becomes of the router's web server, and the words that the log has for it. */
const FATES: readonly {
  readonly fate: string;
  /** What serves in its place, as directives of nginx; nothing if not given. */
  readonly extra?: string;
  readonly says: RegExp;
}[] = [
  { fate: "is dead", says: /refused the connection/ },
  { fate: "answers 404 to everything", extra: "return 404;", says: /has status 404/ },
  {
    fate: "sends everybody to a login page",
    extra: "return 302 http://10.1.1.1/login;",
    says: /has status 302.*login/,
  },
  {
    fate: "answers a login page to everything",
    extra: `default_type text/html; return 200 "<html>Please log in</html>";`,
    says: /is no instance-id.*markup/,
  },
  { fate: "answers 500 to everything", extra: "return 500;", says: /has status 500/ },
];

/** Puts another web server in the place of the router's. */
async function replaceWeb(
  { network, router }: Scene,
  { extra, guests = METADATA }: { readonly extra?: string | undefined; readonly guests?: typeof METADATA | undefined },
): Promise<Process> {
  return await startWebServer(network, router.host, {
    server: "nginx",
    guests,
    extra,
  });
}

networkTest("ready means that the router serves metadata, whatever its DHCP server says", SERVERS, async (context) => {
  for (const { fate, extra, says } of FATES) {
    await context.step(`a router whose web server ${fate} is suspect, though nobody asks`, async () => {
      await using scene = await createScene({ args: [...UNCACHED, ...ADMIN, "--confirm-interval", "1s"] });
      const { router, program } = scene;
      assertEquals((await scene.get(VM_ID)).status, 200);
      assertEquals((await scene.get(READY)).status, 200);

      await router.web.stop();
      const other = extra === undefined ? undefined : await replaceWeb(scene, { extra });
      assertMatch(await program.waitForLine(/the router is suspect/), says);
      assertEquals((await scene.get(READY)).status, 503);

      await other?.stop();
      await replaceWeb(scene, {});
      await program.waitForLine(/the router is back/);
      assertEquals((await scene.get(READY)).status, 200);
      assertEquals((await scene.getUntilGood(VM_ID)).body, `vm-${GUEST.address}`);
    });
  }
});

networkTest("a router known by its id is suspect when it begins to serve another", ROUTER, async () => {
  await using scene = await createScene({ args: [...UNCACHED, "--confirm-interval", "1s"] });
  const { router, program } = scene;
  assertEquals((await scene.get(VM_ID)).status, 200);
  await router.web.stop();
  const other = { ...sampleMetadata(GUEST.address), "instance-id": "i-6-66-VM" };
  await replaceWeb(scene, { guests: { [GUEST.address]: other } });
  assertMatch(await program.waitForLine(/the router is suspect/), /i-6-66-VM.*i-2-50-VM/);
});

networkTest(
  "a restart while no DHCP server answers serves at once, also a router that is not the gateway",
  SERVERS,
  async () => {
    await using scene = await createScene({ args: UNCACHED, router: { address: "10.1.1.7" } });
    const { router, guest } = scene;
    assertEquals((await scene.get(VM_ID)).status, 200);
    const { stdout } = await guest.run(["stat", "-c", "%a %s", "/run/mdproxy4cs/router.json"]);
    assertMatch(stdout, /^600 \d+$/m);

    await router.dhcp.stop();
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      await scene.program.stop(signal);
      const program = await scene.startProgram([...UNCACHED, "--request-timeout", "4s"]);
      assertEquals((await scene.get(VM_ID)).status, 200, program.lines.join("\n"));
      await program.waitForLine(/found the router address=10\.1\.1\.7\b/);
    }
  },
);

/** What may lie in the place of what was known, and the words that the log has for it. */
const STRANGE: readonly (readonly [what: string, command: string, says: RegExp])[] = [
  ["damaged", 'echo \'{"version":1,"addr\' > $file', /it is no JSON/],
  ["of no known form", "echo '{\"version\":2}' > $file", /another version/],
  ["with an address on loopback", "sed -i 's/10.1.1.1/127.0.0.1/' $file", /names no address of a router/],
  ["too large", "head -c 5000 /dev/zero > $file", /larger than/],
  ["a link", "mv $file /run/elsewhere; ln -s /run/elsewhere $file", /no regular file/],
  ["writable by others", "chmod 0666 $file", /others may write/],
];

networkTest(
  "what was known before a restart is ignored, with a line, where it is not this program's",
  ROUTER,
  async (context) => {
    await using scene = await createScene({ args: UNCACHED });
    for (const [what, command, says] of STRANGE) {
      await context.step(what, async () => {
        assertEquals((await scene.get(VM_ID)).status, 200);
        await scene.program.stop();
        await scene.guest.must(["sh", "-c", `file=/run/mdproxy4cs/router.json; ${command}`]);
        const program = await scene.startProgram(UNCACHED);
        assertMatch(await program.waitForLine(/ignoring what was known before the restart/), says);
        assertEquals((await scene.get(VM_ID)).status, 200);
        await scene.guest.must(["rm", "-f", "/run/elsewhere"]);
      });
    }
  },
);

networkTest("a remembered router outside of --allow-server is not asked", ROUTER, async () => {
  await using scene = await createScene({ args: UNCACHED });
  assertEquals((await scene.get(VM_ID)).status, 200);
  await scene.program.stop();
  await scene.startProgram([...UNCACHED, "--allow-server", "10.9.0.0/16", "--discovery-timeout", "1s"]);
  await scene.program.waitForLine(/no router found/);
  const asked = await scene.asked(INSTANCE_ID);
  assertEquals(asked.length, 1, "before the restart only");
});
