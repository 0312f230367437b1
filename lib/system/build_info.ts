/**
 * What was built, from what, by what: for `--version`, the metrics and a bug report.
 *
 * @module
 */

import manifest from "../../deno.json" with { type: "json" };
import { COMMIT } from "./commit.ts";

/** The build that is running. */
export const BUILD = Object.freeze({
  /** The version in deno.json, the one place it is written. */
  version: manifest.version,
  /** The commit, followed by `-dirty` if the tree held more than that; `development` when run from source. */
  commit: COMMIT,
  /** The version of Deno that runs it, which for a compiled program is the one that compiled it. */
  deno: Deno.version.deno,
  /** Architecture, vendor and system, such as `x86_64-unknown-linux-gnu`. */
  target: Deno.build.target,
});
