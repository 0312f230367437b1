import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { compile } from "../../tools/compile.ts";
import { archiveName, release } from "../../tools/release.ts";
import { sha256 } from "../../tools/sha256.ts";
import { binary } from "../support/binary.ts";
import { runCommand } from "../support/net/process.ts";
import { networkTest } from "../support/net/network_test.ts";
import { builtRelease, VERSION } from "../support/release.ts";
import { test } from "../support/test.ts";
import { filePath } from "../../tools/file_path.ts";

const NEEDS = { programs: ["libdeflate-gzip", "zip", "unzip"], namespaces: false } as const;
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
  const files = ["LICENSE", "README.md", "mdproxy4cs", ...assets].map((file) =>
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
  const { code, stderr } = await runCommand(["sh", "-c", `cd ${folder} && sha256sum --check checksums.txt`]);
  assertEquals([code, stderr], [0, ""]);
});

networkTest("a release built twice is the same to the bit, whatever the umask", NEEDS, async () => {
  const first = await builtRelease();
  const again = await Deno.makeTempDir({ dir: `${TOP}/dist` });
  const umask = Deno.umask(0o077);
  try {
    await compile({ output: `${again}/mdproxy4cs` });
    assertEquals(await sha256(`${again}/mdproxy4cs`), await sha256(binary()));
    await release(`${again}/release`);
    const checksums = (folder: string) => Deno.readTextFile(`${folder}/checksums.txt`);
    assertEquals(await checksums(`${again}/release`), await checksums(first));
  } finally {
    Deno.umask(umask);
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
  const archives = (await namesIn(await builtRelease())).filter((name) => /\.(tar\.gz|zip)$/.test(name));
  for (const name of archives) assertMatch(name, /^mdproxy4cs_[^_]+_linux_(amd64|arm64)\.(tar\.gz|zip)$/);
  assertEquals(archives.map((name) => name.split("_")[1]), archives.map(() => VERSION));
});
