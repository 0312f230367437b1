import { assert, assertEquals } from "@std/assert";
import { ask, driveTest, load, SAMPLE } from "./drive_case.ts";

driveTest("createConfigDrive serves the router's paths, and 404 without a body for all others", async (at) => {
  const { drive } = at;
  await load(at);
  const list = [
    ...["availability-zone", "cloud-identifier", "instance-id", "local-hostname", "local-ipv4", "public-hostname"],
    ...["public-ipv4", "public-keys", "service-offering", "vm-id"],
  ].map((key) => `${key}\n`).join("");
  const table: [path: string, status: number, body: string | Uint8Array][] = [
    ["/latest/user-data", 200, SAMPLE["user-data"]!],
    ["/latest/user-data/", 200, SAMPLE["user-data"]!],
    ["/latest/user-data?x=1", 200, SAMPLE["user-data"]!],
    ["/latest/meta-data/", 200, list],
    ["/latest/meta-data", 200, list],
    ["/latest/meta-data/instance-id", 200, "i-2-50-VM"],
    ["/latest/meta-data/instance-id/", 200, "i-2-50-VM"],
    ["/latest/instance-id", 200, "i-2-50-VM"],
    ["/latest/instance%2Did", 200, "i-2-50-VM"],
    ["/latest/public-keys", 200, SAMPLE["public-keys"]!],
    ["/latest/meta-data/user-data", 404, ""],
    ["/latest/meta-data/meta-data", 404, ""],
    ["/latest/meta-data/no-such-key", 404, ""],
    ["/latest/meta-data/instance-id/more", 404, ""],
    ["/latest/meta-data/../user-data", 404, ""],
    ["/latest/", 404, ""],
    ["/latest", 404, ""],
    ["/", 404, ""],
    ["/2009-04-04/user-data", 404, ""],
    ["/x/latest/user-data", 404, ""],
    ["/latest/%zz", 404, ""],
    ["/latest/meta-data/__proto__", 404, ""],
  ];
  for (const [path, status, body] of table) {
    const answer = await ask(drive, path);
    assertEquals([path, answer.status, answer.text], [path, status, body]);
    assertEquals(answer.fields["content-length"], String(answer.bytes.length));
  }
});

driveTest("createConfigDrive gives 200 with an empty body for a key that every router has", async (at) => {
  await load(at, { "instance-id": "i-1", "hypervisor-host-name": "kvm-1" });
  for (const path of ["/latest/meta-data/public-keys", "/latest/vm-id", "/latest/user-data"]) {
    const { status, text, fields } = await ask(at.drive, path);
    assertEquals([path, status, text, fields["content-length"]], [path, 200, "", "0"]);
  }
  assertEquals((await ask(at.drive, "/latest/hypervisor-host-name")).text, "kvm-1");
  assert(
    (await ask(at.drive, "/latest/meta-data/")).text.includes("cloud-identifier\nhypervisor-host-name\ninstance-id\n"),
  );
  await load(at, { "instance-id": "i-1" });
  assertEquals((await ask(at.drive, "/latest/hypervisor-host-name")).status, 404);
});

driveTest("createConfigDrive reads older names with _, and prefers the newer spelling", async (at) => {
  await load(at, { "instance-id": "i-1", "vm_id": "old", "vm-id": "new", "local_hostname": "vm-1" });
  assertEquals((await ask(at.drive, "/latest/vm-id")).text, "new");
  assertEquals((await ask(at.drive, "/latest/meta-data/local-hostname")).text, "vm-1");
  assertEquals((await ask(at.drive, "/latest/meta-data/local_hostname")).status, 404);
  await load(at, { "instance_id": "i-2", "vm-id": "new", "vm_id": "old" });
  assertEquals((await ask(at.drive, "/latest/instance-id")).text, "i-2");
  assertEquals((await ask(at.drive, "/latest/vm-id")).text, "new");
});

driveTest("createConfigDrive gives user-data byte for byte, and says what it is", async (at) => {
  const all = Uint8Array.from({ length: 256 }, (_, i) => i);
  const table: [userData: string | Uint8Array, type: string][] = [
    ["text", "text/plain"],
    ["", "text/plain"],
    ["über\n", "text/plain"],
    [all, "application/octet-stream"],
    [Uint8Array.of(0x1f, 0x8b, 8), "application/octet-stream"],
    ["nul\0", "application/octet-stream"],
  ];
  for (const [userData, type] of table) {
    await load(at, { ...SAMPLE, "user-data": userData });
    const { bytes, fields } = await ask(at.drive, "/latest/user-data");
    assertEquals(bytes, typeof userData === "string" ? new TextEncoder().encode(userData) : userData);
    assertEquals(fields["content-type"], type);
  }
});

driveTest("createConfigDrive dates the list and what a VM lacks by the newest of its keys", async (at) => {
  await load(at, { "instance-id": "i-1", "vm-id": "1", "public-keys": "k" });
  const newest = new Date("2026-05-06T07:08:09Z");
  await Deno.utime(`${at.folder}/metadata/vm-id.txt`, newest, newest);
  await at.drive.load();
  for (const path of ["/latest/meta-data/", "/latest/local-ipv4", "/latest/user-data", "/latest/vm-id"]) {
    assertEquals((await ask(at.drive, path)).fields["last-modified"], "Wed, 06 May 2026 07:08:09 GMT", path);
  }
  assertEquals((await ask(at.drive, "/latest/instance-id")).fields["last-modified"], "Fri, 02 Jan 2026 03:04:05 GMT");
});
