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

test("permissionFlags denies the ports of metadata and passwords inside the VM, whatever else is allowed", () => {
  const ranges = ["127.0.0.0/8", "169.254.0.0/16", "0.0.0.0/8", "[::1]"];
  assertEquals(listOf("deny-net"), ranges.flatMap((range) => [`${range}:80`, `${range}:8080`]));
});

test("permissionFlags gives these flags, each with a list of its own, and nothing wholesale", () => {
  const flags = permissionFlags("2.4.2").map((flag) => flag.split("=")[0]);
  assertEquals(flags, [
    "--no-prompt",
    "--unstable-net",
    "--unstable-no-legacy-abort",
    ...["--allow-net", "--deny-net", "--allow-run", "--allow-env", "--allow-read", "--allow-write", "--allow-sys"],
  ]);
  for (const flag of permissionFlags("2.4.2").slice(3)) assert(/=[^,]+(,[^,]+)*$/.test(flag), flag);
  assertEquals(listOf("allow-sys"), ["networkInterfaces", "uid"]);
});
