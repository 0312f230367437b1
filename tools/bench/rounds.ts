/**
 * The order of measuring. Within a round everyone has a turn, and each round begins with somebody else, so that what
 * disturbs the machine for a while disturbs everyone.
 *
 * @module
 */

import type { Process } from "../../tests/support/net/process.ts";
import type { Contender } from "./contenders.ts";
import { timed } from "./contenders.ts";
import type { First, Received } from "./guest_client.ts";
import type { Lab } from "./lab.ts";
import { BODY_BYTES, BODY_PATH, USER_DATA_PATH } from "./lab.ts";
import { load, memoryOf, peakDuring, workOf, WRK_SCRIPT } from "./measure.ts";
import type { Samples } from "./samples.ts";
import { filePath } from "../file_path.ts";

/** How much is measured. */
export interface Plan {
  /** How often a contender is started afresh. */
  readonly lives: number;
  /** How often each gets load. */
  readonly loads: number;
  readonly loadSec: number;
  readonly idleSec: number;
}

/** What all rounds share. */
export interface Bench {
  readonly lab: Lab;
  readonly contenders: readonly Contender[];
  readonly samples: Samples;
  readonly plan: Plan;
  /** Says what goes on. */
  readonly say: (what: string) => void;
}

/** How long memory gets to settle after a start before it counts as idle. */
const SETTLE_MS = 1_000;

/** How long after its last request a process counts as idle: connections are kept for a few seconds. */
const IDLE_MS = 5_000;

/** How long everyone gets to give memory back after load: this program does so within twice its --idle-timeout. */
const REST_MS = 65_000;

/** Starts everyone afresh, one at a time: start times, memory, peaks, a router that moves. */
export async function measureLives({ lab, contenders, samples, plan, say }: Bench): Promise<void> {
  for (const { contender, turn } of turns(contenders.filter(({ argv }) => argv !== undefined), plan.lives)) {
    say(`start ${turn}: ${contender.name}`);
    const { name, origin, forwards, discovers } = contender;
    const url = origin + USER_DATA_PATH;
    const packetsBefore = lab.dhcpPackets();
    const { process, acceptMs, firstByteMs } = await startContender(lab, contender);
    samples.add(name, { accept: acceptMs, firstByte: firstByteMs });
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const idle = await memoryOf(process.pid);
    samples.add(name, { privateIdle: idle.privateMib, residentIdle: idle.residentMib });
    await askClient(lab, "requests", url, 99);
    if (forwards) samples.add(name, { dhcp: lab.dhcpPackets() - packetsBefore });
    await askClient(lab, "requests", url, 900);
    const used = await memoryOf(process.pid);
    samples.add(name, { private1000: used.privateMib, resident1000: used.residentMib });

    if (forwards) {
      const peakOf = (count: number) =>
        peakDuring(process.pid, () => askForBodies(lab, origin, count))
          .then((peakMib) => peakMib - idle.residentMib)
          .catch((error) => {
            say(`${name} did not pass on ${count} bodies: ${error.message}`);
            return Infinity;
          });
      samples.add(name, { peak1: await peakOf(1), peak8: await peakOf(8) });
    }
    if (discovers) {
      await lab.move();
      const recoveryMs = await askClient<number | null>(lab, "recover", url);
      samples.add(name, { recovery: recoveryMs ?? Infinity });
      await lab.move();
    }
    await process.stop();
  }
}

/** Starts everyone once and for all: what they do when nobody asks, then load. */
export async function measureServices(bench: Bench, whileIdle: () => Promise<void>): Promise<void> {
  const { lab, contenders, plan, say } = bench;
  const processes = new Map<Contender, Process>();
  for (const contender of contenders.filter(({ argv }) => argv !== undefined)) {
    processes.set(contender, (await startContender(lab, contender)).process);
  }
  say(`idle for ${plan.idleSec} s`);
  await Promise.all([measureIdle(bench, processes), whileIdle()]);
  await measureLoads(bench, processes);
  say(`rest for ${REST_MS / 1e3} s`);
  await measureRest(bench, processes);
  for (const process of processes.values()) await process.stop();
}

async function measureIdle({ samples, plan }: Bench, processes: ReadonlyMap<Contender, Process>): Promise<void> {
  await Promise.all(Array.from(processes, async ([{ name }, { pid }]) => {
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
    const before = await workOf(pid);
    await new Promise((resolve) => setTimeout(resolve, plan.idleSec * 1e3));
    const after = await workOf(pid);
    const perMinute = 60 / plan.idleSec;
    samples.add(name, {
      cpu: (after.cpuSec - before.cpuSec) * perMinute,
      wakeups: (after.wakeups - before.wakeups) * perMinute,
    });
  }));
}

async function measureLoads(bench: Bench, processes: ReadonlyMap<Contender, Process>): Promise<void> {
  const { lab, contenders, samples, plan, say } = bench;
  const script = `${lab.folder}/wrk.lua`;
  await Deno.writeTextFile(script, WRK_SCRIPT);
  for (const { contender, turn } of turns(contenders, plan.loads)) {
    say(`load ${turn}: ${contender.name}`);
    const { name, origin } = contender;
    const under = async (connections: number, close = false) => {
      const options = { connections, seconds: plan.loadSec, script, close };
      const done = await load(lab.guest, origin + USER_DATA_PATH, options);
      if (done.errors > 0) say(`${name}: ${done.errors} requests failed`);
      return done;
    };
    const one = await under(1);
    const sixteen = await under(16);
    const close = await under(1, true);
    samples.add(name, {
      p50: one.p50Ms,
      p99: one.p99Ms,
      perSec1: one.perSec,
      perSec16: sixteen.perSec,
      // Not wrk's latency, which begins when the connection is there.
      close: 1e3 / close.perSec,
    });
    const process = processes.get(contender);
    if (process === undefined) continue;
    const { privateMib, residentMib } = await memoryOf(process.pid);
    samples.add(name, { privateLoad: privateMib, residentLoad: residentMib });
  }
}

async function measureRest({ samples }: Bench, processes: ReadonlyMap<Contender, Process>): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, REST_MS));
  for (const [{ name }, { pid }] of processes) {
    const { privateMib, residentMib } = await memoryOf(pid);
    samples.add(name, { privateRest: privateMib, residentRest: residentMib });
  }
}

function* turns(contenders: readonly Contender[], rounds: number): Generator<{ contender: Contender; turn: string }> {
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < contenders.length; i++) {
      yield { contender: contenders[(round + i) % contenders.length]!, turn: `${round + 1} of ${rounds}` };
    }
  }
}

async function startContender(
  { guest, folder }: Lab,
  { argv, origin }: Contender,
): Promise<{ process: Process; acceptMs: number; firstByteMs: number }> {
  const client = guest.start(clientCommand("first", origin + USER_DATA_PATH), { env: clientEnv(folder) });
  await client.waitForLine(/^ready$/);
  const process = guest.start(timed(argv!));
  const execAt = Number(await process.waitForLine(/^\d+\.\d+$/)) * 1e3;
  const first: First = JSON.parse(await client.waitForLine(/^\{/));
  return { process, acceptMs: first.acceptedAt - execAt, firstByteMs: first.answeredAt - execAt };
}

async function askForBodies(lab: Lab, origin: string, count: number): Promise<void> {
  const { bytes } = await askClient<Received>(lab, "bodies", origin + BODY_PATH, count);
  if (bytes !== count * BODY_BYTES) throw new Error(`${origin} gave ${bytes} bytes of ${count * BODY_BYTES}`);
}

async function askClient<T>({ guest, folder }: Lab, ...args: readonly (string | number)[]): Promise<T> {
  return JSON.parse(await guest.must(clientCommand(...args), { env: clientEnv(folder) }));
}

function clientCommand(...args: readonly (string | number)[]): string[] {
  const module = filePath("guest_client.ts", import.meta.url);
  return [Deno.execPath(), "run", "--quiet", "--no-config", "--no-check", "-A", module, ...args.map(String)];
}

function clientEnv(folder: string): Record<string, string> {
  return { DENO_DIR: `${folder}/deno`, NO_COLOR: "1" };
}
