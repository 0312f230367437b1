/**
 * Single measurements: load through wrk, large bodies, and what /proc says of a process.
 *
 * @module
 */

import type { Running } from "./contenders.ts";
import { BODY_BYTES, BODY_PATH, say, USER_DATA_PATH } from "./lab.ts";
import type { Scene } from "../../tests/support/scene.ts";

/** What load is made. */
export interface LoadOptions {
  readonly connections: number;
  readonly seconds: number;
  /** A new connection for each request. */
  readonly close?: boolean;
  /** How many different queries are asked for in turn (default: none). */
  readonly queries?: number;
}

/**
 * Has wrk (one thread) ask for the same thing for some seconds. Tells latencies, throughput, and what each request took of the
 * processors in the process that answers, in microseconds; `NaN` where that cannot be looked at.
 */
export async function load(
  { guest, network: { folder } }: Scene,
  { contender: { name, origin }, process }: Running,
  { connections, seconds, close = false, queries = 0 }: LoadOptions,
) {
  const script = `${folder}/wrk-${queries}.lua`;
  await Deno.writeTextFile(script, queries === 0 ? DONE : DONE + askInTurn(queries));
  const before = await workOf(process?.pid);
  const output = await guest.must([
    ...["wrk", "--threads=1", `--connections=${connections}`, `--duration=${seconds}s`, `--script=${script}`],
    ...close ? ["--header=Connection: close"] : [],
    origin + USER_DATA_PATH,
  ]);
  const { p50Ms, p99Ms, perSec, requests, errors } = JSON.parse(output.trim().split("\n").at(-1)!) as Record<
    "p50Ms" | "p99Ms" | "perSec" | "requests" | "errors",
    number
  >;
  const after = await workOf(process?.pid);
  if (errors > 0) say(`${name}: ${errors} requests failed`);
  return { p50Ms, p99Ms, perSec, cpuMicros: (after.cpuSec - before.cpuSec) * 1e6 / requests };
}

/** Makes wrk end with one line of JSON. Its clock counts microseconds. */
const DONE = `
function done(summary, latency)
  local e = summary.errors
  print(string.format('{"p50Ms":%f,"p99Ms":%f,"perSec":%f,"requests":%d,"errors":%d}',
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, summary.requests / summary.duration * 1e6, summary.requests,
    e.connect + e.read + e.write + e.status + e.timeout))
end
`;

function askInTurn(queries: number): string {
  const path = `"${USER_DATA_PATH}?" .. n`;
  return `local n = 0\nfunction request() n = (n + 1) % ${queries} return wrk.format("GET", ${path}) end\n`;
}

/** The most resident memory while bodies pass side by side, in MiB; `Infinity` if they did not come whole. */
export async function peakOfBodies(
  { guest }: Scene,
  { contender: { name, origin }, process }: Running,
  count: number,
): Promise<number> {
  await Deno.writeTextFile(`/proc/${process!.pid}/clear_refs`, "5"); // proc(5): resets VmHWM
  const { stdout } = await guest.run([
    ...["curl", "-s", "--parallel", "--parallel-immediate", `--parallel-max`, String(count), "-o", "/dev/null"],
    ...["-w", "%{size_download}\n", `${origin}${BODY_PATH}#[1-${count}]`],
  ]);
  const bytes = stdout.trim().split("\n").reduce((sum, size) => sum + Number(size), 0);
  if (bytes === count * BODY_BYTES) return await readField(`/proc/${process!.pid}/status`, "VmHWM") / 1_024;
  say(`${name} passed on ${bytes} bytes of ${count} bodies`);
  return Infinity;
}

/**
 * What memory a process has, in MiB: `residentMib` as `ps` and `systemctl` count it, pages of the executable file included;
 * `privateMib` without the pages that a file backs. Not "Private_Dirty", which counts those of an executable that was just
 * written until the disk has them.
 */
export async function memoryOf(pid: number | undefined) {
  const read = async (name: string) => pid ? await readField(`/proc/${pid}/smaps_rollup`, name) / 1_024 : NaN;
  return { residentMib: await read("Rss"), privateMib: await read("Anonymous") };
}

/**
 * What the threads that a process has now have used of the processors so far, and how often one of them went to sleep, which
 * is how often one was woken.
 */
export async function workOf(pid: number | undefined) {
  if (pid === undefined) return { cpuSec: NaN, wakeups: NaN };
  const work = { cpuSec: 0, wakeups: 0 };
  for await (const { name } of Deno.readDir(`/proc/${pid}/task`)) {
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
