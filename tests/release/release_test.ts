import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { checkPlatform } from "../../tools/elf.ts";
import type { Platform } from "../../tools/elf.ts";
import { readComponents } from "../../tools/release/components.ts";
import { debName } from "../../tools/release/deb.ts";
import { formatNotices, formatSbom, licenseText } from "../../tools/release/sbom.ts";
import { archiveName, componentsOf, NOTICES } from "../../tools/release/release.ts";
import { networkFlags } from "../../tools/program.ts";
import { sha256 } from "../../tools/sha256.ts";
import { binary } from "../support/binary.ts";
import { runCommand } from "../support/net/process.ts";
import { networkTest } from "../support/net/network_test.ts";
import { readmeCommands } from "../support/readme.ts";
import { builtRelease, VERSION } from "../support/release.ts";
import { test } from "../support/test.ts";
import { filePath } from "../../tools/file_path.ts";

const NEEDS = { programs: ["libdeflate-gzip", "zip", "unzip", "xz", "dpkg-deb"], network: "none" } as const;
const TOP = filePath("../..", import.meta.url).replace(/\/$/, "");
const NAME = archiveName("amd64");

async function namesIn(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folder)) names.push(name);
  return names.sort();
}

/** What every archive holds, with its mode. */
async function expectedEntries(): Promise<string[]> {
  const assets = (await namesIn(`${TOP}/assets`)).map((name) => `assets/${name}`);
  const files = ["LICENSE", "README.md", NOTICES, "mdproxy4cs", ...assets].map((file) =>
    `${file === "mdproxy4cs" || file.endsWith(".sh") ? "-rwxr-xr-x" : "-rw-r--r--"} ${NAME}/${file}`
  );
  return files.sort();
}

networkTest(
  "a release's archives hold one folder of their name, with the program, assets, license and README",
  NEEDS,
  async () => {
    const folder = await builtRelease();
    const tar = await runCommand([
      "tar",
      "--list",
      "--verbose",
      "--numeric-owner",
      "--gzip",
      "--file",
      `${folder}/${NAME}.tar.gz`,
    ]);
    const entries = tar.stdout.trim().split("\n").map((line) => line.split(/\s+/));
    assertEquals(entries.map(([, owner]) => owner), entries.map(() => "0/0"));
    const files = entries.filter(([mode]) => !mode!.startsWith("d")).map(([mode, , , , , name]) => `${mode} ${name}`);
    assertEquals(files.sort(), await expectedEntries());

    const zip = await runCommand(["unzip", "-Z", `${folder}/${NAME}.zip`]);
    const zipped = [...zip.stdout.matchAll(/^(-\S+) .* (\S+)$/gm)].map(([, mode, name]) => `${mode} ${name}`);
    assertEquals(zipped.sort(), await expectedEntries());
  },
);

networkTest("a release's checksums.txt is what sha256sum accepts for every other file of it", NEEDS, async () => {
  const folder = await builtRelease();
  const listed = (await Deno.readTextFile(`${folder}/checksums.txt`)).trim().split("\n").map((line) =>
    line.split("  ")[1]!
  );
  assertEquals([...listed, "checksums.txt"].sort(), await namesIn(folder));
  const { code, stderr } = await runCommand(["sh", "-c", 'cd "$1" && sha256sum --check checksums.txt', "sh", folder]);
  assertEquals([code, stderr], [0, ""]);
});

networkTest("a release built twice is the same to the bit, whatever the umask", NEEDS, async () => {
  const first = await builtRelease();
  const again = await Deno.makeTempDir({ dir: `${TOP}/dist` });
  try {
    // In a process of its own: the umask is that of all tests at work.
    const script = filePath("../support/release.ts", import.meta.url);
    const deno = [Deno.execPath(), "run", "--quiet", "--no-check", "-A", ...networkFlags(), script, again];
    const args = ["-c", 'umask 077; exec "$@"', "sh", ...deno];
    const { success, stderr } = await new Deno.Command("sh", { args, cwd: TOP }).output();
    assert(success, new TextDecoder().decode(stderr));
    assertEquals(await sha256(`${again}/mdproxy4cs`), await sha256(binary()));
    const checksums = (folder: string) => Deno.readTextFile(`${folder}/checksums.txt`);
    assertEquals(await checksums(`${again}/release`), await checksums(first));
  } finally {
    await Deno.remove(again, { recursive: true });
  }
});

test("the version of deno.json is the program's, and the latest in the changelog", async () => {
  const { stdout } = await runCommand([binary(), "--version"]);
  assertStringIncludes(stdout, `mdproxy4cs ${VERSION} `);
  const changelog = await Deno.readTextFile(`${TOP}/CHANGELOG.md`);
  assertEquals(/^## (\S+)/m.exec(changelog)?.[1], VERSION);
});

networkTest("the version of deno.json is in the names of the archives", NEEDS, async () => {
  const archives = (await namesIn(await builtRelease())).filter((name) => /\.(tar\.[gx]z|zip)$/.test(name));
  for (const name of archives) assertMatch(name, /^mdproxy4cs_[^_]+_linux_(amd64|arm64)\.(tar\.[gx]z|zip)$/);
  assertEquals(archives.map((name) => name.split("_")[1]), archives.map(() => VERSION));
});

networkTest("a release's .tar.xz holds what its .tar.gz holds", NEEDS, async () => {
  const folder = await builtRelease();
  const list = async (form: string) =>
    (await runCommand(["tar", "--list", "--verbose", "--numeric-owner", "--file", `${folder}/${NAME}.tar.${form}`]))
      .stdout;
  assertEquals(await list("xz"), await list("gz"));
});

networkTest("every archive's program is for the platform of its name", NEEDS, async () => {
  const folder = await builtRelease();
  const names = (await namesIn(folder)).filter((name) => name.endsWith(".tar.gz"));
  for (const name of names) {
    const [, base = "", platform = ""] = /^(.*_(amd64|arm64))\.tar\.gz$/.exec(name) ?? [];
    const unpacked = await Deno.makeTempDir({ prefix: "mdproxy4cs-test-" });
    try {
      await runCommand([
        "tar",
        "--extract",
        `--directory=${unpacked}`,
        "--file",
        `${folder}/${name}`,
        `${base}/mdproxy4cs`,
      ]);
      await checkPlatform(`${unpacked}/${base}/mdproxy4cs`, platform as Platform);
    } finally {
      await Deno.remove(unpacked, { recursive: true });
    }
  }
});

networkTest("the Debian package installs what the steps by hand install, to the same paths", NEEDS, async () => {
  const deb = `${await builtRelease()}/${debName("amd64")}`;
  const { stdout } = await runCommand(["dpkg-deb", "--contents", deb]);
  const files = stdout.trim().split("\n").filter((line) => line.startsWith("-")).map((line) => line.split(/\s+/));
  assertEquals(files.map(([, owner]) => owner), files.map(() => "root/root"));
  const installed = new Map(files.map(([mode, , , , , path]) => [path!.slice(2), mode]));
  for (
    const [, mode, path] of (await readmeCommands("Install"))[1]!.matchAll(/^install -D -m (\d+) .*"\$image\/(\S+)"$/gm)
  ) {
    assertEquals(installed.get(path!), mode === "0755" ? "-rwxr-xr-x" : "-rw-r--r--", path);
  }
  const { stdout: control } = await runCommand(["dpkg-deb", "--field", deb]);
  for (
    const line of ["Package: mdproxy4cs", `Version: ${VERSION}`, "Architecture: amd64", "libc6 (>= 2.27), libgcc-s1"]
  ) {
    assertStringIncludes(control, line);
  }
});

/** What Debian 11's lintian finds and no later one: systemd reads units below /usr/lib as well. */
const OUTDATED = "E: mdproxy4cs: systemd-service-file-outside-lib usr/lib/systemd/system/mdproxy4cs-wait-ready.service";

networkTest(
  "lintian finds nothing in the Debian package that the package does not explain",
  { ...NEEDS, programs: [...NEEDS.programs, "lintian"] },
  async () => {
    const deb = `${await builtRelease()}/${debName("amd64")}`;
    // Of its own, because lintian leaves a file there.
    const TMPDIR = await Deno.makeTempDir({ prefix: "mdproxy4cs-test-" });
    const argv = ["lintian", "--allow-root", "--show-overrides", deb];
    const { stdout, stderr } = await runCommand(argv, { env: { TMPDIR } })
      .finally(() => Deno.remove(TMPDIR, { recursive: true }));
    const found = stdout.split("\n").filter((line) => /^[EW]: /.test(line) && line !== OUTDATED);
    assertEquals(found, []);
    assert(/^O: mdproxy4cs: /m.test(stdout), `lintian has not looked: ${stderr}`);
  },
);

test("the bill of materials names the runtime, V8, ICU and every crate of the executable, with licenses that are in the notices", async () => {
  const components = await componentsOf(binary());
  const names = components.map(({ name }) => name);
  for (const name of ["deno", "v8", "icu", "tokio", "hyper"]) assert(names.includes(name), `${name} is missing`);
  assert(components.length > 100, `only ${components.length} components`);
  const notices = formatNotices(components);
  for (const { name, version, license } of components) {
    assertStringIncludes(notices, `${name} ${version}`);
    if (license !== "NOASSERTION") assertStringIncludes(notices, licenseText(license));
  }
  const bill = JSON.parse(formatSbom({ name: NAME, version: VERSION, sha256: "0".repeat(64) }, components));
  const ids: string[] = bill.packages.map(({ SPDXID }: { SPDXID: string }) => SPDXID);
  for (const id of ids) assertMatch(id, /^SPDXRef-[A-Za-z0-9.-]+$/);
  assertEquals(new Set(ids).size, components.length + 1);
  assertEquals(bill.relationships.length, components.length + 1);
});

test("readComponents refuses an executable that does not tell what is inside", () => {
  const origin = { denoVersion: "2.9.6", isNpmOnly: true };
  assertThrows(() => readComponents("nothing", origin), Error, "any crate");
  const crate = "/index.crates.io-0123456789abcdef/tokio-1.45.1/src/lib.rs";
  assertThrows(() => readComponents(crate, origin), Error, "version of V8");
  const { length } = readComponents(`${crate} 13.7.152.14-rusty icudt74l`, { ...origin, isNpmOnly: false });
  assertEquals(length, 3 + 3 + 1);
});
