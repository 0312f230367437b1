import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { openHost } from "../../lib/system/host.ts";
import type { Host } from "../../lib/system/host.ts";
import { createRegistry } from "../../lib/telemetry/metrics.ts";
import { createVirtualClock } from "../support/fakes/virtual_clock.ts";
import { test } from "../support/test.ts";

/** The machine that the tests run on, and a folder of the test's own. */
function hostTest(name: string, run: (host: Host, folder: string) => void | Promise<void>): void {
  test(name, async () => {
    const folder = await Deno.makeTempDir({ prefix: "mdproxy4cs-test-" });
    try {
      await run(openHost({ clock: createVirtualClock(), metrics: createRegistry() }), folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

const forever = () => new AbortController().signal;

hostTest("openHost lists the names in a folder, and none of one that does not exist", async (host, folder) => {
  await Deno.writeTextFile(`${folder}/a`, "");
  await Deno.mkdir(`${folder}/b`);
  assertEquals([...await host.listFolder(folder)].sort(), ["a", "b"]);
  assertEquals(await host.listFolder(`${folder}/none`), []);
  await assertRejects(() => host.listFolder(`${folder}/a`), Deno.errors.NotADirectory);
});

hostTest(
  "openHost reads a file with the time of its last change, and none that does not exist",
  async (host, folder) => {
    const path = `${folder}/lease`;
    await Deno.writeTextFile(path, "text");
    await Deno.utime(path, 1_000, 1_234);
    assertEquals(await host.readFile(path), { bytes: new TextEncoder().encode("text"), modifiedAt: 1_234_000 });
    assertEquals(await host.readFile(`${folder}/none`), undefined);
    await assertRejects(() => host.readFile(`${path}/none`), Deno.errors.NotADirectory);
  },
);

hostTest("openHost takes neither a folder nor more than 1 MiB for a lease", async (host, folder) => {
  assertEquals(await host.readFile(folder), undefined);
  await Deno.writeFile(`${folder}/just`, new Uint8Array(1024 * 1024));
  await Deno.writeFile(`${folder}/more`, new Uint8Array(1024 * 1024 + 1));
  assertEquals((await host.readFile(`${folder}/just`))?.bytes.length, 1024 * 1024);
  assertEquals(await host.readFile(`${folder}/more`), undefined);
});

hostTest("openHost looks a name up as the machine does, and stops waiting when it is told to", async (host) => {
  // A system that was just unpacked has no /etc/hosts, and knows no name at all.
  const hosts = await Deno.readTextFile("/etc/hosts").catch(() => "");
  const found = await host.lookUp("localhost", forever());
  if (/^127\.0\.0\.1\s(.*\s)?localhost\b/m.test(hosts)) assert(found.includes("127.0.0.1"), `${found}`);
  const reason = new Error("enough");
  assertStrictEquals(await assertRejects(() => host.lookUp("localhost", AbortSignal.abort(reason))), reason);
  const late = new AbortController();
  const looking = host.lookUp("localhost", late.signal);
  late.abort(reason);
  assertStrictEquals(await assertRejects(() => looking), reason);
  // What was left behind ends before this one does.
  await host.lookUp("localhost", forever());
});

hostTest("openHost has no config drive unless it is handed one", (host) => {
  assertEquals([host.drive.isPresent(), host.drive.problem()], [false, undefined]);
  const drive = { isPresent: () => true, problem: () => "odd" };
  assertStrictEquals(openHost({ clock: createVirtualClock(), metrics: createRegistry(), drive }).drive, drive);
});
