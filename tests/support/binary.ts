/**
 * The compiled program, as the tests that need one find it.
 *
 * @module
 */

import { filePath } from "../../tools/file_path.ts";

/**
 * Returns the path of the compiled program: `MDPROXY4CS_BINARY`, or what `deno task compile` wrote.
 *
 * @throws {Error} If there is none.
 */
export function binary(): string {
  const path = Deno.env.get("MDPROXY4CS_BINARY") ?? filePath("../../dist/mdproxy4cs", import.meta.url);
  try {
    return Deno.realPathSync(path);
  } catch (cause) {
    throw new Error(`There is no compiled program at ${path}: run ./dev compile`, { cause });
  }
}
