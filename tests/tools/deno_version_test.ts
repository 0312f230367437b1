import { assertEquals, assertStringIncludes } from "@std/assert";
import { permissionFlags } from "../../lib/system/permissions.ts";
import { ACCEPTED, whyNotDeno } from "../../tools/deno_version.ts";
import { test } from "../support/test.ts";

/** Versions, whether they are accepted, and whether they know `unix:` in `--allow-net`; what was seen of each. */
const VERSIONS: readonly (readonly [version: string, isAccepted: boolean, knowsUnix: boolean])[] = [
  ["1.46.3", false, false],
  ["2.3.7", false, false], // has no `deno bundle`
  ["2.4.1", false, false],
  ["2.4.2", true, false],
  ["2.4.5", true, false],
  ["2.5.6", false, false], // enforces the deny list; nobody tests with it
  ["2.6.8", false, false], // does not enforce the deny list
  ["2.7.11", false, false], // does not enforce it, and does not start with unix:
  ["2.7.14", false, false], // does not start with unix:
  ["2.8.3", false, false], // does not start with unix:
  ["2.9.0", true, true],
  ["2.9.6", true, true],
  ["2.10.0", true, true],
  ["3.0.0", true, true],
];

for (const [version, isAccepted, knowsUnix] of VERSIONS) {
  test(`whyNotDeno ${isAccepted ? "accepts" : "refuses"} ${version}`, () => {
    const why = whyNotDeno(version);
    assertEquals(why === undefined, isAccepted);
    if (why !== undefined) assertStringIncludes(why, ACCEPTED);
    else assertEquals(permissionFlags(version).some((flag) => flag.includes("unix:")), knowsUnix);
  });
}

test("whyNotDeno accepts the Deno that runs this", () => assertEquals(whyNotDeno(Deno.version.deno), undefined));
