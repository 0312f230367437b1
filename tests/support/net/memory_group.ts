/**
 * A control group for the memory of one process, as the unit's `MemoryMax=` makes one (cgroups(7)).
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

const MIB = 1_048_576;

/** Where a version has its groups, and what it calls things. */
interface Version {
  readonly top: string;
  readonly limit: string;
  readonly held: string;
  /** The pages of files among what is held, in `memory.stat`. */
  readonly files: RegExp;
  /** What is written where so that nothing is swapped. */
  readonly noSwap: readonly [file: string, text: string];
}

const VERSION_1: Version = {
  top: "/sys/fs/cgroup/memory",
  limit: "memory.limit_in_bytes",
  held: "memory.usage_in_bytes",
  files: /^total_cache (\d+)$/m,
  noSwap: ["memory.swappiness", "0"],
};

const VERSION_2: Version = {
  top: "/sys/fs/cgroup",
  limit: "memory.max",
  held: "memory.current",
  files: /^file (\d+)$/m,
  noSwap: ["memory.swap.max", "0"],
};

/** Makes a group; where this machine has none to give, says why. */
export async function createMemoryGroup(limitMib: number): Promise<MemoryGroup | string> {
  const version = await findVersion();
  if (typeof version === "string") return version;
  const folder = `${version.top}/mdproxy4cs-test-${Deno.pid}`;
  try {
    await Deno.mkdir(folder);
  } catch (error) {
    return `no group can be made: ${(error as Error).message}`;
  }
  const write = (file: string, text: string) => Deno.writeTextFile(`${folder}/${file}`, text);
  const read = (file: string) => Deno.readTextFileSync(`${folder}/${file}`);
  await write(version.limit, String(limitMib * MIB));
  await write(...version.noSwap).catch(() => {});
  return {
    add: (pid) => write("cgroup.procs", String(pid)),
    heldMib: () => (Number(read(version.held)) - Number(version.files.exec(read("memory.stat"))![1])) / MIB,
    async [Symbol.asyncDispose]() {
      // What its process has started is in it too, and may be a moment from its end.
      for (let tries = 100;; tries--) {
        // One that is not to be seen from here is written as 0, which would be this process and all beside it.
        for (const pid of read("cgroup.procs").split("\n").map(Number)) if (pid > 0) kill(pid);
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

/** The version that has the memory of processes on this machine, or why there is none. */
async function findVersion(): Promise<Version | string> {
  const lent = await Deno.readTextFile(`${VERSION_2.top}/cgroup.subtree_control`).catch(() => undefined);
  if (lent !== undefined) {
    return lent.split(/\s/).includes("memory") ? VERSION_2 : "the top of the cgroups lends no memory controller";
  }
  const hasFirst = await Deno.stat(`${VERSION_1.top}/${VERSION_1.limit}`).then(() => true, () => false);
  return hasFirst ? VERSION_1 : "no memory controller is mounted";
}

function kill(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}
