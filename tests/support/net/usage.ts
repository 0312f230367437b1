/**
 * What a process uses of the machine, as the kernel's files tell (proc(5)).
 *
 * @module
 */

/**
 * What memory a process has, in MiB: `residentMib` as `ps` and `systemctl` count it, pages of the executable file included;
 * `privateMib` without the pages that a file backs. Not "Private_Dirty", which counts those of an executable that was just
 * written until the disk has them.
 */
export async function memoryOf(pid: number | undefined) {
  const read = async (name: string) => pid ? await readField(`/proc/${pid}/smaps_rollup`, name) / 1_024 : NaN;
  return { residentMib: await read("Rss"), privateMib: await read("Anonymous") };
}

/** What a process's threads have used of the processors, and how often one was woken: it went to sleep as often. */
export async function workOf(pid: number | undefined) {
  if (pid === undefined) return { cpuSec: NaN, wakeups: NaN };
  const work = { cpuSec: 0, wakeups: 0 };
  for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
    const path = `/proc/${pid}/task/${name}/sched`;
    // Finer than utime and stime, which count hundredths of a second.
    work.cpuSec += await readField(path, "se.sum_exec_runtime") / 1e3;
    work.wakeups += await readField(path, "nr_voluntary_switches");
  }
  return work;
}

/** Reads a number of one of the kernel's files of `name: number`. */
export async function readField(path: string, name: string): Promise<number> {
  const [, value] = new RegExp(`^${name}\\s*:\\s*([\\d.]+)`, "m").exec(await Deno.readTextFile(path)) ?? [];
  if (value === undefined) throw new Error(`${path} says nothing of ${name}`);
  return Number(value);
}
