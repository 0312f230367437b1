import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { writeAll } from "../support/net/relay.ts";
import type { Host } from "../support/net/network.ts";
import type { Process } from "../support/net/process.ts";
import { programLine } from "../support/net/program.ts";
import { networkTest } from "../support/net/network_test.ts";
import { createScene, ROUTER, SERVERS } from "../support/scene.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import { GUEST } from "../support/servers/router.ts";

//   guest eth0 10.1.1.50 ---- lan ---- 10.1.1.1 eth0 router (dnsmasq, nginx)

const LISTEN = { address: "169.254.169.254", port: 39724 };
const LARGE = new Uint8Array(20_000_000);

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  networkTest(`${signal} lets a body that is on its way arrive whole, then the program exits 0`, ROUTER, async () => {
    const size = 1_000_000;
    await using scene = await createScene({
      router: {
        metadata: { [GUEST.address]: { ...sampleMetadata(GUEST.address), "user-data": "x".repeat(size) } },
        rate: 500_000,
      },
      args: ["--cache-ttl", "0"],
    });
    const { program } = scene;

    using connection = await scene.dial(LISTEN.address, LISTEN.port);
    const host = `Host: ${LISTEN.address}:${LISTEN.port}`;
    await writeAll(connection, new TextEncoder().encode(`GET /latest/user-data HTTP/1.1\r\n${host}\r\n\r\n`));
    const buffer = new Uint8Array(65_536);
    let received = await connection.read(buffer) ?? 0;
    const head = new TextDecoder().decode(buffer.subarray(0, received)).split("\r\n\r\n")[0]!;
    assertMatch(head, /^HTTP\/1\.1 200 /);

    program.kill(signal);
    await program.waitForLine(/\bstopping\b/);
    for (let count = received; count > 0; received += count) count = await connection.read(buffer) ?? 0;
    assertEquals(received - (head.length + 4), size, "the body was cut off");
    assertEquals((await program.ended).code, 0);
  });
}

networkTest("SIGTERM waits a few seconds at most for what is on its way: a slower body is cut", ROUTER, async () => {
  await using scene = await createScene({
    router: { metadata: { [GUEST.address]: { ...sampleMetadata(GUEST.address), large: LARGE } }, rate: 10_000 },
  });
  using exchange = await scene.open();
  await exchange.send(`GET /latest/large HTTP/1.1\r\nHost: ${LISTEN.address}:${LISTEN.port}\r\n\r\n`);
  await exchange.peek();
  // Whoever takes longer is killed, as by systemd.
  assertEquals((await scene.program.stop()).code, 0);
  await assertRejects(() => exchange.receive(), Error, "ended");
});

networkTest("a listen port that is taken is waited for", SERVERS, async () => {
  await using scene = await createScene();
  const { guest, program: first } = scene;
  const second = guest.start(programLine([]));
  await second.waitForLine(/\banother program has the port\b/);
  await first.stop();
  await second.waitForLine(/\blistening\b/);
  assertEquals((await scene.get("/latest/meta-data/vm-id")).status, 200);
});

/** Starts the program as the first process of a container, to which the kernel gives no signal that nobody waits for. */
function startAsFirst(
  guest: Host,
): { readonly program: Process; readonly kill: (signal: Deno.Signal) => Promise<void> } {
  const program = guest.start(["unshare", "--pid", "--fork", ...programLine()]);
  return {
    program,
    async kill(signal) {
      const [child] = (await Deno.readTextFile(`/proc/${program.pid}/task/${program.pid}/children`)).split(" ");
      Deno.kill(Number(child), signal);
    },
  };
}

networkTest("SIGTERM ends the first process of a container while it waits for its port", SERVERS, async () => {
  await using scene = await createScene({ router: "none" });
  const { program, kill } = startAsFirst(scene.guest);
  await program.waitForLine(/\banother program has the port\b/);
  await kill("SIGTERM");
  await program.waitForLine(/\bstopping\b.*\bsignal=SIGTERM\b/);
  assertEquals((await program.ended).code, 0);
});

networkTest("SIGTERM ends the first process of a container while ip adds its address", SERVERS, async () => {
  await using scene = await createScene({ router: "none", args: "none" });
  const { guest } = scene;
  await guest.write("/bin/ip", "#!/bin/sh\ntouch /run/asked\nexec sleep infinity\n");
  await guest.must(["sh", "-c", "chmod 755 $(realpath /bin/ip)"]);
  const { program, kill } = startAsFirst(guest);
  await guest.must(["sh", "-c", "until [ -e /run/asked ]; do sleep 0.05; done"]);
  await kill("SIGTERM");
  await program.waitForLine(/\bstopping\b.*\bsignal=SIGTERM\b/);
  assertEquals((await program.ended).code, 0);
});

networkTest("SIGHUP keeps nobody from the metadata", ROUTER, async () => {
  await using scene = await createScene({ args: ["--cache-ttl", "0"] });
  const { program } = scene;
  assertEquals((await scene.get("/latest/meta-data/vm-id")).status, 200);
  program.kill("SIGHUP");
  await program.waitForLine(/\breloaded\b/);
  for (let i = 0; i < 10; i++) assertEquals((await scene.get("/latest/meta-data/vm-id")).status, 200);
});

networkTest("the listen address is added to lo once, and left alone when it is there", SERVERS, async () => {
  await using scene = await createScene({ guest: "unplugged", router: "none", args: "none" });
  const { guest } = scene;
  const addresses = () => guest.must(["ip", "-4", "-brief", "address", "show", "dev", "lo"]);
  {
    await using program = await scene.startProgram();
    assert(program.lines.some((line) => line.includes("added the listen address")));
    assertMatch(await addresses(), /169\.254\.169\.254\/32/);
  }
  await using program = await scene.startProgram();
  assert(!program.lines.some((line) => line.includes("added the listen address")));
  assertEquals((await addresses()).match(/169\.254\.169\.254/g)?.length, 1);
});

networkTest("a listen address on another interface is refused with a sentence that says which", SERVERS, async () => {
  await using scene = await createScene({ router: "none", args: "none" });
  const { guest } = scene;
  await guest.ip("address add 169.254.169.254/32 dev eth0");
  const { code, stderr } = await guest.run(programLine());
  assertEquals(code, 1);
  assertMatch(stderr, /169\.254\.169\.254: it is on eth0/);
});

networkTest(
  "a listen address that may not be added is refused with a sentence that names the capability",
  SERVERS,
  async () => {
    await using scene = await createScene({ guest: "unplugged", router: "none", args: "none" });
    const { guest } = scene;
    const { code, stderr } = await guest.run(programLine([], { without: ["net_admin"] }));
    assertEquals(code, 1);
    assertMatch(stderr, /Cannot add 169\.254\.169\.254 to lo: .*CAP_NET_ADMIN/);
  },
);

networkTest("an ip that hangs ends a start with a sentence, and hangs nothing else", SERVERS, async () => {
  await using scene = await createScene({ guest: "unplugged", router: "none", args: "none" });
  const { guest } = scene;
  await guest.write("/bin/ip", "#!/bin/sh\nexec sleep infinity\n");
  await guest.must(["sh", "-c", "chmod 755 $(realpath /bin/ip)"]);
  const { code, stderr } = await guest.run(programLine());
  assertEquals(code, 1);
  assertMatch(stderr, /Cannot add 169\.254\.169\.254 to lo: ip says "nothing within 10000 ms"/);
});
