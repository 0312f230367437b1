import { assert, assertEquals, assertMatch } from "@std/assert";
import { filePath } from "../../tools/file_path.ts";
import { DRIVE_TIME } from "../support/fakes/drive_folder.ts";
import { createNetwork } from "../support/net/network.ts";
import type { Host } from "../support/net/network.ts";
import { networkTest } from "../support/net/network_test.ts";
import { attachDrive } from "../support/servers/drive.ts";
import type { Drive, DriveOptions } from "../support/servers/drive.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";

const PRE_START = filePath("../../assets/pre-start.sh", import.meta.url);
const NEEDS = { programs: ["mke2fs", "losetup"], root: true } as const;
const COPY = "/run/mdproxy4cs-root/config-drive";
const SAMPLE = sampleMetadata("10.1.1.50");

interface Case {
  readonly host: Host;
  attach(options?: Partial<DriveOptions>): Promise<Drive>;
  detach(drive: Drive): Promise<void>;
  run(argument?: string): Promise<string>;
  files(): Promise<string>;
}

/** Registers a test on a host with a /dev of its own, in which there is nothing but what is attached. */
function driveTest(name: string, run: (at: Case) => Promise<void>): void {
  networkTest(name, NEEDS, async () => {
    await using network = await createNetwork();
    const host = await network.createHost("vm");
    await host.must([
      "sh",
      "-euc",
      "mount -t tmpfs tmpfs /mnt; mknod /mnt/null c 1 3; mount --move /mnt /dev; mkdir -m 700 /run/mdproxy4cs; chgrp 64123 /run/mdproxy4cs",
    ]);
    await using drives = new AsyncDisposableStack();
    await run({
      host,
      async attach(options = {}) {
        const drive = drives.use(await attachDrive({ folder: network.folder, metadata: SAMPLE, ...options }));
        await host.must(drive.nodeIn("/dev"));
        return drive;
      },
      async detach(drive) {
        await drive[Symbol.asyncDispose]();
        await host.must(["rm", drive.device]);
      },
      async run(argument) {
        const { code, stdout, stderr } = await host.run([PRE_START, ...argument === undefined ? [] : [argument]]);
        assertEquals([code, stdout], [0, ""]);
        return stderr;
      },
      files: async () =>
        (await host.run(["sh", "-c", `cd ${COPY} 2>/dev/null && find . -printf '%M %U %G %P\\n' | sort -k4`])).stdout,
    });
  });
}

driveTest("pre-start.sh copies a drive for the program's group alone, and lets it go at once", async (at) => {
  const drive = await at.attach({ password: "s3cret" });
  assertEquals(await at.run(), "");
  const files = (await at.files()).trimEnd().split("\n");
  assertEquals(files.filter((line) => !line.endsWith(".txt")), [
    "drwxr-x--- 0 64123 ",
    "drwxr-x--- 0 64123 metadata",
    "drwxr-x--- 0 64123 password",
    "drwxr-x--- 0 64123 userdata",
  ]);
  const copied = files.filter((line) => line.endsWith(".txt"));
  assertEquals(copied.length, 12);
  assert(copied.every((line) => line.startsWith("-rw-r----- 0 64123 ")), copied.join("\n"));
  assertEquals(await at.host.must(["cat", `${COPY}/userdata/user_data.txt`]), SAMPLE["user-data"]);
  const seconds = Math.floor(DRIVE_TIME.getTime() / 1_000);
  assertEquals((await at.host.must(["stat", "-c", "%Y", `${COPY}/metadata/vm-id.txt`])).trim(), String(seconds));
  assertEquals((await at.host.must(["stat", "-c", "%a %u %g", "/run/mdproxy4cs-root"])).trim(), "750 0 64123");
  assertEquals(await at.host.must(["cat", "/proc/mounts"]).then((mounts) => mounts.includes(drive.device)), false);
  await at.detach(drive);
  assertEquals(await drive.isBusy(), false);
});

driveTest("pre-start.sh reload copies anew what was replaced, and takes away what is gone", async (at) => {
  const first = await at.attach();
  await at.run();
  await at.detach(first);
  const { "public-keys": _, ...fewer } = SAMPLE;
  const second = await at.attach({ metadata: { ...fewer, "user-data": "new" }, label: "CONFIG-2" });
  assertEquals(await at.run("reload"), "");
  assertEquals(await at.host.must(["cat", `${COPY}/userdata/user_data.txt`]), "new");
  assertEquals((await at.files()).includes("public-keys"), false);
  await at.detach(second);
  assertEquals([await at.run("reload"), await at.files()], ["", ""]);
});

driveTest("pre-start.sh looks at no drive with another label, and is silent where there is none", async (at) => {
  assertEquals([await at.run(), await at.files()], ["", ""]);
  await at.attach({ label: "data" });
  assertEquals([await at.run(), await at.files()], ["", ""]);
});

driveTest(
  "pre-start.sh takes a drive by the name that udev gave it, where udev runs, and asks nobody else",
  async (at) => {
    const { device } = await at.attach();
    await at.host.write("/run/udev/control", "");
    assertEquals([await at.run(), await at.files()], ["", ""]);
    for (const label of ["config-2", "CONFIG-2"]) {
      await at.host.must([
        "sh",
        "-ec",
        'mkdir -p "${2%/*}"; ln -s "$1" "$2"',
        "sh",
        device,
        `/dev/disk/by-label/${label}`,
      ]);
      assertEquals(await at.run(), "");
      assertEquals(await at.host.must(["cat", `${COPY}/userdata/user_data.txt`]), SAMPLE["user-data"]);
      await at.host.must(["rm", `/dev/disk/by-label/${label}`]);
    }
  },
);

/** Metadata in so many files, of which one has so many bytes. */
const inFiles = (count: number, bytes = 1) => {
  const keys = Array.from({ length: count - Object.keys(SAMPLE).length }, (_, i) => [`key-${i}`, "x"]);
  return { metadata: { ...SAMPLE, "user-data": new Uint8Array(bytes), ...Object.fromEntries(keys) } };
};
const MIB = 1_048_576;

const USELESS: readonly [what: string, options: Partial<DriveOptions>, says: RegExp][] = [
  [
    "without a cloudstack folder",
    { metadata: undefined },
    /^mdproxy4cs: the config drive \/dev\/loop\d+ holds no folder cloudstack: .*\n$/,
  ],
  [
    "with a file that is too large",
    inFiles(64, MIB + 1),
    /^mdproxy4cs: the config drive \/dev\/loop\d+ holds more than is taken: at most 64 files of at most 1 MiB\n$/,
  ],
  ["with too many files", inFiles(65), /holds more than is taken/],
];

for (const [what, options, says] of USELESS) {
  driveTest(
    `pre-start.sh says in a line that a drive ${what} is of no use, and leaves no copy, nor an older one`,
    async (at) => {
      const first = await at.attach(inFiles(64, MIB));
      assertEquals(await at.run(), "");
      await at.detach(first);
      await at.attach(options);
      assertMatch(await at.run(), says);
      assertEquals(await at.files(), "");
      assertEquals(
        (await at.host.must(["ls", "/run/mdproxy4cs-root"])).split("\n").filter((name) =>
          name.startsWith("config-drive")
        ),
        [],
      );
    },
  );
}

driveTest("pre-start.sh says that a damaged drive cannot be mounted", async (at) => {
  const drive = await at.attach();
  // The label stays readable, the rest of the file system does not.
  const image = (await at.host.must(["cat", `/sys/block/${drive.device.slice(5)}/loop/backing_file`])).trim();
  await at.host.must(["dd", "if=/dev/null", `of=${image}`, "bs=1", "seek=4096", "count=0"]);
  await at.host.must(["truncate", "-s", "4096", image]);
  await at.host.must(["truncate", "-s", "8M", image]);
  assertMatch(await at.run(), /^mdproxy4cs: cannot (mount|read) the config drive /);
  assertEquals(await at.files(), "");
});

driveTest("pre-start.sh follows no link on a drive", async (at) => {
  await at.attach({
    async spoil(folder) {
      await Deno.symlink("/etc/passwd", `${folder}/cloudstack/metadata/stolen.txt`);
      await Deno.remove(`${folder}/cloudstack/userdata`, { recursive: true });
      await Deno.symlink("/etc", `${folder}/cloudstack/userdata`);
    },
  });
  assertEquals(await at.run(), "");
  const files = await at.files();
  assert(!files.includes("stolen") && !files.includes("userdata"), files);
  assert(files.includes("vm-id.txt"));
});
