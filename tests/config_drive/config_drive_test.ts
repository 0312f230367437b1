import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { CONFIG_DRIVE, kindOf } from "../../lib/config_drive/address.ts";
import { createConfigDrive, withConfigDrive } from "../../lib/config_drive/config_drive.ts";
import type { ConfigDrive } from "../../lib/config_drive/config_drive.ts";
import { DriveError } from "../../lib/config_drive/drive_error.ts";
import { readDrive } from "../../lib/config_drive/read_drive.ts";
import { UpstreamError } from "../../lib/http1/error.ts";
import type { Header } from "../../lib/http1/message.ts";
import { createLog } from "../../lib/telemetry/log.ts";
import { writeDrive } from "../support/fakes/drive_folder.ts";
import { createFakeClient } from "../support/fakes/upstream_fakes.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import type { Metadata } from "../support/servers/metadata.ts";
import { test } from "../support/test.ts";

const SAMPLE = sampleMetadata("10.1.1.50");
const LAST_MODIFIED = "Fri, 02 Jan 2026 03:04:05 GMT";

interface Case {
  readonly root: string;
  readonly folder: string;
  readonly drive: ConfigDrive;
  readonly lines: string[];
}

function driveTest(name: string, run: (at: Case) => Promise<void>): void {
  test(name, async () => {
    const root = await Deno.makeTempDir();
    const folder = `${root}/config-drive`;
    const lines: string[] = [];
    const log = createLog((line) => void lines.push(line), { level: "debug", format: "text" });
    try {
      await run({ root, folder, lines, drive: createConfigDrive({ folder, savedPath: `${root}/saved`, log }) });
    } finally {
      await Deno.remove(root, { recursive: true });
    }
  });
}

async function ask(
  drive: ConfigDrive,
  target: string,
  headers: readonly Header[] = [],
  method: "GET" | "HEAD" = "GET",
) {
  const { status, headers: fields, body } = drive.respond({ method, target, headers });
  const { length } = body;
  const bytes = await body.read() ?? new Uint8Array(0);
  assertEquals(length, bytes.length);
  assertEquals(await body.read(), undefined);
  return { status, fields: Object.fromEntries(fields), bytes, text: new TextDecoder().decode(bytes) };
}

async function load({ drive, folder }: Case, metadata: Metadata = SAMPLE, password?: string): Promise<void> {
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await writeDrive(folder, metadata, password === undefined ? {} : { password });
  await drive.load();
}

test("kindOf tells the drive from every router", () => {
  assertEquals([kindOf(CONFIG_DRIVE), kindOf("10.1.1.1")], ["drive", "router"]);
});

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

driveTest("createConfigDrive describes a document as a web server does, to HEAD too", async (at) => {
  await load(at);
  const { fields, status } = await ask(at.drive, "/latest/instance-id");
  const etag = fields["etag"]!;
  assertMatch(etag, /^"[0-9a-f]{16}"$/);
  const expected = {
    "last-modified": LAST_MODIFIED,
    etag,
    "cache-control": "no-cache",
    "accept-ranges": "bytes",
    "content-length": "9",
    "content-type": "text/plain",
  };
  assertEquals([status, fields], [200, expected]);
  const head = await ask(at.drive, "/latest/instance-id", [["Range", "bytes=0-1"]], "HEAD");
  assertEquals([head.status, head.fields, head.text], [200, expected, ""]);
  assertEquals((await ask(at.drive, "/latest/meta-data/")).fields["last-modified"], LAST_MODIFIED);
  await load(at, { ...SAMPLE, "instance-id": "i-2-51-VM" });
  assert((await ask(at.drive, "/latest/instance-id")).fields["etag"] !== etag);
  assertEquals((await ask(at.drive, "/latest/nothing", [], "HEAD")).status, 404);
});

driveTest("createConfigDrive answers conditions and ranges (RFC 9110 sections 13 and 14)", async (at) => {
  await load(at, { "instance-id": "0123456789" });
  const { fields: { etag = "" } } = await ask(at.drive, "/latest/instance-id");
  const before = "Fri, 02 Jan 2026 03:04:04 GMT";
  const table: [headers: Header[], status: number, body: string, contentRange?: string][] = [
    [[["If-None-Match", etag]], 304, ""],
    [[["if-none-match", `"x", W/${etag}`]], 304, ""],
    [[["If-None-Match", "*"]], 304, ""],
    [[["If-None-Match", '"x"']], 200, "0123456789"],
    [[["If-None-Match", '"x"'], ["If-Modified-Since", LAST_MODIFIED]], 200, "0123456789"],
    [[["If-Modified-Since", LAST_MODIFIED]], 304, ""],
    [[["If-Modified-Since", before]], 200, "0123456789"],
    [[["If-Modified-Since", "no date"]], 200, "0123456789"],
    [[["If-Modified-Since", "9999"]], 200, "0123456789"],
    [[["If-Match", etag]], 200, "0123456789"],
    [[["If-Match", "*"]], 200, "0123456789"],
    [[["If-Match", '"x"']], 412, ""],
    [[["If-Match", `W/${etag}`]], 412, ""],
    [[["If-Match", etag], ["If-Unmodified-Since", before]], 200, "0123456789"],
    [[["If-Unmodified-Since", before]], 412, ""],
    [[["If-Unmodified-Since", LAST_MODIFIED]], 200, "0123456789"],
    [[["Range", "bytes=0-0"]], 206, "0", "bytes 0-0/10"],
    [[["Range", "bytes=2-4"]], 206, "234", "bytes 2-4/10"],
    [[["Range", "bytes=7-"]], 206, "789", "bytes 7-9/10"],
    [[["Range", "bytes=9-9"]], 206, "9", "bytes 9-9/10"],
    [[["Range", "bytes=7-99"]], 206, "789", "bytes 7-9/10"],
    [[["Range", "bytes=-3"]], 206, "789", "bytes 7-9/10"],
    [[["Range", "bytes=-99"]], 206, "0123456789", "bytes 0-9/10"],
    [[["Range", "bytes=-0"]], 416, "", "bytes */10"],
    [[["Range", "bytes=10-"]], 416, "", "bytes */10"],
    [[["Range", "bytes=4-2"]], 200, "0123456789"],
    [[["Range", "bytes=-"]], 200, "0123456789"],
    [[["Range", "bytes=0-1,3-4"]], 200, "0123456789"],
    [[["Range", "lines=0-1"]], 200, "0123456789"],
    [[["Range", "bytes=0-1"], ["If-Range", etag]], 206, "01", "bytes 0-1/10"],
    [[["Range", "bytes=0-1"], ["If-Range", LAST_MODIFIED]], 206, "01", "bytes 0-1/10"],
    [[["Range", "bytes=0-1"], ["If-Range", before]], 200, "0123456789"],
    [[["Range", "bytes=0-1"], ["If-Range", '"x"']], 200, "0123456789"],
    [[["Range", "bytes=0-1"], ["If-None-Match", etag]], 304, ""],
  ];
  for (const [headers, status, body, contentRange] of table) {
    const answer = await ask(at.drive, "/latest/instance-id", headers);
    const what = JSON.stringify(headers);
    assertEquals([what, answer.status, answer.text, answer.fields["content-range"]], [
      what,
      status,
      body,
      contentRange,
    ]);
    if (status < 400) assertEquals([answer.fields["etag"], answer.fields["last-modified"]], [etag, LAST_MODIFIED]);
    if (status >= 400) assertEquals(answer.fields["content-length"], "0");
  }
});

driveTest("createConfigDrive hands out copies, so that what a stream frees is not the drive's", async (at) => {
  await load(at);
  const { bytes } = await ask(at.drive, "/latest/instance-id");
  bytes.buffer.transfer(0);
  assertEquals((await ask(at.drive, "/latest/instance-id")).text, "i-2-50-VM");
});

driveTest(
  "createConfigDrive has nothing until there is a drive, and finds one that comes and goes by reading anew",
  async (at) => {
    const { drive, folder, lines } = at;
    const isAway = () => {
      assertEquals(drive.isPresent(), false);
      const error = assertThrows(() => drive.respond({ method: "GET", target: "/latest/user-data", headers: [] }));
      assertEquals(error instanceof UpstreamError && error.kind, "unreachable");
    };
    await drive.load();
    isAway();
    assertEquals(lines, []);
    await load(at);
    assert(drive.isPresent());
    assertMatch(lines.join("\n"), /read the config drive.*keys=10/);
    await writeDrive(folder, { "user-data": "new" });
    assertEquals((await ask(drive, "/latest/user-data")).text, SAMPLE["user-data"]);
    await drive.load();
    assertEquals((await ask(drive, "/latest/user-data")).text, "new");
    await Deno.remove(folder, { recursive: true });
    await drive.load();
    isAway();
    assertMatch(lines.at(-1)!, /the config drive is gone/);
  },
);

const BIG = new Uint8Array(1024 * 1024 + 1);

const DAMAGE: readonly [what: string, spoil: (folder: string) => Promise<unknown>, kind: string, says: RegExp][] = [
  [
    "no metadata",
    (folder) => Deno.remove(`${folder}/metadata`, { recursive: true }),
    "no_metadata",
    /holds no metadata/,
  ],
  ["no instance-id", (folder) => Deno.remove(`${folder}/metadata/instance-id.txt`), "no_instance_id", /no instance-id/],
  [
    "a blank instance-id",
    (folder) => Deno.writeTextFile(`${folder}/metadata/instance-id.txt`, " \n"),
    "no_instance_id",
    /./,
  ],
  [
    "user-data that is too large",
    (folder) => Deno.writeFile(`${folder}/userdata/user_data.txt`, BIG),
    "too_large",
    /1048577 bytes/,
  ],
  [
    "too much altogether",
    async (folder) => {
      for (const key of ["a", "b", "c", "d"]) await Deno.writeFile(`${folder}/metadata/${key}.txt`, BIG.subarray(1));
    },
    "too_large",
    /64 files or 4194304 bytes/,
  ],
  [
    "too many files",
    async (folder) => {
      for (let i = 0; i < 60; i++) await Deno.writeTextFile(`${folder}/metadata/key-${i}.txt`, "x");
    },
    "too_large",
    /64 files/,
  ],
  [
    "a file for a folder",
    async (folder) => {
      await Deno.remove(`${folder}/metadata`, { recursive: true });
      await Deno.writeTextFile(`${folder}/metadata`, "x");
    },
    "unreadable",
    /Cannot read .*metadata: /,
  ],
];

for (const [what, spoil, kind, says] of DAMAGE) {
  driveTest(`createConfigDrive says in one line that a drive with ${what} cannot be used`, async (at) => {
    const { drive, folder, lines } = at;
    await load(at, SAMPLE, "secret");
    await spoil(folder);
    const error = await assertRejects(() => readDrive(folder), DriveError);
    assertEquals(error.kind, kind);
    assertMatch(error.message, says);
    lines.length = 0;
    await drive.load();
    assertEquals([drive.isPresent(), lines.length, await drive.password.take()], [false, 1, "saved_password"]);
    assertMatch(lines[0]!, /the config drive cannot be used/);
    assertMatch(lines[0]!, says);
    assertMatch(drive.problem()!, says);
    await load(at);
    assertEquals([drive.isPresent(), drive.problem()], [true, undefined]);
  });
}

driveTest("readDrive takes 64 files of the largest size that fits, and follows no link", async ({ root, folder }) => {
  await writeDrive(folder, { "instance-id": "i-1", "user-data": BIG.subarray(1) });
  await Deno.writeTextFile(`${root}/shadow`, "root:secret");
  await Deno.symlink(`${root}/shadow`, `${folder}/metadata/vm-id.txt`);
  await Deno.symlink(`${root}/shadow`, `${folder}/password/vm_password.txt`);
  await Deno.mkdir(`${folder}/metadata/folder.txt`);
  await Deno.writeTextFile(`${folder}/metadata/Makefile`, "x");
  await Deno.writeTextFile(`${folder}/metadata/-x.txt`, "x");
  const files = await readDrive(folder);
  assertEquals([...files!.metadata.keys()], ["instance-id"]);
  assertEquals([files!.userData?.bytes.length, files!.password], [1024 * 1024, undefined]);
  for (let i = 0; i < 62; i++) await Deno.writeTextFile(`${folder}/metadata/key-${i}.txt`, "x");
  assertEquals((await readDrive(folder))?.metadata.size, 63);
});

driveTest("the password of a drive is given once, and never again once it was saved", async (at) => {
  const { drive, root, folder } = at;
  await load(at, SAMPLE, "s3cret\n");
  assertEquals(await Promise.all([drive.password.take(), drive.password.take()]), ["s3cret", "saved_password"]);
  // Nobody said that it was saved: the same drive read anew has it again.
  await load(at, SAMPLE, "s3cret\n");
  assertEquals(await drive.password.take(), "s3cret");
  await drive.password.forget();
  assertEquals(await drive.password.take(), "saved_password");
  await assertRejects(() => Deno.stat(`${folder}/password/vm_password.txt`), Deno.errors.NotFound);
  assertEquals((await Deno.stat(`${root}/saved`)).mode! & 0o777, 0o600);
  assert(!(await Deno.readTextFile(`${root}/saved`)).includes("s3cret"));
  // The drive still holds it, and pre-start.sh copies it again; another one is another matter.
  await load(at, SAMPLE, "s3cret");
  assertEquals(await drive.password.take(), "saved_password");
  await load(at, SAMPLE, "changed");
  assertEquals(await drive.password.take(), "changed");
});

driveTest("a drive without a password says that it was saved, and forgetting nothing leaves no trace", async (at) => {
  const { drive, root } = at;
  assertEquals(await drive.password.take(), "saved_password");
  for (const password of [undefined, "", "saved_password"]) {
    await load(at, SAMPLE, password);
    assertEquals(await drive.password.take(), "saved_password");
    await drive.password.forget();
    await assertRejects(() => Deno.stat(`${root}/saved`), Deno.errors.NotFound);
  }
});

driveTest(
  "a password that cannot be noted as saved is forgotten until the next reading, which the log says",
  async (at) => {
    await load(at, SAMPLE, "s3cret");
    await Deno.mkdir(`${at.root}/saved`);
    await at.drive.password.forget();
    assertEquals(await at.drive.password.take(), "saved_password");
    assertMatch(at.lines.at(-1)!, /cannot note that the password was saved/);
    assert(!at.lines.join("\n").includes("s3cret"));
  },
);

test("without a place to note it, a password is given again only by a new reading", async () => {
  const folder = await Deno.makeTempDir();
  const log = createLog(() => {}, { level: "debug", format: "text" });
  const drive = createConfigDrive({ folder, savedPath: undefined, log });
  await writeDrive(folder, SAMPLE, { password: "s3cret" });
  await drive.load();
  await drive.password.forget();
  assertEquals(await drive.password.take(), "saved_password");
  await writeDrive(folder, SAMPLE, { password: "s3cret" });
  await drive.load();
  assertEquals(await drive.password.take(), "s3cret");
  await Deno.remove(folder, { recursive: true });
});

test("withConfigDrive answers for the drive, and leaves every router to the client", async () => {
  const client = createFakeClient();
  const answer = { status: 200, headers: [], body: undefined as never };
  const asked: string[] = [];
  const both = withConfigDrive(client, {
    respond({ target }) {
      if (target === "/gone") throw new UpstreamError("unreachable", "gone");
      return answer;
    },
  });
  const head = { method: "GET", target: "/latest/user-data", headers: [] } as const;
  const { signal } = new AbortController();
  assertEquals(
    await both.request(CONFIG_DRIVE, head, { signal, onSent: ({ reused }) => asked.push(`sent ${reused}`) }),
    answer,
  );
  assertEquals([asked, client.asked.length], [["sent false"], 0]);
  await assertRejects(
    () => both.request(CONFIG_DRIVE, { ...head, target: "/gone" }, { signal }),
    UpstreamError,
    "gone",
  );
  await assertRejects(
    () => both.request(CONFIG_DRIVE, head, { signal: AbortSignal.abort(new Error("over")) }),
    Error,
    "over",
  );
  const routed = both.request("10.1.1.1", head, { signal });
  client.asked[0]!.answer(204);
  assertEquals((await routed).status, 204);
  both.close();
});

test("createConfigDrive has no drive where no folder was named", async () => {
  const lines: string[] = [];
  const log = createLog((line) => void lines.push(line), { level: "debug", format: "text" });
  const drive = createConfigDrive({ folder: undefined, savedPath: undefined, log });
  await drive.load();
  assertEquals([drive.isPresent(), await drive.password.take(), lines], [false, "saved_password", []]);
});
