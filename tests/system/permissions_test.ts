import { assert, assertEquals } from "@std/assert";
import { permissionFlags, READABLE, WRITABLE } from "../../lib/system/permissions.ts";
import { test } from "../support/test.ts";

function listOf(name: string, version = "2.9.6"): string[] {
  return permissionFlags(version).find((flag) => flag.startsWith(`--${name}=`))!.split("=")[1]!.split(",");
}

test("permissionFlags gives rights of net for Unix sockets from Deno 2.9 on, for exactly these", () => {
  const unix = (version: string) => listOf("allow-net", version).filter((right) => right.startsWith("unix:"));
  assertEquals(unix("2.9.0"), [
    "unix:/run/systemd/notify",
    "unix:/run/mdproxy4cs/notify.sock",
    "unix:/run/mdproxy4cs/inner.sock",
    "unix:/run/mdproxy4cs/control.sock",
  ]);
  for (const version of ["2.9.6", "2.10.0", "3.0.0"]) assertEquals(unix(version), unix("2.9.0"), version);
  for (const version of ["2.4.2", "2.5.6", "2.7.14", "2.8.3", "1.99.0"]) assertEquals(unix(version), [], version);
});

test("permissionFlags gives no folder that everybody may write to", () => {
  for (const path of [...READABLE, ...WRITABLE, ...listOf("allow-read"), ...listOf("allow-write")]) {
    assert(!/^\/(tmp|var\/tmp|dev\/shm|run\/lock|run)?$/.test(path), path);
    assert(!/^\/(tmp|var\/tmp|dev\/shm|run\/lock)\//.test(path), path);
  }
});
