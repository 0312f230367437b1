/**
 * Runs scripts of `tests` inside a host of a test network. They import nothing that has to be downloaded.
 *
 * @module
 */

import type { Host } from "./network.ts";
import { inherit } from "./process.ts";
import type { Process } from "./process.ts";
import { filePath } from "../../../tools/file_path.ts";

/** Where Deno keeps what it compiled, which is not for a namespace to decide. */
const INHERITED = ["HOME", "DENO_DIR", "XDG_CACHE_HOME"];

/** Starts a script, named relative to `tests/support`, inside a host. */
export function startScript(host: Host, script: string, args: readonly string[] = []): Process {
  const path = filePath(`../${script}`, import.meta.url);
  return host.start(
    [Deno.execPath(), "run", "--quiet", "--no-check", "--no-config", "--allow-all", "--unstable-net", path, ...args],
    { env: { DENO_NO_UPDATE_CHECK: "1", ...inherit(INHERITED) } },
  );
}
