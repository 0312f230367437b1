import { assertEquals, assertMatch } from "@std/assert";
import { createLoopbackNetwork } from "../support/loopback/network.ts";
import { createGuest, get, getUntilGood, startProgram } from "../support/net/program.ts";
import type { Host, Network } from "../support/net/network.ts";
import { networkTest } from "../support/net/network_test.ts";
import type { Process } from "../support/net/process.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import { GUEST } from "../support/servers/router.ts";
import { setMode, startScriptedRouter } from "../support/servers/scripted_router.ts";

//   guest 10.1.1.50 ---- loopback ---- 10.1.1.1 virtual router (a stand-in of this project)
//
// What a plain container can see of the program, where nobody may make a network. Elsewhere it is run all the same, so that
// it is not only tried where nothing else can be.

const NEEDS = { programs: ["curl"], namespaces: false } as const;
const DRIVE = "/run/mdproxy4cs-root/config-drive";
const VM_ID = "/latest/meta-data/vm-id";

/** A guest, a router, and the program in the guest. */
interface Stage extends AsyncDisposable {
  readonly network: Network;
  readonly guest: Host;
  readonly router: Process;
  readonly program: Process;
  get(path: string, args?: readonly string[]): ReturnType<typeof get>;
}

async function createStage(args: readonly string[] = []): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const network = stack.use(await createLoopbackNetwork());
  const lan = await network.createSegment();
  const guest = await createGuest(network, lan);
  const host = await network.createHost("router");
  await lan.attach(host, { iface: "eth0", address: "10.1.1.1/24" });
  const guests = [{ ...GUEST, metadata: sampleMetadata(GUEST.address) }];
  const router = await startScriptedRouter(host, { address: "10.1.1.1", guests });
  const program = await startProgram(guest, args);
  const resources = stack.move();
  return {
    network,
    guest,
    router,
    program,
    get: (path, args) => get(guest, path, args),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

networkTest("on loopback the program finds the router by DHCP and serves all of its metadata", NEEDS, async () => {
  await using stage = await createStage();
  assertMatch(await stage.program.waitForLine(/\bfound the router\b/), /address=10\.1\.1\.1 .*source=dhcp/);
  const { "user-data": userData, ...keys } = sampleMetadata(GUEST.address);
  for (const [key, value] of Object.entries(keys)) {
    assertEquals((await stage.get(`/latest/meta-data/${key}`)).body, value);
  }
  assertEquals((await stage.get("/latest/user-data")).body, userData);
});

networkTest("on loopback an answer is asked for once and kept for its time", NEEDS, async () => {
  await using stage = await createStage(["--cache-ttl", "1m"]);
  for (let i = 0; i < 3; i++) assertEquals((await stage.get(VM_ID)).status, 200);
  assertEquals(stage.router.lines.filter((line) => line.includes(VM_ID)).length, 1);
});

networkTest(
  "on loopback the last good answer stands in for a router that is gone, and errors are empty",
  NEEDS,
  async () => {
    await using stage = await createStage(["--cache-ttl", "0", "--request-timeout", "2s"]);
    assertEquals((await stage.get(VM_ID)).status, 200);
    const missing = await stage.get("/latest/meta-data/no-such-key");
    assertEquals([missing.status, missing.body], [404, ""]);

    await setMode(stage.router, "refuse");
    assertMatch((await stage.get(VM_ID, ["--include"])).body, /^age: \d+\r$/im);
    const never = await stage.get("/latest/meta-data/local-ipv4");
    assertEquals([never.status >= 502, never.body], [true, ""]);

    await setMode(stage.router, "serve");
    assertEquals((await getUntilGood(stage.guest, "/latest/meta-data/local-ipv4")).body, GUEST.address);
  },
);

networkTest("on loopback what is not metadata is refused", NEEDS, async () => {
  await using stage = await createStage(["--max-header", "8k"]);
  const status = async (...args: readonly string[]) => (await stage.get(VM_ID, args)).status;
  assertEquals(await status("--header", "Host: example.com"), 421);
  assertEquals(await status("--header", "X-Forwarded-For: 192.0.2.1"), 403);
  assertEquals(await status("--request", "POST"), 405);
  assertEquals(await status("--header", `X-Long: ${"x".repeat(20_000)}`), 431);
});

networkTest("on loopback metrics, health and status are served, and the log is written", NEEDS, async () => {
  await using stage = await createStage(["--admin-listen", "127.0.0.1:39725"]);
  await stage.program.waitForLine(/\bfound the router\b/);
  const page = async (path: string) => await stage.get(`http://127.0.0.1:39725${path}`);
  assertEquals([(await page("/readyz")).status, (await page("/healthz")).status], [200, 200]);
  assertMatch((await page("/metrics")).body, /^mdproxy4cs_ready 1$/m);
  assertMatch((await page("/status")).body, /"10\.1\.1\.1"/);
  assertMatch(stage.program.lines.join("\n"), /\blistening\b.*\blisten=169\.254\.169\.254:39724\b/);
});

networkTest("on loopback a token is given, and asked for where that is told", NEEDS, async () => {
  await using stage = await createStage(["--require-token=yes"]);
  assertEquals((await stage.get(VM_ID)).status, 401);
  const ttl = ["--header", "X-aws-ec2-metadata-token-ttl-seconds: 60"];
  const token = await stage.get("/latest/api/token", ["--request", "PUT", ...ttl]);
  assertEquals(token.status, 200);
  assertEquals((await stage.get(VM_ID, ["--header", `X-aws-ec2-metadata-token: ${token.body}`])).status, 200);
});

networkTest("on loopback status and get say what the service knows and has", NEEDS, async () => {
  await using stage = await createStage();
  await stage.program.waitForLine(/\bfound the router\b/);
  const status = await stage.guest.run(["mdproxy4cs", "status"]);
  assertEquals([status.code, status.stderr], [0, ""]);
  assertMatch(status.stdout, /^state: +ready: serving the metadata of 10\.1\.1\.1, found by dhcp$/m);
  const id = await stage.guest.run(["mdproxy4cs", "get", "meta-data/instance-id"]);
  assertEquals([id.code, id.stdout.trim()], [0, sampleMetadata(GUEST.address)["instance-id"]]);
});

networkTest("on loopback the copy of a config drive stands in for a router that never was", NEEDS, async () => {
  await using network = await createLoopbackNetwork();
  const guest = await createGuest(network, await network.createSegment());
  const { "user-data": userData, ...keys } = sampleMetadata(GUEST.address);
  for (const [key, value] of Object.entries(keys)) await guest.write(`${DRIVE}/metadata/${key}.txt`, `${value}`);
  await guest.write(`${DRIVE}/userdata/user_data.txt`, `${userData}`);
  const program = await startProgram(guest);
  assertMatch(await program.waitForLine(/\bfound the router\b/), /source=config_drive/);
  assertEquals((await get(guest, "/latest/user-data")).body, userData);
  assertEquals((await get(guest, "/latest/meta-data/instance-id")).body, keys["instance-id"]);
});

networkTest("on loopback discover prints a table of what every source says", NEEDS, async () => {
  await using stage = await createStage();
  const { code, stdout } = await stage.guest.run(["mdproxy4cs", "discover"]);
  assertEquals(code, 0, stdout);
  assertMatch(stdout, /dhcp\b.*10\.1\.1\.1/);
});

networkTest("on loopback a router that moves is found again", NEEDS, async () => {
  await using stage = await createStage(["--cache-ttl", "0"]);
  assertEquals((await stage.get(VM_ID)).status, 200);
  await stage.router.stop();
  const other = await stage.network.createHost("other");
  await (await stage.network.createSegment()).attach(other, { iface: "eth0", address: "10.1.1.2/24" });
  await startScriptedRouter(other, {
    address: "10.1.1.2",
    guests: [{ ...GUEST, metadata: sampleMetadata(GUEST.address) }],
  });
  assertEquals((await getUntilGood(stage.guest, "/latest/meta-data/instance-id")).status, 200);
  assertMatch(await stage.program.waitForLine(/\bthe router moved\b/), /10\.1\.1\.2/);
});
