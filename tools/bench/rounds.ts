/**
 * The order of measuring. Within a round everyone has a turn, and each round begins with somebody else, so that what
 * disturbs the machine for a while disturbs everyone.
 *
 * @module
 */

import type { Process } from "../../tests/support/net/process.ts";
import { filePath } from "../file_path.ts";
import type { Contender } from "./contenders.ts";
import type { First } from "./guest_client.ts";
import type { Lab } from "./lab.ts";
import { BODY_BYTES, BODY_PATH, USER_DATA_PATH } from "./lab.ts";
import { load, memoryOf, peakDuring, workOf } from "./measure.ts";
import type { Load, LoadOptions } from "./measure.ts";
import type { Samples } from "./table.ts";

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

/** How long memory gets to settle after a start, and a connection to be closed, before a process counts as idle. */
const SETTLE_MS = 1_000;
const IDLE_MS = 5_000;

/** How long everyone gets to give memory back after load: this program does so within twice its --idle-timeout. */
const REST_MS = 65_000;

/** Starts everyone afresh, one at a time: start times, memory, peaks, a router that moves. */
export async function measureLives({ lab, contenders, samples, plan, say }: Bench): Promise<void> {
  for (const { contender, turn } of turns(contenders.filter(({ argv }) => argv !== undefined), plan.lives)) {
    say(`start ${turn}: ${contender.name}`);
    const { name, origin, forwards, discovers } = contender;
    const packetsBefore = lab.dhcpPackets();
    const { process, acceptMs, firstByteMs } = await startContender(lab, contender);
    samples.add(name, { accept: acceptMs, firstByte: firstByteMs });
    await pause(SETTLE_MS);
    const idle = await memoryOf(process.pid);
    samples.add(name, { privateIdle: idle.privateMib, residentIdle: idle.residentMib });
    // What stands behind # is curl's own: the same request a hundred times.
    await lab.guest.must(["curl", "-sf", "-o", "/dev/null", `${origin}${USER_DATA_PATH}#[1-99]`]);
    if (forwards) {
      samples.add(name, { dhcp: lab.dhcpPackets() - packetsBefore });
      const over = async (count: number) =>
        await peakOfBodies({ lab, contender, process, count, say }) - idle.residentMib;
      samples.add(name, { peak1: await over(1), peak8: await over(8) });
    }
    if (discovers) {
      await lab.move();
      const movedAt = performance.timeOrigin + performance.now();
      samples.add(name, { recovery: (await pollFrom(lab, "recover", origin).answer).answeredAt - movedAt });
      await lab.move();
    }
    await process.stop();
  }
}

/** The most resident memory while bodies pass side by side, in MiB; `Infinity` if they did not come whole. */
export async function peakOfBodies(
  { lab, contender: { name, origin }, process, count, say }: {
    readonly lab: Lab;
    readonly contender: Contender;
    readonly process: Process;
    readonly count: number;
    readonly say: (what: string) => void;
  },
): Promise<number> {
  let bytes = 0;
  const peakMib = await peakDuring(process.pid, async () => {
    const { stdout } = await lab.guest.run([
      ...["curl", "-s", "--parallel", "--parallel-immediate", `--parallel-max`, String(count), "-o", "/dev/null"],
      ...["-w", "%{size_download}\n", `${origin}${BODY_PATH}#[1-${count}]`],
    ]);
    bytes = stdout.trim().split("\n").reduce((sum, size) => sum + Number(size), 0);
  });
  if (bytes === count * BODY_BYTES) return peakMib;
  say(`${name} passed on ${bytes} bytes of ${count} bodies`);
  return Infinity;
}

/** Starts everyone once and for all: what they do when nobody asks, then load. */
export async function measureServices(bench: Bench): Promise<void> {
  const { lab, contenders, samples, plan, say } = bench;
  const processes = await startAll(lab, contenders);
  say(`idle for ${plan.idleSec} s`);
  await Promise.all(Array.from(processes, async ([{ name }, { pid }]) => {
    await pause(IDLE_MS);
    const before = await workOf(pid);
    await pause(plan.idleSec * 1e3);
    const after = await workOf(pid);
    const perMinute = 60 / plan.idleSec;
    samples.add(name, {
      // A thread that ended meanwhile takes its past along.
      cpu: Math.max(0, after.cpuSec - before.cpuSec) * perMinute,
      wakeups: Math.max(0, after.wakeups - before.wakeups) * perMinute,
    });
  }));
  await measureLoads(bench, processes);
  say(`rest for ${REST_MS / 1e3} s`);
  await pause(REST_MS);
  for (const [{ name }, process] of processes) {
    const { privateMib, residentMib } = await memoryOf(process.pid);
    samples.add(name, { privateRest: privateMib, residentRest: residentMib });
    await process.stop();
  }
}

async function measureLoads(
  { lab, contenders, samples, plan, say }: Bench,
  processes: ReadonlyMap<Contender, Process>,
): Promise<void> {
  for (const { contender, turn } of turns(contenders, plan.loads)) {
    say(`load ${turn}: ${contender.name}`);
    const process = processes.get(contender);
    const under = (options: Pick<LoadOptions, "connections" | "close">) =>
      loadWithWork({ lab, contender, process, say }, { seconds: plan.loadSec, folder: lab.folder, ...options });
    const one = await under({ connections: 1 });
    const sixteen = await under({ connections: 16 });
    const close = await under({ connections: 1, close: true });
    samples.add(contender.name, {
      p50: one.p50Ms,
      p99: one.p99Ms,
      perSec1: one.perSec,
      perSec16: sixteen.perSec,
      // Not wrk's latency, which begins when the connection is there.
      close: 1e3 / close.perSec,
    });
    if (process === undefined) continue;
    const { privateMib, residentMib } = await memoryOf(process.pid);
    samples.add(contender.name, { cpu16: sixteen.cpuMicros!, privateLoad: privateMib, residentLoad: residentMib });
  }
}

/** Makes load, and says what each request took of the processors in the process that answers, in microseconds. */
export async function loadWithWork(
  { lab, contender: { name, origin }, process, say }: {
    readonly lab: Lab;
    readonly contender: Contender;
    readonly process: Process | undefined;
    readonly say: (what: string) => void;
  },
  options: LoadOptions,
): Promise<Load & { readonly cpuMicros: number | undefined }> {
  const before = process && await workOf(process.pid);
  const done = await load(lab.guest, origin + USER_DATA_PATH, options);
  const after = process && await workOf(process.pid);
  if (done.errors > 0) say(`${name}: ${done.errors} requests failed`);
  const cpuMicros = before && after && (after.cpuSec - before.cpuSec) * 1e6 / done.requests;
  return { ...done, cpuMicros };
}

/** Starts all that do not run anyway. */
export async function startAll(lab: Lab, contenders: readonly Contender[]): Promise<Map<Contender, Process>> {
  const processes = new Map<Contender, Process>();
  for (const contender of contenders.filter(({ argv }) => argv !== undefined)) {
    processes.set(contender, (await startContender(lab, contender)).process);
  }
  return processes;
}

function* turns(contenders: readonly Contender[], rounds: number): Generator<{ contender: Contender; turn: string }> {
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < contenders.length; i++) {
      yield { contender: contenders[(round + i) % contenders.length]!, turn: `${round + 1} of ${rounds}` };
    }
  }
}

async function startContender(
  lab: Lab,
  { argv, origin }: Contender,
): Promise<{ process: Process; acceptMs: number; firstByteMs: number }> {
  const { ready, answer } = pollFrom(lab, "first", origin);
  await ready;
  const process = lab.guest.start(["unshare", "--mount", "bash", "-c", ALONE, "bash", ...argv!], {
    env: { DENO_DIR: `${lab.folder}/deno`, NO_COLOR: "1" },
  });
  const execAt = Number(await process.waitForLine(/^\d+\.\d+$/)) * 1e3;
  const { acceptedAt, answeredAt } = await answer;
  return { process, acceptMs: acceptedAt - execAt, firstByteMs: answeredAt - execAt };
}

/**
 * Everyone has a /run of its own: of several mdproxy4cs with one folder for their sockets only the first has it. The moment of
 * the exec is the first line of the output: seconds since 1970.
 */
const ALONE = 'mount -t tmpfs tmpfs /run; echo "$EPOCHREALTIME"; exec "$@"';

function pollFrom({ guest, folder }: Lab, what: "first" | "recover", origin: string) {
  const script = filePath("guest_client.ts", import.meta.url);
  const client = guest.start(
    [Deno.execPath(), "run", "--quiet", "--no-config", "--no-check", "-A", script, what, origin + USER_DATA_PATH],
    { env: { DENO_DIR: `${folder}/deno`, NO_COLOR: "1" } },
  );
  const answer = client.waitForLine(/^\{/).then((line): First => JSON.parse(line));
  return { ready: client.waitForLine(/^ready$/), answer };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
