import { assert, assertEquals } from "@std/assert";
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

test("mdproxy4cs.service has no right but to port 68", async () => {
  const { AmbientCapabilities, CapabilityBoundingSet, DynamicUser } = await settings(UNIT);
  assertEquals([AmbientCapabilities, CapabilityBoundingSet], [["CAP_NET_BIND_SERVICE"], ["CAP_NET_BIND_SERVICE"]]);
  assertEquals(DynamicUser, ["yes"]);
});

networkTest(
  "mdproxy4cs.service has an exposure of 1.5 or better",
  { programs: ["systemd-networkd"], namespaces: false },
  async () => {
    const { stdout } = await runCommand(["systemd-analyze", "security", "--offline=true", "--no-pager", UNIT]);
    const exposure = Number(/Overall exposure level .*: (\d+\.\d+)/.exec(stdout)?.[1]);
    assert(exposure <= 1.5, stdout);
  },
);
