import { assert, assertEquals, assertThrows } from "@std/assert";
import { OPTIONS } from "../../lib/config/options.ts";
import { IP_COMMANDS } from "../../lib/system/permissions.ts";
import { RUNTIME_VARIABLES } from "../../lib/system/runtime_environment.ts";
import { RUNTIME_FOLDER } from "../../lib/system/runtime_folder.ts";
import { runCommand } from "../support/net/process.ts";
import { networkTest } from "../support/net/network_test.ts";
import { test } from "../support/test.ts";
import { filePath } from "../../tools/file_path.ts";

const UNIT = filePath("../../assets/mdproxy4cs.service", import.meta.url);

/** The settings of a unit file; one that is set twice has both values. */
async function settings(path: string): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const [, key, value] of (await Deno.readTextFile(path)).matchAll(/^(\w+)=(.*)$/gm)) {
    (found[key!] ??= []).push(value!);
  }
  return found;
}

test("mdproxy4cs.service names the paths that images have", async () => {
  const { ExecStart, ExecStartPre, EnvironmentFile, WantedBy } = await settings(UNIT);
  assertEquals(ExecStart, ["/usr/bin/mdproxy4cs"]);
  assertEquals(ExecStartPre, ["+/usr/share/mdproxy4cs/pre-start.sh"]);
  assertEquals(EnvironmentFile, ["-/etc/default/mdproxy4cs"]);
  assertEquals(WantedBy, ["multi-user.target"]);
});

test("mdproxy4cs.service unsets every variable that the program refuses or takes away", async () => {
  const { UnsetEnvironment = [] } = await settings(UNIT);
  const names = UnsetEnvironment.flatMap((line) => line.split(" "));
  assertEquals(RUNTIME_VARIABLES.filter((name) => !names.includes(name)), []);
  assertEquals(new Set(names).size, names.length);
});

test("mdproxy4cs.service starts the program again at once, and never after what no restart mends", async () => {
  const { Restart, RestartSec, RestartPreventExitStatus, StartLimitIntervalSec } = await settings(UNIT);
  assertEquals([Restart, RestartSec], [["always"], ["0"]]);
  assertEquals([RestartPreventExitStatus, StartLimitIntervalSec], [["78"], ["0"]]);
});

test("mdproxy4cs.service has a folder for logs", async () => {
  assertEquals((await settings(UNIT))["LogsDirectory"], ["mdproxy4cs"]);
});

test("mdproxy4cs.service has a runtime folder that nobody else may enter, kept over a restart", async () => {
  const { RuntimeDirectory, RuntimeDirectoryMode, RuntimeDirectoryPreserve } = await settings(UNIT);
  assertEquals([`/run/${RuntimeDirectory}`, RuntimeDirectoryMode], [RUNTIME_FOLDER, ["0700"]]);
  assertEquals(RuntimeDirectoryPreserve, ["restart"]);
});

test("mdproxy4cs.service allows the files that the most connections and requests take together", async () => {
  const { LimitNOFILE } = await settings(UNIT);
  const most = (flag: string) => {
    const { message } = assertThrows(
      () => OPTIONS.find((option) => option.flag === flag)!.parse("999999", () => {}),
      TypeError,
    );
    return Number(/to (\d+)$/.exec(message)![1]);
  };
  // Each connection has its own file, and two ends of the one to the server behind the gate.
  assert(3 * most("max-connections") + most("max-requests") + 64 <= Number(LimitNOFILE), LimitNOFILE?.join());
});

test("mdproxy4cs.service lets the program run the commands that its permissions name, and itself", async () => {
  const { NoExecPaths, ExecPaths = [] } = await settings(UNIT);
  assertEquals(NoExecPaths, ["/"]);
  const paths = ExecPaths[0]!.split(" ").map((path) => path.replace(/^-/, ""));
  for (const path of ["/usr/bin/mdproxy4cs", ...IP_COMMANDS]) assert(paths.includes(path), path);
});

test("mdproxy4cs.service has no right but to port 68", async () => {
  const { AmbientCapabilities, CapabilityBoundingSet, DynamicUser } = await settings(UNIT);
  assertEquals([AmbientCapabilities, CapabilityBoundingSet], [["CAP_NET_BIND_SERVICE"], ["CAP_NET_BIND_SERVICE"]]);
  assertEquals(DynamicUser, ["yes"]);
});

/** Older ones compute another exposure: Debian 11's 247 does. */
const SYSTEMD = 252;

/** It writes there, and where no systemd runs it makes the folder, which only root can. */
const HAS_RUN_SYSTEMD = await Deno.stat("/run/systemd").then(() => true, () => false);

networkTest(
  "mdproxy4cs.service has an exposure of 1.4 or better",
  { programs: ["systemd-networkd"], systemd: SYSTEMD, root: !HAS_RUN_SYSTEMD, network: "none" },
  async () => {
    const { stdout } = await runCommand(["systemd-analyze", "security", "--offline=true", "--no-pager", UNIT]);
    const exposure = Number(/Overall exposure level .*: (\d+\.\d+)/.exec(stdout)?.[1]);
    assert(exposure <= 1.4, stdout);
  },
);

test("mdproxy4cs.service lets root read block devices, for a config drive, and copies it anew before a reload", async () => {
  const { DeviceAllow, PrivateDevices, ExecReload } = await settings(UNIT);
  assertEquals([DeviceAllow, PrivateDevices], [["block-* r"], ["yes"]]);
  assertEquals(ExecReload?.[0], "+/usr/share/mdproxy4cs/pre-start.sh reload");
  assertEquals(ExecReload?.length, 2);
});

test("mdproxy4cs-wait-ready.service is wanted by nobody, before nobody, and gives up after the command it runs", async () => {
  const path = filePath("../../assets/mdproxy4cs-wait-ready.service", import.meta.url);
  const { WantedBy, Before, After, Type, RemainAfterExit, ExecStart, TimeoutStartSec } = await settings(path);
  assertEquals([WantedBy, Before], [undefined, undefined]);
  assertEquals([After?.at(-1), Type, RemainAfterExit], ["mdproxy4cs.service", ["oneshot"], ["yes"]]);
  assertEquals([ExecStart, TimeoutStartSec], [["/usr/bin/mdproxy4cs wait --timeout 5m"], ["6min"]]);
});
