/**
 * What a process uses of the machine, as the kernel's files tell (proc(5)).
 *
 * @module
 */

/**
 * What memory a process has, in MiB: `residentMib` as `ps` and `systemctl` count it, pages of the executable file included;
 * `privateMib` without the pages that a file backs. Not "Private_Dirty", which counts those of an executable that was just
 * written until the disk has them. NaN of no process.
 */
export async function memoryOf(pid: number | undefined) {
  const read = async (name: string) => pid ? await readField(`/proc/${pid}/smaps_rollup`, name) / 1_024 : NaN;
  return { residentMib: await read("Rss"), privateMib: await read("Anonymous") };
}

/** The most memory that is resident while something is done, in MiB, and what comes of it. */
export async function peakDuring<T>(pid: number, act: () => Promise<T>): Promise<{ peakMib: number; result: T }> {
  await Deno.writeTextFile(`/proc/${pid}/clear_refs`, "5"); // resets VmHWM
  const result = await act();
  return { peakMib: await readField(`/proc/${pid}/status`, "VmHWM") / 1_024, result };
}

/**
 * What a process's threads take of the processors while something is done, and how often one is woken: it goes to sleep as
 * often. NaN of no process.
 */
export async function workDuring<T>(pid: number | undefined, act: () => Promise<T>) {
  const before = await workOf(pid);
  const result = await act();
  const after = await workOf(pid);
  // A thread that ended meanwhile has taken its past along.
  const since = (what: keyof typeof after) => Math.max(0, after[what] - before[what]);
  return { cpuSec: since("cpuSec"), wakeups: since("wakeups"), result };
}

async function workOf(pid: number | undefined) {
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
async function readField(path: string, name: string): Promise<number> {
  const [, value] = new RegExp(`^${name}\\s*:\\s*([\\d.]+)`, "m").exec(await Deno.readTextFile(path)) ?? [];
  if (value === undefined) throw new Error(`${path} says nothing of ${name}`);
  return Number(value);
}
