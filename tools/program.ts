/**
 * How the program is started, from source and compiled alike: its permissions and what V8 is told.
 *
 * @module
 */

import { permissionFlags } from "../lib/system/permissions.ts";
import { filePath } from "./file_path.ts";

/** V8's settings. See ARCHITECTURE for what they bought. */
const V8_FLAGS = [
  "--max-semi-space-size=2", // a small heap, collected early
  "--max-old-space-size=32",
  "--single-threaded", // no threads, with memory of their own, for a heap this small
  "--expose-gc", // so that memory can be given back, see lib/system/memory.ts
  "--no-enable-lazy-source-positions", // else an error has the functions under way parsed again, at start the whole program
  "--no-maglev", // one compiler less: what is hot soon gets to the best one anyway
] as const;

/** The flags of the program for `deno run` and `deno compile` of the given version. */
export function programFlags(denoVersion: string): string[] {
  return [...permissionFlags(denoVersion), `--v8-flags=${V8_FLAGS.join(",")}`];
}

/** The repository's folder. */
export const TOP = filePath("..", import.meta.url).replace(/\/$/, "");

/** Where `deno task compile` puts the program. */
export const BINARY = `${TOP}/dist/mdproxy4cs`;

/** Whether only npm can be reached; `dev` finds out. */
export function isNpmOnly(): boolean {
  return Deno.env.get("MDPROXY4CS_NETWORK") === "npm";
}

/** The flags that make Deno take libraries from the network that `dev` found; relative to the repository's folder. */
export function networkFlags(): string[] {
  return (Deno.env.get("DENO_NETWORK_FLAGS") ?? "").split(" ").filter(Boolean);
}
