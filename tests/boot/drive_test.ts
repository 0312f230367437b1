import { assert, assertEquals, assertMatch } from "@std/assert";
import { createNetwork } from "../support/net/network.ts";
import { createGuest, PROXY } from "../support/net/program.ts";
import { networkTest } from "../support/net/network_test.ts";
import { attachDrive } from "../support/servers/drive.ts";
import type { Drive } from "../support/servers/drive.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import { GUEST, startRouter } from "../support/servers/router.ts";
import { agentReport, installAgent } from "./agent.ts";
import { installByHand, installFile } from "./install.ts";
import { createImage } from "./machine.ts";

//   vm eth0 10.1.1.50 (a drive on a loop device) ---- lan [---- 10.1.1.1 eth0 router, later (dnsmasq, nginx)]

const NEEDS = {
  programs: ["debootstrap", "dnsmasq", "nginx", "zip", "libdeflate-gzip", "mke2fs", "losetup"],
  root: true,
} as const;
const UNIT = "mdproxy4cs.service";
const WAIT_UNIT = "mdproxy4cs-wait-ready.service";
const METADATA = sampleMetadata(GUEST.address);

/** What a kernel with devtmpfs does by itself: the device is there when the system starts. */
const plugIn = (drive: Drive) =>
  `[Unit]
DefaultDependencies=no
Before=sysinit.target
[Service]
Type=oneshot
ExecStart=${drive.nodeIn("/dev").join(" ")}
[Install]
WantedBy=sysinit.target
`;

networkTest(
  "a VM without DHCP and router boots from its config drive, which can be taken and replaced",
  NEEDS,
  async () => {
    await using network = await createNetwork();
    const vm = await createGuest(network, await network.createSegment());
    await using drives = new AsyncDisposableStack();
    const attach = async (metadata: typeof METADATA) =>
      drives.use(await attachDrive({ folder: network.folder, metadata }));

    const first = await attach(METADATA);
    const image = await createImage(network, vm);
    await installByHand(image);
    await installAgent(image);
    await installFile(image, "/etc/systemd/system/plug-in.service", { text: plugIn(first) });
    await image.outside(["chroot", image.root, "systemctl", "enable", "plug-in.service"]);
    const machine = await image.boot();

    const { publicKeys, userData, tries } = await agentReport(machine);
    assertEquals([publicKeys, userData, tries], [METADATA["public-keys"], METADATA["user-data"], [1, 1]]);
    assertMatch(await machine.property(UNIT, "StatusText"), /config/);
    const modes = await machine.must([
      "stat",
      "-c",
      "%a %U",
      "/run/mdproxy4cs-root/config-drive/userdata/user_data.txt",
    ]);
    assertEquals(modes, "640 root\n");
    const status = await machine.run(["mdproxy4cs", "status"]);
    assertEquals(status.code, 0, status.stdout + status.stderr);
    assertMatch(status.stdout, /^state: +ready: serving the metadata of the config drive$/m);
    const discover = await machine.run(["mdproxy4cs", "discover"]);
    assertEquals(discover.code, 0, discover.stdout + discover.stderr);

    // Nobody holds it: it can be taken at once, and what it held is still served.
    await first[Symbol.asyncDispose]();
    assertEquals(await first.isBusy(), false);
    await machine.must(["rm", first.device]);
    const ask = (path: string) => machine.must(["curl", "-fsS", PROXY + path]);
    assertEquals(await ask("/latest/user-data"), METADATA["user-data"]);

    const second = await attach({ ...METADATA, "user-data": "rebuilt" });
    await machine.must(second.nodeIn("/dev"));
    await machine.must(["systemctl", "reload", UNIT]);
    await machine.must(["mdproxy4cs", "wait", "--timeout", "30s"]);
    assertEquals(
      await machine.must(["curl", "-fsS", "--retry", "3", "--retry-all-errors", `${PROXY}/latest/user-data`]),
      "rebuilt",
    );
    assertEquals(await machine.property(UNIT, "NRestarts"), "0");
  },
);

networkTest(
  "a unit ordered after mdproxy4cs-wait-ready.service starts when a router has come, 20 s late",
  NEEDS,
  async () => {
    await using network = await createNetwork();
    const lan = await network.createSegment();
    const image = await createImage(network, await createGuest(network, lan));
    await installByHand(image);
    const wait = await Deno.readTextFile(new URL(`../../assets/${WAIT_UNIT}`, import.meta.url));
    await installFile(image, `/usr/lib/systemd/system/${WAIT_UNIT}`, { text: wait });
    const text = `[Unit]\nWants=${WAIT_UNIT}\nAfter=${WAIT_UNIT}\n[Service]\nType=oneshot\nRemainAfterExit=yes\n` +
      "ExecStart=/bin/sh -c 'mdproxy4cs get user-data > /run/user-data'\n";
    await installFile(image, "/etc/systemd/system/needs-metadata.service", { text });
    const machine = await image.boot();

    await machine.must(["systemctl", "start", "--no-block", "needs-metadata.service"]);
    await machine.until(WAIT_UNIT, "ActiveState", (state) => state === "activating");
    const status = await machine.run(["mdproxy4cs", "status"]);
    assertEquals(status.code, 1, status.stdout + status.stderr);
    assertEquals((await machine.run(["mdproxy4cs", "discover", "--discovery-timeout", "2s"])).code, 1);
    // The case that is asked for; what is asserted is an order.
    await machine.must(["sleep", "20"]);
    assertEquals(await machine.property(WAIT_UNIT, "ActiveState"), "activating");
    assertEquals(await machine.property("needs-metadata.service", "ActiveState"), "inactive");

    await startRouter(network, lan);
    await machine.until("needs-metadata.service", "ActiveState", (state) => state === "active");
    assertEquals(await machine.property(WAIT_UNIT, "ActiveState"), "active");
    assertEquals(await machine.must(["cat", "/run/user-data"]), METADATA["user-data"]);
    assert((await machine.run(["mdproxy4cs", "status"])).code === 0);
  },
);
