/**
 * A control group for the memory of one process, as the unit's `MemoryMax=` makes one (cgroups(7), version 2).
 *
 * @module
 */

import { pause } from "../pause.ts";

/** A group with a limit. */
export interface MemoryGroup extends AsyncDisposable {
  /** Puts a process into it. */
  add(pid: number): Promise<void>;
  /** What it holds now without the pages of files, which it can do without, in MiB. */
  heldMib(): number;
}

const TOP = "/sys/fs/cgroup";
const MIB = 1_048_576;

/** Makes a group; where this machine has none to give, says why. */
export async function createMemoryGroup(limitMib: number): Promise<MemoryGroup | string> {
  const folder = `${TOP}/mdproxy4cs-test-${Deno.pid}`;
  try {
    const lent = await Deno.readTextFile(`${TOP}/cgroup.subtree_control`);
    if (!lent.split(/\s/).includes("memory")) return "the top of the cgroups lends no memory controller";
    await Deno.mkdir(folder);
  } catch (error) {
    return error instanceof Deno.errors.NotFound
      ? `${TOP} is not of version 2`
      : `no group can be made: ${(error as Error).message}`;
  }
  await Deno.writeTextFile(`${folder}/memory.max`, String(limitMib * MIB));
  await Deno.writeTextFile(`${folder}/memory.swap.max`, "0").catch(() => {});
  return {
    add: (pid) => Deno.writeTextFile(`${folder}/cgroup.procs`, String(pid)),
    heldMib() {
      const current = Number(Deno.readTextFileSync(`${folder}/memory.current`));
      const [, file] = /^file (\d+)$/m.exec(Deno.readTextFileSync(`${folder}/memory.stat`))!;
      return (current - Number(file)) / MIB;
    },
    async [Symbol.asyncDispose]() {
      // The last process of it may be a moment from its end.
      for (let tries = 100;; tries--) {
        try {
          return await Deno.remove(folder);
        } catch (error) {
          if (tries === 0) throw error;
          await pause(50);
        }
      }
    },
  };
}
