/**
 * Single measurements: load through wrk, and what /proc says of a process.
 *
 * @module
 */

import type { Host } from "../../tests/support/net/network.ts";

/** What a load was answered with. */
export interface Load {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly perSec: number;
  readonly requests: number;
  /** Requests that failed or got another status than 2xx and 3xx. */
  readonly errors: number;
}

/** What load is made. */
export interface LoadOptions {
  readonly connections: number;
  readonly seconds: number;
  /** A folder for wrk's script. */
  readonly folder: string;
  /** A new connection for each request. */
  readonly close?: boolean;
  /** How many different queries are asked for in turn (default: none). */
  readonly queries?: number;
}

/** Has wrk (one thread) ask for the same thing for some seconds. */
export async function load(guest: Host, url: string, options: LoadOptions): Promise<Load> {
  const { connections, seconds, folder, close = false, queries = 0 } = options;
  const script = `${folder}/wrk-${queries}.lua`;
  await Deno.writeTextFile(script, queries === 0 ? DONE : `${DONE}${askInTurn(new URL(url).pathname, queries)}`);
  const output = await guest.must([
    ...["wrk", "--threads=1", `--connections=${connections}`, `--duration=${seconds}s`, `--script=${script}`],
    ...close ? ["--header=Connection: close"] : [],
    url,
  ]);
  return JSON.parse(output.trim().split("\n").at(-1)!);
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

function askInTurn(path: string, queries: number): string {
  return `local n = 0\nfunction request() n = (n + 1) % ${queries} return wrk.format("GET", "${path}?" .. n) end\n`;
}

/** Memory of a process, in MiB, as `ps` and `systemctl` count it. */
export interface Memory {
  /** Pages in memory, those of the executable file included. */
  readonly residentMib: number;
  /**
   * Pages that no file backs: heaps, stacks, and what the process changed of its files. Not "Private_Dirty", which
   * counts the pages of an executable that was just written until the disk has them.
   */
  readonly privateMib: number;
}

/** Reads what memory a process has now. */
export async function memoryOf(pid: number): Promise<Memory> {
  const text = await Deno.readTextFile(`/proc/${pid}/smaps_rollup`);
  return { residentMib: mebibytes(text, "Rss"), privateMib: mebibytes(text, "Anonymous") };
}

/** Runs something and returns the most resident memory, in MiB, that a process had meanwhile. */
export async function peakDuring(pid: number, run: () => Promise<unknown>): Promise<number> {
  await Deno.writeTextFile(`/proc/${pid}/clear_refs`, "5"); // proc(5): resets VmHWM
  await run();
  return mebibytes(await Deno.readTextFile(`/proc/${pid}/status`), "VmHWM");
}

function mebibytes(text: string, field: string): number {
  const [, kib] = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(text) ?? [];
  if (kib === undefined) throw new Error(`The kernel says nothing of ${field}`);
  return Number(kib) / 1_024;
}

/** What a process has used of the processors. */
export interface Work {
  readonly cpuSec: number;
  /** How often one of its threads went to sleep, which is how often one was woken. */
  readonly wakeups: number;
}

/** Sums what the threads that a process has now have done so far. */
export async function workOf(pid: number): Promise<Work> {
  let cpuSec = 0;
  let wakeups = 0;
  for await (const { name } of Deno.readDir(`/proc/${pid}/task`)) {
    const text = await Deno.readTextFile(`/proc/${pid}/task/${name}/sched`);
    // Finer than utime and stime, which count hundredths of a second.
    cpuSec += field(text, "se.sum_exec_runtime") / 1e3;
    wakeups += field(text, "nr_voluntary_switches");
  }
  return { cpuSec, wakeups };
}

function field(text: string, name: string): number {
  const [, value] = new RegExp(`^${name.replace(".", "\\.")}\\s*:\\s*([\\d.]+)`, "m").exec(text) ?? [];
  return Number(value ?? NaN);
}
