import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { ENV_FILE_CASES } from "../config/env_file_cases.ts";
import { debName } from "../../tools/release/deb.ts";
import { archiveName } from "../../tools/release/release.ts";
import { createNetwork } from "../support/net/network.ts";
import type { Network } from "../support/net/network.ts";
import { createGuest, PROXY } from "../support/net/program.ts";
import { networkTest } from "../support/net/network_test.ts";
import { readmeCommands } from "../support/readme.ts";
import { builtRelease } from "../support/release.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import { GUEST, startRouter } from "../support/servers/router.ts";
import type { Router } from "../support/servers/router.ts";
import { agentReport, installAgent } from "./agent.ts";
import { installByHand, installFile, runLines } from "./install.ts";
import { createImage } from "./machine.ts";
import type { Image, Machine } from "./machine.ts";

//   vm eth0 10.1.1.50 ---- lan ---- 10.1.1.1 eth0 router (dnsmasq, nginx)

const NEEDS = { programs: ["debootstrap", "dnsmasq", "nginx", "zip", "libdeflate-gzip"], root: true } as const;
const UNIT = "mdproxy4cs.service";
const METADATA = sampleMetadata(GUEST.address);
/** A body that takes about two seconds, so that something can happen meanwhile. */
const SLOW = { path: "/latest/meta-data/slow", body: "slow ".repeat(10_000) };

/** Registers a test with an image on a host beside a router. */
function bootTest(name: string, run: (context: Deno.TestContext, image: Image, router: Router) => Promise<void>): void {
  networkTest(name, NEEDS, async (context) => {
    await using network: Network = await createNetwork();
    const lan = await network.createSegment();
    const vm = await createGuest(network, lan);
    const router = await startRouter(network, lan, {
      metadata: { [GUEST.address]: { ...METADATA, slow: SLOW.body } },
      extra: `location ${SLOW.path} { limit_rate 20k; rewrite ^ /metadata/$remote_addr/slow break; }`,
    });
    await run(context, await createImage(network, vm), router);
  });
}

/** Asks through the program from inside, and fails unless the answer is 200. */
function ask(machine: Machine, path: string, args: readonly string[] = []): Promise<string> {
  return machine.must(["curl", "--silent", "--show-error", "--fail", ...args, PROXY + path]);
}

const isActive = (state: string) => state === "active";
const isOther = (pid: string) => (value: string) => value !== pid && value !== "0";

bootTest("the release, installed by the README's steps, serves a booting machine", async (context, image, router) => {
  const step = (name: string, run: () => Promise<void>) =>
    context.step({ name, sanitizeOps: false, sanitizeResources: false, fn: run });

  await step("the steps by hand work in a chroot in which no systemd runs", async () => {
    await installByHand(image);
    const link = `${image.root}/etc/systemd/system/multi-user.target.wants/${UNIT}`;
    assertEquals(await image.outside(["readlink", link]), "/usr/share/mdproxy4cs/mdproxy4cs.service\n");
  });
  await installAgent(image);
  await image.outside(["cp", "-r", await builtRelease(), `${image.root}/opt/release`]);
  const machine = await image.boot();

  await step("the unit is active, and nothing else has failed", async () => {
    assertEquals(await machine.property(UNIT, "ActiveState"), "active");
    assertEquals(await machine.must(["systemctl", "list-units", "--failed", "--plain", "--no-legend"]), "");
  });

  await step("an agent that starts at the same time gets everything at its first try", async () => {
    const { publicKeys, userData, tries } = await agentReport(machine);
    assertEquals([publicKeys, userData], [METADATA["public-keys"], METADATA["user-data"]]);
    assertEquals(tries, [1, 1]);
  });

  await step("the address is on lo, put there by pre-start.sh", async () => {
    assertMatch(await machine.must(["ip", "-4", "address", "show", "dev", "lo"]), /inet 169\.254\.169\.254\/32 /);
    assert(!(await machine.journal(UNIT)).some(({ MESSAGE }) => MESSAGE?.includes("added the listen address")));
  });

  await step("it is ready only when it listens", async () => {
    const moments = (await machine.journal(UNIT)).map(({ MESSAGE = "" }) => MESSAGE);
    const listening = moments.findIndex((message) => message.startsWith("listening "));
    const started = moments.findIndex((message) => message.startsWith("Started "));
    assert(listening >= 0 && listening < started, moments.join("\n"));
  });

  await step("the status line names the router", async () => {
    assertMatch(await machine.property(UNIT, "StatusText"), /\b10\.1\.1\.1\b/);
  });

  await step("the journal has its lines with their levels, fields and no priority in the text", async () => {
    const own = (await machine.journal(UNIT)).filter(({ SYSLOG_IDENTIFIER }) => SYSLOG_IDENTIFIER === "mdproxy4cs");
    const listening = own.find(({ MESSAGE }) => MESSAGE!.startsWith("listening "))!;
    assertEquals([listening["PRIORITY"], listening["_SYSTEMD_UNIT"]], ["6", UNIT]);
    assertStringIncludes(listening["MESSAGE"]!, "listen=169.254.169.254:39724");
    assert(own.every(({ MESSAGE }) => !/^<\d>/.test(MESSAGE!)));
    assert(!own.some(({ MESSAGE }) => MESSAGE!.includes("nats:secret")));
  });

  await step("the process is nobody, with the right to port 68 and no other", async () => {
    const pid = await machine.property(UNIT, "MainPID");
    const status = await machine.must(["cat", `/proc/${pid}/status`]);
    const field = (name: string) => new RegExp(`^${name}:\\s+(\\S+)`, "m").exec(status)?.[1];
    assert(field("Uid") !== "0");
    // CAP_NET_BIND_SERVICE is bit 10.
    for (const set of ["CapEff", "CapPrm", "CapBnd", "CapAmb"]) {
      assertEquals([set, Number(`0x${field(set)}`)], [set, 1 << 10]);
    }
    assertEquals([field("NoNewPrivs"), field("Seccomp")], ["1", "2"]);
    assertMatch(await machine.must(["cat", `/proc/${pid}/limits`]), /^Max core file size +0 +0 /m);
    assertEquals((await machine.must(["cat", `/proc/${pid}/coredump_filter`])).trim(), "00000000");
  });

  await step("systemd-analyze sees an exposure of 1.4 or better", async () => {
    const report = await machine.must(["systemd-analyze", "security", "--no-pager", UNIT]);
    const exposure = Number(/Overall exposure level .*: (\d+\.\d+)/.exec(report)?.[1]);
    assert(exposure <= 1.4, report);
    console.log(`exposure ${exposure}`);
  });

  await step("it has the files it needs, no swap, and may run nothing but itself and ip", async () => {
    const pid = await machine.property(UNIT, "MainPID");
    assertMatch(await machine.must(["cat", `/proc/${pid}/limits`]), /^Max open files +8192 +8192 /m);
    assertEquals(await machine.property(UNIT, "MemorySwapMax"), "0");
    assertEquals(await machine.property(UNIT, "OOMScoreAdjust"), "-500");
    const namespaces = (of: string) => machine.must(["readlink", `/proc/${of}/ns/ipc`, `/proc/${of}/ns/mnt`]);
    const [ipc, mounts] = (await namespaces(pid)).split("\n");
    assert(!(await namespaces("1")).includes(ipc!) && !(await namespaces("1")).includes(mounts!));
    const inside = (path: string) => machine.run(["nsenter", "--target", pid, "--mount", path]);
    for (const path of ["/bin/sh", "/usr/bin/id", "/bin/curl"]) {
      assertMatch((await inside(path)).stderr, /Permission denied/, path);
    }
    assertEquals((await machine.run(["nsenter", "--target", pid, "--mount", "/sbin/ip", "-V"])).code, 0);
  });

  await step("its runtime folder is its own, and the listen port is nobody's outgoing one", async () => {
    assertEquals(await machine.must(["stat", "--dereference", "--format=%a", "/run/mdproxy4cs"]), "700\n");
    assertMatch(await machine.must(["cat", "/proc/sys/net/ipv4/ip_local_reserved_ports"]), /\b39724\b/);
  });

  await step("its memory, as systemd counts it, is far below its limit", async () => {
    const current = Number(await machine.property(UNIT, "MemoryCurrent"));
    const limit = Number(await machine.property(UNIT, "MemoryMax"));
    // Where the kernel lends this machine no memory controller, systemd counts nothing.
    if (Number.isNaN(current)) return console.log("memory is not counted here");
    console.log(`memory ${(current / 1e6).toFixed(1)} MB of ${(limit / 1e6).toFixed(1)} MB`);
    assert(current < limit / 2);
  });

  await step("discover runs beside it and finds the same router", async () => {
    assertMatch(await machine.must(["mdproxy4cs", "discover"]), /\b10\.1\.1\.1\b/);
  });

  await step("a reload loses no request", async () => {
    const reload = `
      (for i in $(seq 50); do curl -fsS -o /dev/null ${PROXY}/latest/meta-data/vm-id || exit 1; done) & asking=$!
      systemctl reload ${UNIT}
      systemctl reload ${UNIT}
      wait $asking
    `;
    await machine.must(["sh", "-euc", reload]);
    assertEquals(await machine.property(UNIT, "ActiveState"), "active");
  });

  await step("a restart lets what is in flight arrive whole, and those who retry lose nothing", async () => {
    const restart = `
      curl -fsS --no-buffer -o /run/slow ${PROXY}${SLOW.path} & in_flight=$!
      until [ -s /run/slow ]; do sleep 0.01; done
      systemctl restart ${UNIT} & restart=$!
      wait $in_flight
      wait $restart
      cat /run/slow
    `;
    // As the agent does: whatever the error is.
    const retry = ["--retry", "10", "--retry-delay", "1", "--retry-all-errors"];
    const [slow, ...others] = await Promise.all([
      machine.must(["sh", "-euc", restart]),
      ...Array.from({ length: 10 }, () => ask(machine, "/latest/meta-data/vm-id", retry)),
    ]);
    assertEquals(slow, SLOW.body);
    assertEquals(others, Array(10).fill(METADATA["vm-id"]));
  });

  await step("kill -9 is recovered from", async () => {
    const pid = await machine.property(UNIT, "MainPID");
    await machine.must(["systemctl", "kill", "--signal=KILL", UNIT]);
    await machine.until(UNIT, "MainPID", isOther(pid));
    await machine.until(UNIT, "ActiveState", isActive);
    assertEquals(await ask(machine, "/latest/user-data"), METADATA["user-data"]);
  });

  await step("an address that is taken away is put back by the unit, since the program may not", async () => {
    const pid = await machine.property(UNIT, "MainPID");
    await machine.must(["ip", "address", "del", "169.254.169.254/32", "dev", "lo"]);
    await machine.until(UNIT, "MainPID", isOther(pid));
    await machine.until(UNIT, "ActiveState", isActive);
    assertEquals(await ask(machine, "/latest/user-data"), METADATA["user-data"]);
    assert(
      (await machine.journal(UNIT)).some(({ MESSAGE }) => MESSAGE!.startsWith("stopping without the listen address")),
    );
  });

  await step("a process that was killed is back each of five times, and systemd waits for nothing before", async () => {
    assertEquals(await machine.property(UNIT, "RestartUSec"), "0");
    for (let times = 0; times < 5; times++) {
      const pid = await machine.property(UNIT, "MainPID");
      await machine.must(["systemctl", "kill", "--signal=KILL", UNIT]);
      await machine.until(UNIT, "MainPID", isOther(pid));
      await machine.until(UNIT, "ActiveState", isActive);
      // More than five starts in a row would be slowed down.
      await machine.must(["rm", "-f", "/run/mdproxy4cs.starts"]);
    }
  });

  /** Changes the unit until the machine is gone, and restarts it. */
  const override = async (settings: string) => {
    const folder = `/run/systemd/system/${UNIT}.d`;
    await machine.must(["sh", "-euc", `mkdir -p ${folder}; cat > ${folder}/test.conf`], {
      input: `[Service]\n${settings}\n`,
    });
    await machine.must(["systemctl", "daemon-reload"]);
    await machine.must(["systemctl", "restart", UNIT]);
  };

  await step("a process that hangs is replaced by the watchdog", async () => {
    assertEquals(await machine.property(UNIT, "WatchdogUSec"), "20s");
    await override("WatchdogSec=2s");
    const pid = await machine.property(UNIT, "MainPID");
    await machine.must(["systemctl", "kill", "--signal=STOP", UNIT]);
    await machine.until(UNIT, "MainPID", isOther(pid));
    await machine.until(UNIT, "ActiveState", isActive);
    assert((await machine.journal(UNIT)).some(({ MESSAGE }) => MESSAGE!.includes("Watchdog timeout")));
    assertEquals(await ask(machine, "/latest/user-data"), METADATA["user-data"]);
  });

  await step("a router that moves is followed", async () => {
    await router.stop();
    await router.start("10.1.1.77");
    assertEquals(await ask(machine, "/latest/meta-data/local-hostname"), METADATA["local-hostname"]);
    await machine.until(UNIT, "StatusText", (status) => status.includes("10.1.1.77"));
  });

  await step(
    "ip works under the unit's filter of system calls: a router that is only the gateway is found",
    async () => {
      await machine.must(["ip", "route", "add", "default", "via", "10.1.1.77", "dev", "eth0"]);
      await override("Environment=MDPROXY4CS_DISCOVERY=gateway");
      assertEquals(await ask(machine, "/latest/user-data"), METADATA["user-data"]);
      await machine.until(UNIT, "StatusText", (status) => status.includes("found by gateway"));
    },
  );

  await step("nothing that the runtime would obey reaches it", async () => {
    await override("Environment=DENO_SERVE_ADDRESS=tcp:127.0.0.1:45671 DENO_LOG=trace NODE_OPTIONS=--inspect");
    assertEquals(await ask(machine, "/latest/user-data"), METADATA["user-data"]);
    const environment = await machine.must(["cat", `/proc/${await machine.property(UNIT, "MainPID")}/environ`]);
    // But for what the unit itself has it obey.
    assertEquals(environment.match(/(DENO|RUST|NODE)_[^\0]*/g), ["DENO_USR2_MEMORY_TRIM=1"]);
  });

  await step("a configuration that no restart mends is failed, once, for monitoring to see", async () => {
    await assertRejects(() => override("Environment=MDPROXY4CS_CACHE_TTL=soon"));
    const properties = ["ActiveState", "Result", "ExecMainStatus", "NRestarts"];
    const values = await Promise.all(properties.map((name) => machine.property(UNIT, name)));
    assertEquals(values, ["failed", "exit-code", "78", "0"]);
    assertEquals((await machine.run(["systemctl", "is-system-running"])).stdout, "degraded\n");
    const said = (await machine.journal(UNIT)).filter(({ MESSAGE }) => MESSAGE!.includes('"soon" must be a duration'));
    assertEquals(said.length, 1);
    await override("");
    assertEquals(await ask(machine, "/latest/user-data"), METADATA["user-data"]);
  });

  await step("what fails at every start is tried again, more and more slowly", async () => {
    await machine.run(["rm", "-f", "/run/mdproxy4cs.starts"]);
    // An address that pre-start.sh does not know of, and that the program may not add.
    await assertRejects(() =>
      override("ExecStart=\nExecStart=/usr/bin/mdproxy4cs --http-listen 169.254.169.253:39724")
    );
    await machine.until(UNIT, "NRestarts", (count) => Number(count) >= 6);
    const said = (await machine.journal(UNIT)).map(({ MESSAGE }) => MESSAGE!);
    assert(said.some((line) => line.includes("status=1/FAILURE")), said.slice(-20).join("\n"));
    assert(said.some((line) => /start 6 in a row, .*: waiting for 2 seconds/.test(line)), said.slice(-20).join("\n"));
    await override("");
    assertEquals(await ask(machine, "/latest/user-data"), METADATA["user-data"]);
  });

  await step("systemd reads every env file as the program does", async () => {
    const file = "/run/case.env";
    for (const [what, text, values] of ENV_FILE_CASES) {
      await machine.must(["tee", file], { input: text });
      const argv = ["systemd-run", "--quiet", "--wait", "--pipe", `--property=EnvironmentFile=${file}`, "env", "-0"];
      const own = (await machine.must(argv)).split("\0").filter((line) => line.startsWith("MDPROXY4CS_"));
      const read = Object.fromEntries(
        own.map((line) => [line.split("=")[0]!, line.slice(line.indexOf("=") + 1).replace(/\n$/, "")]),
      );
      assertEquals([what, read], [what, { ...values }]);
    }
  });

  await step("it runs where the main process has no ip command at all, because pre-start.sh did the work", async () => {
    const hidden = ["/usr/sbin/ip", "/usr/bin/ip", "/sbin/ip", "/bin/ip"].map((path) => `-${path}`).join(" ");
    await machine.must(["ip", "address", "del", "169.254.169.254/32", "dev", "lo"]);
    await override(`InaccessiblePaths=${hidden}`);
    assertEquals(await ask(machine, "/latest/user-data"), METADATA["user-data"]);
  });

  await step("it stops when it is told to", async () => {
    await machine.must(["systemctl", "stop", UNIT]);
    const at = async (name: string) => Number(await machine.property(UNIT, name));
    const tookMs = (await at("InactiveEnterTimestampMonotonic") - await at("ActiveExitTimestampMonotonic")) / 1_000;
    assertEquals(await machine.property(UNIT, "Result"), "success");
    console.log(`stopped in ${tookMs.toFixed(0)} ms`);
  });

  const install = (...args: string[]) => machine.must(["sh", "/opt/release/install.sh", ...args]);

  await step("install.sh upgrades it where it runs, and starts it", async () => {
    await install("--archive", `/opt/release/${archiveName("amd64")}.tar.gz`);
    assertEquals(await machine.property(UNIT, "ActiveState"), "active");
    assertEquals(await ask(machine, "/latest/user-data"), METADATA["user-data"]);
  });

  await step("install.sh --uninstall stops it and leaves nothing but the settings", async () => {
    await install("--uninstall");
    assertEquals(await machine.property(UNIT, "ActiveState"), "inactive");
    const left = await machine.must(["find", "/usr", "/etc", "-name", "*mdproxy4cs*"]);
    assertEquals(left, "/etc/default/mdproxy4cs\n");
  });

  const dpkg = (...args: string[]) => machine.must(["dpkg", "--force-confold", ...args]);
  const deb = `/opt/release/${debName("amd64")}`;

  await step("the Debian package enables it, and does not start it where policy-rc.d says so", async () => {
    const policy = "/usr/sbin/policy-rc.d";
    await machine.must(["sh", "-c", `printf '#!/bin/sh\\nexit 101\\n' > ${policy}; chmod 755 ${policy}`]);
    await dpkg("--install", deb);
    assertEquals(await machine.property(UNIT, "ActiveState"), "inactive");
    assertEquals(await machine.must(["systemctl", "is-enabled", UNIT]), "enabled\n");
    await machine.must(["rm", policy]);
    await dpkg("--purge", "mdproxy4cs");
  });

  await step("the Debian package starts it, as it does when it is an upgrade of what runs", async () => {
    for (let turn = 1; turn <= 2; turn++) {
      await dpkg("--install", deb);
      assertEquals(await ask(machine, "/latest/user-data"), METADATA["user-data"]);
    }
  });

  await step("an upgrade by the Debian package leaves it stopped and disabled", async () => {
    await machine.must(["systemctl", "stop", UNIT]);
    await machine.must(["systemctl", "disable", UNIT]);
    await dpkg("--install", deb);
    assertEquals(await machine.property(UNIT, "ActiveState"), "inactive");
    assertEquals(await machine.must(["find", "/etc/systemd", "-name", UNIT]), "");
  });

  await step("a purge of the Debian package leaves nothing", async () => {
    await dpkg("--purge", "mdproxy4cs");
    assertEquals(await machine.property(UNIT, "LoadState"), "not-found");
    assertEquals(await machine.must(["find", "/usr", "/etc", "/var", "-name", "*mdproxy4cs*"]), "");
  });
});

bootTest("the new program serves an image that has the old unit, settings and script", async (context, image) => {
  const step = (name: string, run: () => Promise<void>) =>
    context.step({ name, sanitizeOps: false, sanitizeResources: false, fn: run });

  await installByHand(image);
  for (
    const [name, path, mode] of [
      ["mdproxy4cs.service", "/usr/share/mdproxy4cs/mdproxy4cs.service", "644"],
      ["default", "/etc/default/mdproxy4cs", "644"],
      ["pre-start.sh", "/usr/share/mdproxy4cs/pre-start.sh", "755"],
    ] as const
  ) {
    const text = await Deno.readTextFile(new URL(`../testdata/v1/${name}`, import.meta.url));
    await installFile(image, path, { text, mode });
  }
  await installAgent(image);
  const machine = await image.boot();

  await step("the agent gets its settings, by its own retries if it came too early", async () => {
    const { userData } = await agentReport(machine);
    assertEquals(userData, METADATA["user-data"]);
  });

  await step("the unit is active and runs as root", async () => {
    assertEquals(await machine.property(UNIT, "ActiveState"), "active");
    const pid = await machine.property(UNIT, "MainPID");
    assertMatch(await machine.must(["cat", `/proc/${pid}/status`]), /^Uid:\t0\t/m);
  });

  await step("restart and stop work", async () => {
    await machine.must(["systemctl", "restart", UNIT]);
    assertEquals(
      await ask(machine, "/latest/user-data", ["--retry", "10", "--retry-connrefused"]),
      METADATA["user-data"],
    );
    await machine.must(["systemctl", "stop", UNIT]);
    assertEquals(await machine.property(UNIT, "Result"), "success");
  });
});

networkTest("the README's lines for install.sh work in a system, and into an image's root", NEEDS, async () => {
  await using network = await createNetwork();
  const image = await createImage(network, await network.createHost("builder"));
  await image.outside(["mkdir", "-p", `${image.root}/srv/image/usr`]);
  const [withScript] = await readmeCommands("Install");
  await runLines(
    { ...image, outside: (argv, options) => image.outside(["chroot", image.root, ...argv], options) },
    withScript!
      .replaceAll("$image", "/srv/image"),
  );
  for (const root of [image.root, `${image.root}/srv/image`]) {
    await image.outside(["cmp", `${root}/usr/bin/mdproxy4cs`, `${image.root}/usr/bin/mdproxy4cs`]);
    await image.outside(["test", "-L", `${root}/etc/systemd/system/multi-user.target.wants/${UNIT}`]);
  }
});
