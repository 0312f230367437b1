import { assert, assertEquals, assertMatch } from "@std/assert";
import { binary } from "../support/binary.ts";
import { writeDrive } from "../support/fakes/drive_folder.ts";
import { networkTest } from "../support/net/network_test.ts";
import { createScene, ROUTER } from "../support/scene.ts";
import type { Scene } from "../support/scene.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import type { Metadata } from "../support/servers/metadata.ts";
import { GUEST } from "../support/servers/router.ts";

//   guest eth0 10.1.1.50 (a copy of a config drive) ---- lan [---- 10.1.1.1 eth0 router (dnsmasq, nginx)]

const COPY = "/run/mdproxy4cs-root/config-drive";
const SAMPLE = sampleMetadata(GUEST.address);
/** What tells the drive from a router that serves the same VM. */
const ON_DRIVE: Metadata = { ...SAMPLE, "service-offering": "from the drive" };

/** Puts the copy of a drive where pre-start.sh would; none takes it away. */
async function putDrive(scene: Scene, metadata?: Metadata, password?: string): Promise<void> {
  const made = `${scene.network.folder}/drive`;
  await Deno.remove(made, { recursive: true }).catch(() => {});
  if (metadata !== undefined) await writeDrive(made, metadata, { password });
  await scene.guest.must([
    "sh",
    "-euc",
    'mkdir -p "${2%/*}"; rm -rf "$2"; if [ -d "$1" ]; then cp -rp "$1" "$2"; fi',
    "sh",
    made,
    COPY,
  ]);
}

/** Tells the program to look again, and waits until it has read the drive or found none. */
async function reload(scene: Scene, says: RegExp): Promise<void> {
  const from = scene.program.lines.length;
  scene.program.kill("SIGHUP");
  await scene.program.waitForLine(says, { from });
}

async function offering(scene: Scene): Promise<string> {
  return (await scene.getUntilGood("/latest/service-offering")).body;
}

const status = async (scene: Scene) => JSON.parse((await scene.guest.run([binary(), "status", "--json"])).stdout);

networkTest(
  "a config drive serves a VM without DHCP and router, at the first try of whoever asks",
  ROUTER,
  async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    await using scene = await createScene({
      router: "none",
      prepare: (scene) => putDrive(scene, { ...ON_DRIVE, "user-data": bytes }),
    });
    const { guest } = scene;
    const userData = await guest.run(["curl", "--silent", "http://169.254.169.254:39724/latest/user-data"]);
    assertEquals(userData.bytes, bytes);
    const keys = ["meta-data/public-keys", "public-keys", "meta-data/instance-id/", "meta-data/service-offering"];
    for (const path of keys) {
      const { status, body } = await scene.get(`/latest/${path}`);
      assertEquals([path, status, body], [path, 200, ON_DRIVE[path.replace("meta-data/", "").replace(/\/$/, "")]]);
    }
    const list = (await scene.get("/latest/meta-data/")).body;
    assertEquals(list.split("\n").length, 11);

    const missing = await scene.get("/latest/meta-data/no-such-key");
    assertEquals([missing.status, missing.body], [404, ""]);
    const etag = /etag: (\S+)/i.exec((await scene.get("/latest/vm-id", ["--head"])).body)![1]!;
    assertEquals((await scene.get("/latest/vm-id", ["--header", `If-None-Match: ${etag}`])).status, 304);
    const part = await scene.get("/latest/vm-id", ["--range", "0-2"]);
    assertEquals([part.status, part.body], [206, "vm-"]);

    const { state, router } = await status(scene);
    assertEquals([state, router.kind, router.source, router.identity], ["ready", "drive", "config_drive", "i-2-50-VM"]);
    const discovered = await guest.run([binary(), "discover"]);
    assertEquals(discovered.code, 0, discovered.stdout);
    assertMatch(discovered.stdout, /config_drive/);
  },
);

networkTest(
  "a drive that comes later, is replaced and goes is followed by reload, with nothing of before it",
  ROUTER,
  async () => {
    await using scene = await createScene({
      router: "none",
      args: ["--cache-ttl", "1h", "--request-timeout", "2s", "--stale-if-error", "0"],
    });
    assertEquals((await scene.get("/latest/user-data")).status, 503);
    await putDrive(scene, ON_DRIVE);
    await reload(scene, /read the config drive/);
    assertEquals((await scene.getUntilGood("/latest/user-data")).body, ON_DRIVE["user-data"]);

    await putDrive(scene, { ...ON_DRIVE, "user-data": "rebuilt" });
    await reload(scene, /read the config drive/);
    assertEquals((await scene.get("/latest/user-data")).body, "rebuilt");

    await putDrive(scene);
    await reload(scene, /the config drive is gone/);
    // Though the search of the reload before still goes on.
    await scene.program.waitForLine(/the router is suspect .*There is no config drive/);
    assertEquals((await scene.get("/latest/user-data")).status, 502);
  },
);

networkTest(
  "a drive that is gone after a reload is not said to serve, also before somebody has asked",
  ROUTER,
  async () => {
    await using scene = await createScene({
      router: "none",
      args: ["--discovery-timeout", "1s"],
      prepare: (scene) => putDrive(scene, ON_DRIVE),
    });
    await scene.program.waitForLine(/found the router/);
    await putDrive(scene);
    await reload(scene, /the config drive is gone/);
    await scene.program.waitForLine(/the router is suspect .*There is no config drive/);
    assertEquals((await status(scene)).state, "suspect");
  },
);

networkTest(
  "a router goes before the drive of the same VM, the drive before nothing, and the router again when it is back",
  ROUTER,
  async () => {
    await using scene = await createScene({
      args: ["--cache-ttl", "0", "--stale-if-error", "0", "--confirm-interval", "1s"],
      prepare: (scene) => putDrive(scene, ON_DRIVE),
    });
    assertEquals(await offering(scene), SAMPLE["service-offering"]);
    await scene.router.stop();
    const { status: first, body } = await scene.get("/latest/service-offering");
    assertEquals([first, body], [200, "from the drive"]);
    assertEquals((await status(scene)).router.kind, "drive");
    // It is looked for again at each confirmation while the drive, which comes after it, is in force.
    const from = scene.program.lines.length;
    await scene.router.start();
    await scene.program.waitForLine(/\b10\.1\.1\.1\b/, { from });
    assertEquals(await offering(scene), SAMPLE["service-offering"]);
  },
);

networkTest("--discovery says who goes first", ROUTER, async () => {
  await using scene = await createScene({
    args: ["--discovery", "config_drive,dhcp"],
    prepare: (scene) => putDrive(scene, ON_DRIVE),
  });
  assertEquals(await offering(scene), "from the drive");
});

networkTest("the drive of another VM does not take a dead router's place until a reload", ROUTER, async () => {
  await using scene = await createScene({
    args: ["--cache-ttl", "0", "--stale-if-error", "0", "--request-timeout", "3s", "--discovery-timeout", "2s"],
    prepare: (scene) => putDrive(scene, { ...ON_DRIVE, "instance-id": "i-2-99-VM" }),
  });
  assertEquals(await offering(scene), SAMPLE["service-offering"]);
  await scene.router.stop();
  const answer = await scene.get("/latest/user-data");
  assertEquals([answer.status, answer.body], [502, ""]);
  await scene.program.waitForLine(/i-2-99-VM/);

  scene.program.kill("SIGHUP");
  assertEquals((await scene.getUntilGood("/latest/meta-data/instance-id")).body, "i-2-99-VM");
});

networkTest("a damaged drive is a clear line, in the log and in discover", ROUTER, async () => {
  await using scene = await createScene({
    router: "none",
    args: ["--request-timeout", "1s"],
    async prepare(scene) {
      await putDrive(scene, ON_DRIVE);
      await scene.guest.must(["rm", `${COPY}/metadata/instance-id.txt`]);
    },
  });
  const unused = /the config drive cannot be used/;
  await scene.program.waitForLine(unused);
  const lines = scene.program.lines.filter((line) => unused.test(line));
  assert(lines.every((line) => line.includes("names no instance-id")), scene.program.lines.join("\n"));
  assertEquals((await scene.get("/latest/user-data")).status, 503);
  const { code, stdout } = await scene.guest.run([binary(), "discover", "--discovery-timeout", "1s"]);
  assertEquals(code, 1);
  assertMatch(stdout, /the config drive cannot be used: .*names no instance-id/);
});

networkTest("a drive's password is given once, and stays saved over reload and restart", ROUTER, async () => {
  const args = ["--password-service"];
  await using scene = await createScene({
    router: "none",
    args,
    prepare: (scene) => putDrive(scene, ON_DRIVE, "s3cret"),
  });
  const ask = async (asks: string) => {
    const { status, body } = await scene.get("/", ["--header", `DomU_Request: ${asks}`]);
    return [status, body];
  };
  assertEquals(await ask("send_my_password"), [200, "s3cret"]);
  assertEquals(await ask("send_my_password"), [200, "saved_password"]);
  assertEquals(await ask("saved_password"), [200, "saved_password"]);
  await putDrive(scene, ON_DRIVE, "s3cret");
  await reload(scene, /read the config drive/);
  assertEquals(await ask("send_my_password"), [200, "saved_password"]);
  await scene.program.stop();
  await scene.startProgram(args);
  assertEquals(await ask("send_my_password"), [200, "saved_password"]);
  await putDrive(scene, ON_DRIVE, "changed");
  await reload(scene, /read the config drive/);
  assertEquals(await ask("send_my_password"), [200, "changed"]);
  assertEquals(scene.program.lines.filter((line) => /s3cret|changed/.test(line)), []);
});
