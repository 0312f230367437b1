import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { test } from "../support/test.ts";

const TOP = new URL("../../", import.meta.url);
const readText = (path: string) => Deno.readTextFile(new URL(path, TOP));

for (const name of ["ci.yml", "release.yml"]) {
  test(`.github/workflows/${name} pins every action to a commit, and says which version that is`, async () => {
    const text = await readText(`.github/workflows/${name}`);
    for (const [, action] of text.matchAll(/uses: (.*)/g)) {
      assertMatch(action!, /^[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
    }
  });

  test(`.github/workflows/${name} tests with .ci/run`, async () => {
    assertStringIncludes(await readText(`.github/workflows/${name}`), '- run: sudo env "PATH=$PATH" .ci/run\n');
  });

  test(`.github/workflows/${name} uses the Deno that ./dev installs`, async () => {
    const { dependencies } = JSON.parse(await readText("tools/npm/deno/package.json"));
    const [, version] = /deno-version: v(\S+)/.exec(await readText(`.github/workflows/${name}`)) ?? [];
    assertEquals(`npm:@deno/linux-x64-glibc@${version}`, dependencies.deno);
  });
}

test("release.yml publishes nothing that the archive's program for arm64 has not passed on a machine of that kind", async () => {
  const [, jobs = ""] = (await readText(".github/workflows/release.yml")).split("\njobs:\n");
  const [, , arm64 = "", publish = ""] = jobs.split(/^ {2}(?=\w+:\n)/m);
  assertMatch(
    arm64,
    /^arm64:[^]*runs-on: ubuntu-\d+\.\d+-arm\n[^]*MDPROXY4CS_BINARY=\S*arm64\S* deno task test e2e /,
  );
  assertMatch(publish, /^publish:\n {4}needs: \[build, arm64\]\n[^]*gh release create/);
});

test("release.yml attests the archives that it publishes, by the checksums that they are published with", async () => {
  const text = await readText(".github/workflows/release.yml");
  assertMatch(
    text,
    /attest-build-provenance@[^]*subject-checksums: dist\/release\/checksums\.txt\n[^]*gh release create/,
  );
  assertMatch(text, /gh release create [^]*dist\/release\/\*/);
});
