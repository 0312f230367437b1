/**
 * What the unit that is shipped gives the program, for tests that start it as systemd would.
 *
 * @module
 */

import { filePath } from "../../../tools/file_path.ts";

const UNIT = Deno.readTextFileSync(filePath("../../../assets/mdproxy4cs.service", import.meta.url));

const valuesOf = (key: string) => [...UNIT.matchAll(new RegExp(`^${key}=(.*)$`, "gm"))].map(([, value]) => value!);

/** How many files it may open. */
export const UNIT_FILES = Number(valuesOf("LimitNOFILE")[0]);

/** How much memory, in MiB. */
export const UNIT_MEMORY_MIB = Number(/^(\d+)M$/.exec(valuesOf("MemoryMax")[0]!)![1]);

/** Its environment. */
export const UNIT_ENVIRONMENT: Readonly<Record<string, string>> = Object.fromEntries(
  valuesOf("Environment").flatMap((line) => line.split(" ")).map((pair) => pair.split("=", 2) as [string, string]),
);
