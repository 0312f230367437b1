import { assertEquals, assertMatch } from "@std/assert";
import { binary } from "../support/binary.ts";
import { asNobody, leaveAtOnce } from "../support/net/nobody.ts";
import { networkTest } from "../support/net/network_test.ts";
import { createScene, LISTEN, NO_SERVERS, ROUTER, SERVERS } from "../support/scene.ts";
import type { SceneOptions } from "../support/scene.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import { GUEST } from "../support/servers/router.ts";
import { setMode, startScriptedRouter } from "../support/servers/scripted_router.ts";
import type { RouterOptions } from "../support/servers/router.ts";

//   guest eth0 10.1.1.50 ---- lan ---- 10.1.1.1 eth0 router (dnsmasq, nginx)

const HOST = "Host: 169.254.169.254:39724";

/** A router with a large answer, as fast as it can or at a rate. */
function withLargeAnswer(args: readonly string[], router: RouterOptions = {}): SceneOptions {
  const metadata = { ...sampleMetadata(GUEST.address), large: new Uint8Array(20_000_000) };
  return { router: { metadata: { [GUEST.address]: metadata }, ...router }, args: ["--cache-ttl", "0", ...args] };
}

networkTest("a client that sends half a request is dropped", ROUTER, async () => {
  await using scene = await createScene(withLargeAnswer(["--idle-timeout", "1s"]));
  for (const half of ["", "GET /latest/vm-id HT", `GET /latest/vm-id HTTP/1.1\r\n${HOST}\r\nX-Half`]) {
    using exchange = await scene.open();
    await exchange.send(half);
    assertEquals([half, new TextDecoder().decode(await exchange.rest())], [half, ""]);
  }
});

networkTest("clients that leave before they are accepted cost nobody else anything", {
  ...SERVERS,
  programs: [...SERVERS.programs!, "perl"],
}, async () => {
  await using scene = await createScene();
  const { guest, program } = scene;
  const ask = `GET /latest/vm-id HTTP/1.1\r\n${HOST}\r\n\r\n`;
  using early = await scene.open();
  for (let round = 0; round < 10; round++) {
    program.kill("SIGSTOP"); // whoever comes now leaves before it is accepted, however fast the machine is
    await guest.must(asNobody(leaveAtOnce(LISTEN, 100)));
    using late = await scene.open();
    await Promise.all([early, late].map((client) => client.send(ask)));
    program.kill("SIGCONT");
    assertEquals([(await early.receive()).status, (await late.receive()).status], [200, 200]);
  }
  assertEquals(program.lines.filter((line) => line.includes("cannot accept")), []);
});

networkTest(
  "requests whose clients have left make room for others while the router keeps all waiting",
  NO_SERVERS,
  async () => {
    await using scene = await createScene({ router: "none", args: "none" });
    const router = await startScriptedRouter(await scene.addHost("router", "10.1.1.1"), {
      address: "10.1.1.1",
      guests: [{ ...GUEST, metadata: sampleMetadata(GUEST.address) }],
    });
    const program = await scene.startProgram(["--max-requests", "4"]);
    // Not by a request: its place might be free a moment later than its answer comes.
    await program.waitForLine(/\bfound the router\b/);
    await setMode(router, "hang");
    for (let number = 0; number < 4; number++) {
      using leaving = await scene.open();
      await leaving.send(`GET /latest/vm-id?${number} HTTP/1.1\r\n${HOST}\r\n\r\n`);
    }
    for (let number = 0; number < 4; number++) await router.waitForLine(new RegExp(`^hangs .*vm-id\\?${number}$`));
    const [{ status }, cut] = await Promise.all([
      scene.getUntilGood("/latest/local-hostname"),
      program.waitForLine(/\ban answer was cut\b/).finally(() => setMode(router, "serve")),
    ]);
    assertMatch(
      cut,
      /reason="The client had left or was slow, and its place was needed for another" path=\/latest\/vm-id/,
    );
    assertEquals(status, 200);
  },
);

networkTest("half a request is cut in its own time, whatever else is going on", ROUTER, async () => {
  await using scene = await createScene(withLargeAnswer(["--idle-timeout", "1s"], { rate: 100_000 }));
  using download = await scene.open();
  await download.send(`GET /latest/large HTTP/1.1\r\n${HOST}\r\n\r\n`);
  await download.peek();
  const halves = await Promise.all(Array.from({ length: 30 }, async () => {
    using half = await scene.open();
    await half.send("GET /latest/vm-id HT");
    return await half.rest();
  }));
  assertEquals(halves.length, 30);
  // At its rate the download would take minutes: it is still under way.
  assertEquals(await scene.asked('"GET /latest/large'), []);
});

networkTest(
  "a client that reads nothing is dropped, and the router is no longer kept busy for it",
  ROUTER,
  async () => {
    await using scene = await createScene(withLargeAnswer(["--idle-timeout", "1s"]));
    const { program, router } = scene;
    using exchange = await scene.open();
    await exchange.send(`GET /latest/large HTTP/1.1\r\n${HOST}\r\n\r\n`);
    assertMatch(
      await program.waitForLine(/\ban answer was cut\b/),
      /reason="The client took nothing for 1000 ms" path=\/latest\/large/,
    );
    await router.web.waitForLine(/"GET \/latest\/large\b/);
  },
);

networkTest("a client that goes away frees the router at once", ROUTER, async () => {
  await using scene = await createScene(withLargeAnswer([], { rate: 100_000 }));
  const { router } = scene;
  {
    using exchange = await scene.open();
    await exchange.send(`GET /latest/large HTTP/1.1\r\n${HOST}\r\n\r\n`);
    await exchange.peek();
  }
  // At its rate the whole answer would take minutes; nginx writes its line when the connection is gone.
  await router.web.waitForLine(/"GET \/latest\/large\b/);
});

networkTest("requests beyond --max-requests get an empty 503 that says when to come back", ROUTER, async () => {
  await using scene = await createScene(withLargeAnswer(["--max-requests", "2"], { rate: 100_000 }));
  using first = await scene.open();
  using second = await scene.open();
  for (const exchange of [first, second]) {
    await exchange.send(`GET /latest/large HTTP/1.1\r\n${HOST}\r\n\r\n`);
    await exchange.peek();
  }
  using third = await scene.open();
  await third.send(`GET /latest/vm-id HTTP/1.1\r\n${HOST}\r\n\r\n`);
  const { status, headers, body } = await third.receive();
  assertEquals([status, body.length, new Map(headers).get("retry-after")], [503, 0, "1"]);
});

networkTest("a want of descriptors is said as such, of the router and of each source", SERVERS, async () => {
  // A router that keeps no connection open has to be connected to for each request.
  await using scene = await createScene({
    router: { extra: "keepalive_timeout 0;" },
    args: [
      ...["--cache-ttl", "0", "--stale-if-error", "0"],
      ...["--discovery", "dhclient,dns,gateway,dhcp", "--discovery-timeout", "2s"],
    ],
  });
  const { guest, program } = scene;
  using exchange = await scene.open();
  const ask = async () => {
    await exchange.send(`GET /latest/vm-id HTTP/1.1\r\n${HOST}\r\n\r\n`);
    const { status, body, headers } = await exchange.receive();
    return [status, body.length > 0, new Map(headers).get("retry-after")];
  };
  const served = [200, true, undefined];
  assertEquals(await ask(), served);
  const limit = (files: number) => guest.run(["prlimit", `--pid=${program.pid}`, `--nofile=${files}:1024`]);
  await limit(lowestFreeDescriptor(program.pid));
  assertEquals(await ask(), [503, false, "1"]);
  program.kill("SIGHUP");
  const [, reasons] = /error="(.*)"$/.exec(await program.waitForLine(/keeping the previous router/)) ?? [];
  for (const source of ["dhclient", "dns", "gateway", "dhcp"]) {
    assertMatch(reasons!, new RegExp(`(^|; )${source}: [^;]*Too many open files`));
  }
  await limit(1_024);
  assertEquals(await ask(), served);
  assertMatch(
    await program.waitForLine(/request failed/),
    /status=503 error="10\.1\.1\.1 could not be asked: .*Too many open files[^\n]*$/,
  );
  assertEquals(program.lines.filter((line) => line.includes("suspect")), []);
  const { stdout } = await guest.run([binary(), "status", "--json"]);
  assertEquals(Object.keys(JSON.parse(stdout).requests.upstreamErrors), ["exhausted"]);
});

/** The number that the next file of a process gets. */
function lowestFreeDescriptor(pid: number): number {
  const taken = new Set(Array.from(Deno.readDirSync(`/proc/${pid}/fd`), ({ name }) => Number(name)));
  let free = 0;
  while (taken.has(free)) free++;
  return free;
}
