import { assert, assertEquals } from "@std/assert";
import { openRuntimeFolder, RUNTIME_FILES } from "../../lib/system/runtime_folder.ts";
import type { Fields } from "../../lib/telemetry/log.ts";
import { SILENT } from "../../lib/telemetry/log.ts";
import { NEEDS_ROOT, networkTest } from "../support/net/network_test.ts";
import { test } from "../support/test.ts";

function setUp() {
  const folder = Deno.makeTempDirSync();
  const warnings: string[] = [];
  const log = {
    ...SILENT,
    warn: (message: string, { error }: Fields = {}) => void warnings.push(`${message}: ${error}`),
  };
  return { folder, warnings, log, [Symbol.dispose]: () => Deno.removeSync(folder, { recursive: true }) };
}

test("openRuntimeFolder makes a folder that nobody else may enter, and finds it again", async () => {
  using at = setUp();
  const path = `${at.folder}/own`;
  for (let times = 0; times < 2; times++) {
    assertEquals(await openRuntimeFolder(at.log, path), path);
    assertEquals(Deno.statSync(path).mode! & 0o777, 0o700);
    Deno.writeTextFileSync(`${path}/state`, "kept");
  }
  Deno.chmodSync(path, 0o777);
  await openRuntimeFolder(at.log, path);
  assertEquals(Deno.statSync(path).mode! & 0o777, 0o700);
  assertEquals([Deno.readTextFileSync(`${path}/state`), at.warnings], ["kept", []]);
});

test("openRuntimeFolder follows a link, as systemd makes one for a dynamic user", async () => {
  using at = setUp();
  Deno.mkdirSync(`${at.folder}/private`);
  Deno.symlinkSync(`${at.folder}/private`, `${at.folder}/own`);
  assertEquals(await openRuntimeFolder(at.log, `${at.folder}/own`), `${at.folder}/own`);
  assertEquals(Deno.statSync(`${at.folder}/private`).mode! & 0o777, 0o700);
});

test("openRuntimeFolder does without, and says why, where it cannot be had", async () => {
  using at = setUp();
  Deno.writeTextFileSync(`${at.folder}/file`, "");
  assertEquals(await openRuntimeFolder(at.log, `${at.folder}/file`), undefined);
  assertEquals(await openRuntimeFolder(at.log, `${at.folder}/none/own`), undefined);
  assertEquals(at.warnings[0], "doing without a runtime folder: Error: it is not a folder");
  assert(at.warnings[1]!.startsWith("doing without a runtime folder: NotFound"), at.warnings[1]);
});

networkTest("openRuntimeFolder leaves alone what belongs to another user", NEEDS_ROOT, async () => {
  using at = setUp();
  const path = `${at.folder}/own`;
  Deno.mkdirSync(path);
  Deno.chmodSync(path, 0o750);
  Deno.chownSync(path, 12_345, 12_345);
  assertEquals(await openRuntimeFolder(at.log, path), undefined);
  assertEquals(Deno.statSync(path).mode! & 0o777, 0o750);
  assertEquals(at.warnings, ["doing without a runtime folder: Error: it belongs to the user with the number 12345"]);
});

test("the files of the runtime folder have the names that permissions and documents give them", () => {
  assertEquals({ ...RUNTIME_FILES }, {
    innerSocket: "/run/mdproxy4cs/inner.sock",
    controlSocket: "/run/mdproxy4cs/control.sock",
    notifySocket: "/run/mdproxy4cs/notify.sock",
    state: "/run/mdproxy4cs/router.json",
    savedPassword: "/run/mdproxy4cs/saved-password",
    configDrive: "/run/mdproxy4cs-root/config-drive",
    leases: "/run/mdproxy4cs-root/leases",
  });
});

test("openRuntimeFolder leaves alone what another program listens in, and takes over what one has left", async () => {
  using at = setUp();
  const path = `${at.folder}/own`;
  for (const name of ["inner.sock", "control.sock"]) {
    await openRuntimeFolder(at.log, path);
    const other = Deno.listen({ transport: "unix", path: `${path}/${name}` });
    const accepted = other.accept();
    assertEquals(await openRuntimeFolder(at.log, path), undefined);
    (await accepted).close();
    // As if it had been killed: closed, it would take its socket away.
    Deno.linkSync(`${path}/${name}`, `${at.folder}/left`);
    other.close();
    Deno.renameSync(`${at.folder}/left`, `${path}/${name}`);
    assertEquals(at.warnings.splice(0), [
      "doing without a runtime folder: Error: another mdproxy4cs is at work in it",
    ]);
    assertEquals(await openRuntimeFolder(at.log, path), path);
    assertEquals(at.warnings, []);
  }
});
