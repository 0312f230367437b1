import { assertEquals, assertStringIncludes } from "@std/assert";
import { ACCEPTED, whyNotDeno } from "../../tools/deno_version.ts";
import { test } from "../support/test.ts";

/** Versions, and whether they are accepted; what was seen of each. */
const VERSIONS: readonly (readonly [version: string, isAccepted: boolean])[] = [
  ["1.46.3", false],
  ["2.3.7", false], // has no `deno bundle`
  ["2.4.1", false],
  ["2.4.2", false], // compiles the program, but not its types
  ["2.5.6", false], // enforces the deny list; nobody tests with it
  ["2.6.8", false], // does not enforce the deny list
  ["2.7.11", false], // does not enforce it, and does not start with unix:
  ["2.7.14", false], // does not start with unix:
  ["2.8.3", false], // does not start with unix:
  ["2.9.0", true],
  ["2.9.6", true],
  ["2.10.0", true],
  ["3.0.0", true],
];

for (const [version, isAccepted] of VERSIONS) {
  test(`whyNotDeno ${isAccepted ? "accepts" : "refuses"} ${version}`, () => {
    const why = whyNotDeno(version);
    assertEquals(why === undefined, isAccepted);
    if (why !== undefined) assertStringIncludes(why, ACCEPTED);
  });
}

test("whyNotDeno accepts the Deno that runs this", () => assertEquals(whyNotDeno(Deno.version.deno), undefined));
