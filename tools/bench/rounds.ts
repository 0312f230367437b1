/**
 * The order of measuring. Within a round everyone has a turn, and each round begins with somebody else, so that what
 * disturbs the machine for a while disturbs everyone.
 *
 * @module
 */

import { poll, startAll, startContender } from "./contenders.ts";
import type { Contender, Running } from "./contenders.ts";
import type { Scene } from "../../tests/support/scene.ts";
import { countDhcp, moveRouter, say, USER_DATA_PATH } from "./lab.ts";
import { load, memoryOf, peakOfBodies, workOf } from "./measure.ts";
import type { Samples } from "./table.ts";
import { pause } from "../../tests/support/pause.ts";

/** How much is measured. */
export interface Plan {
  /** How often a contender is started afresh. */
  readonly lives: number;
  /** How often each gets load. */
  readonly loads: number;
  readonly loadSec: number;
  readonly idleSec: number;
  /** How often somebody asks on each wire with faults. */
  readonly lossTurns: number;
}

/** What all rounds share. */
export interface Bench {
  readonly scene: Scene;
  readonly contenders: readonly Contender[];
  readonly samples: Samples;
  readonly plan: Plan;
}

/** How long memory gets to settle after a start, and a connection to be closed, before a process counts as idle. */
const SETTLE_MS = 1_000;
const IDLE_MS = 5_000;

/** How long everyone gets to give memory back after load: this program does so within twice its --idle-timeout. */
const REST_MS = 65_000;

/** Starts everyone afresh, one at a time: start times, memory, peaks, a router that moves. */
export async function measureLives({ scene, contenders, samples, plan }: Bench): Promise<void> {
  for (const [contender, turn] of turns(contenders.filter(({ argv }) => argv.length > 0), plan.lives)) {
    say(`start ${turn}: ${contender.name}`);
    const { name, origin, forwards, discovers } = contender;
    const packetsBefore = countDhcp(scene);
    const { acceptMs, firstByteMs, ...at } = await startContender(scene, contender);
    samples.add(name, { accept: acceptMs, firstByte: firstByteMs });
    await pause(SETTLE_MS);
    await addMemory(samples, at, "Idle");
    const { residentMib } = await memoryOf(at.process.pid);
    // What stands behind # is curl's own: the same request a hundred times.
    await scene.guest.must(["curl", "-sf", "-o", "/dev/null", `${origin}${USER_DATA_PATH}#[1-99]`]);
    if (forwards) {
      const over = async (count: number) => await peakOfBodies(scene, at, count) - residentMib;
      samples.add(name, { dhcp: countDhcp(scene) - packetsBefore, peak1: await over(1), peak8: await over(8) });
    }
    if (discovers) {
      await moveRouter(scene);
      const movedAt = performance.timeOrigin + performance.now();
      samples.add(name, { recovery: (await poll(scene, contender).answer).answeredAt * 1e3 - movedAt });
      await moveRouter(scene);
    }
    await at.process.stop();
  }
}

/** Starts everyone once and for all: what they do when nobody asks, then load, then what they keep. */
export async function measureServices({ scene, contenders, samples, plan }: Bench): Promise<void> {
  const running = await startAll(scene, contenders);
  say(`idle for ${plan.idleSec} s`);
  await pause(IDLE_MS);
  const before = await Promise.all(running.map(({ process }) => workOf(process?.pid)));
  await pause(plan.idleSec * 1e3);
  const after = await Promise.all(running.map(({ process }) => workOf(process?.pid)));
  running.forEach(({ contender: { name } }, i) => {
    // A thread that ended meanwhile takes its past along.
    const perMinute = (what: "cpuSec" | "wakeups") =>
      Math.max(0, after[i]![what] - before[i]![what]) * 60 / plan.idleSec;
    samples.add(name, { cpu: perMinute("cpuSec"), wakeups: perMinute("wakeups") });
  });
  for (const [at, turn] of turns(running, plan.loads)) {
    const { name } = at.contender;
    say(`load ${turn}: ${name}`);
    const seconds = plan.loadSec;
    const one = await load(scene, at, { seconds, connections: 1 });
    const sixteen = await load(scene, at, { seconds, connections: 16 });
    const close = await load(scene, at, { seconds, connections: 1, close: true });
    samples.add(name, { p50: one.p50Ms, p99: one.p99Ms, perSec1: one.perSec });
    samples.add(name, { perSec16: sixteen.perSec, cpu16: sixteen.cpuMicros });
    // Not wrk's latency, which begins when the connection is there.
    samples.add(name, { close: 1e3 / close.perSec });
    await addMemory(samples, at, "Load");
  }
  say(`rest for ${REST_MS / 1e3} s`);
  await pause(REST_MS);
  for (const at of running) {
    await addMemory(samples, at, "Rest");
    await at.process?.stop();
  }
}

async function addMemory(samples: Samples, at: Running, when: "Idle" | "Load" | "Rest"): Promise<void> {
  const { privateMib, residentMib } = await memoryOf(at.process?.pid);
  samples.add(at.contender.name, { [`private${when}`]: privateMib, [`resident${when}`]: residentMib });
}

function* turns<T>(members: readonly T[], rounds: number): Generator<[member: T, turn: string]> {
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < members.length; i++) {
      yield [members[(round + i) % members.length]!, `${round + 1} of ${rounds}`];
    }
  }
}
