/**
 * What is measured and in which order. Within a round everyone has a turn, and each round begins with somebody else, so
 * that what disturbs the machine for a while disturbs everyone.
 *
 * @module
 */

import { memoryOf, peakDuring, workDuring } from "../../tests/support/net/usage.ts";
import { pause } from "../../tests/support/pause.ts";
import type { Scene } from "../../tests/support/scene.ts";
import { BODY_BYTES, BODY_PATH, moveRouter, poll, start, USER_DATA_PATH } from "./lab.ts";
import type { Contender, Running } from "./lab.ts";
import type { Sample } from "./table.ts";

/** How often each is started and gets load, how long nobody asks, and how often each wire with faults is tried. */
export const FULL = { lives: 5, loads: 9, idleSec: 60, lossTurns: 9 };
export const QUICK = { lives: 2, loads: 2, idleSec: 10, lossTurns: 3 };

/** How long a start takes to settle, a process to be idle, and memory to be given back (--idle-timeout, twice). */
const [SETTLE_MS, IDLE_MS, REST_MS] = [1_000, 5_000, 65_000] as const;

/** Measures everybody: whole lives, one at a time, and then all side by side. */
export async function measure(scene: Scene, contenders: readonly Contender[], plan: typeof FULL) {
  const samples: Record<string, Sample[]> = Object.fromEntries(contenders.map(({ name }) => [name, []]));
  const add = ({ name }: Contender, sample: Sample) => samples[name]!.push(sample);
  const living = contenders.filter(({ role }) => role !== "router");
  for (const contender of turns("start", living, plan.lives)) add(contender, await measureLife(scene, contender));

  const running = await Array.fromAsync(contenders, (contender) => start(scene, contender));
  console.error(`bench: idle for ${plan.idleSec} s`);
  await pause(IDLE_MS);
  await Promise.all(running.map(async (at) => add(at, await measureIdle(at, plan.idleSec))));
  for (const at of turns("load", running, plan.loads)) add(at, await measureLoad(scene, at));
  console.error(`bench: rest for ${REST_MS / 1e3} s`);
  await pause(REST_MS);
  for (const at of running) add(at, { ...await measureMemory(at, "Rest"), ...await measureSize(scene, at) });
  return samples;
}

function* turns<T extends Contender>(what: string, members: readonly T[], rounds: number): Generator<T> {
  for (let turn = 0; turn < rounds * members.length; turn++) {
    const round = Math.floor(turn / members.length);
    const member = members[(turn + round) % members.length]!;
    console.error(`bench: ${what} ${round + 1} of ${rounds}: ${member.name}`);
    yield member;
  }
}

/** From a start to a stop: how long it takes to serve, memory, peaks, a router that moves. */
async function measureLife(scene: Scene, contender: Contender): Promise<Sample> {
  const countDhcp = () => scene.router.dhcp.lines.filter((line) => /\bDHCP[A-Z]+\(/.test(line)).length;
  const before = countDhcp();
  const at = await start(scene, contender);
  await pause(SETTLE_MS);
  const sample: Sample = { ...at.started, ...await measureMemory(at, "Idle") };
  // What stands behind # is curl's own: the same request a hundred times.
  await scene.guest.must(["curl", "-sf", "-o", "/dev/null", `${at.origin}${USER_DATA_PATH}#[1-99]`]);
  if (at.role !== "bare") {
    sample.dhcp = countDhcp() - before;
    sample.peak1 = await peakOfBodies(scene, at, 1) - sample.residentIdle!;
    sample.peak8 = await peakOfBodies(scene, at, 8) - sample.residentIdle!;
  }
  if (at.role === "program") {
    await moveRouter(scene);
    const movedAt = performance.timeOrigin + performance.now();
    sample.recovery = (await poll(scene, at).answer).answeredAt * 1e3 - movedAt;
    await moveRouter(scene);
  }
  await at.process!.stop();
  return sample;
}

async function measureIdle({ process }: Running, seconds: number): Promise<Sample> {
  const { cpuSec, wakeups } = await workDuring(process?.pid, () => pause(seconds * 1e3));
  return { cpu: cpuSec * 60 / seconds, wakeups: wakeups * 60 / seconds };
}

async function measureLoad(scene: Scene, at: Running): Promise<Sample> {
  // Not measured: whoever gave memory back since its last turn has to compile its code again.
  await load(scene, at, { connections: 16 });
  const { p50, p99, perSec: perSec1 } = await load(scene, at, { connections: 1 });
  const { perSec: perSec16, cpuMicros: cpu16 } = await load(scene, at, { connections: 16 });
  const { perSec } = await load(scene, at, { connections: 1, close: true });
  // Not wrk's latency, which begins when the connection is there.
  return { p50, p99, perSec1, perSec16, cpu16, close: 1e3 / perSec, ...await measureMemory(at, "Load") };
}

async function measureMemory({ process }: Running, when: "Idle" | "Load" | "Rest"): Promise<Sample> {
  const { privateMib, residentMib } = await memoryOf(process?.pid);
  return { [`private${when}`]: privateMib, [`resident${when}`]: residentMib };
}

/** What it weighs on a disk and on the wire. */
async function measureSize({ guest }: Scene, { process }: Running): Promise<Sample> {
  const script = 'stat -L -c %s "$0"; gzip -9 < "$0" | wc -c';
  const output = process ? await guest.must(["sh", "-c", script, `/proc/${process.pid}/exe`]) : "";
  const [executable = NaN, archive = NaN] = output.split("\n").map((bytes) => Number(bytes || NaN) / 1e6);
  return { executable, archive };
}

/**
 * Has wrk (one thread) ask for the same thing for a second, on a new connection each time (`close`) or with so many
 * different queries in turn. Tells latencies in milliseconds, throughput, and what a request took of the processors in
 * the process that answers, in microseconds; NaN where that cannot be looked at.
 */
export async function load(
  { guest, network: { folder } }: Scene,
  { name, origin, process }: Running,
  { connections, close = false, queries }: { connections: number; close?: boolean; queries?: number },
) {
  const inTurn = `n = 0 function request() n = (n + 1) % ${queries} return wrk.format("GET", wrk.path .. "?" .. n) end`;
  await Deno.writeTextFile(`${folder}/wrk.lua`, DONE + (queries === undefined ? "" : inTurn));
  const wrk = ["wrk", "--threads=1", `--connections=${connections}`, "--duration=1s", `--script=${folder}/wrk.lua`];
  if (close) wrk.push("--header=Connection: close");
  const { cpuSec, result } = await workDuring(process?.pid, () => guest.must([...wrk, origin + USER_DATA_PATH]));
  const [p50, p99, perSec, requests, errors] = JSON.parse(result.trim().split("\n").at(-1)!);
  if (errors > 0) console.error(`bench: ${name}: ${errors} requests failed`);
  return { p50, p99, perSec, cpuMicros: cpuSec * 1e6 / requests };
}

/** Makes wrk end with one line of JSON. Its clock counts microseconds. */
const DONE = `
function done(summary, latency)
  local e = summary.errors
  print(string.format("[%f,%f,%f,%d,%d]", latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    summary.requests / summary.duration * 1e6, summary.requests, e.connect + e.read + e.write + e.status + e.timeout))
end
`;

/** The most resident memory while bodies pass side by side, in MiB; `Infinity` if they did not come whole. */
export async function peakOfBodies({ guest }: Scene, { origin, process }: Running, count: number): Promise<number> {
  const curl = ["curl", "-s", "--parallel", "--parallel-immediate", `--parallel-max`, `${count}`, "-o", "/dev/null"];
  const bodies = ["-w", "%{size_download}\n", `${origin}${BODY_PATH}#[1-${count}]`];
  const { peakMib, result } = await peakDuring(process!.pid, () => guest.run([...curl, ...bodies]));
  return result.stdout === `${BODY_BYTES}\n`.repeat(count) ? peakMib : Infinity;
}
