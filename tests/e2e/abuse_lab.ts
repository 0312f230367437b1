/**
 * Where abuse is tried: a server in a guest, strangers around it, an honest client beside them, and what is seen of it.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { addContainers } from "../support/net/containers.ts";
import { createMemoryGroup } from "../support/net/memory_group.ts";
import type { MemoryGroup } from "../support/net/memory_group.ts";
import type { Host } from "../support/net/network.ts";
import { asNobody, startNobodysScript, takePort } from "../support/net/nobody.ts";
import type { Process } from "../support/net/process.ts";
import { programLine } from "../support/net/program.ts";
import { startScript } from "../support/net/script.ts";
import { UNIT_ENVIRONMENT, UNIT_FILES, UNIT_MEMORY_MIB } from "../support/net/unit.ts";
import { memoryOf } from "../support/net/usage.ts";
import { LISTEN } from "../support/scene.ts";
import type { Scene } from "../support/scene.ts";
import type { Act } from "./abuse_acts.ts";
import { pause } from "../support/pause.ts";

/** From where: a process of the VM without rights, containers of the VM, of which one was let in, and a neighbour. */
export type Position = "nobody" | "container" | "container let in" | "neighbour";

/** An act, and from where it is done. */
export interface PlannedAct {
  readonly name: string;
  readonly from: Position;
  readonly act: Act;
}

/** What was seen during an act and after it. */
export interface Row {
  readonly name: string;
  readonly from: Position;
  /** What the server's process, or its control group, held at most, and the kernel for its connections. */
  readonly peakMib: number;
  readonly socketsMib: number;
  /** The honest client: how often it asked, the most tries it took, and the longest it waited. */
  readonly asked: number;
  readonly tries: number;
  readonly worstMs: number;
  /** How much more than before was held in the end, by process and kernel, and when it had come so far. */
  readonly growthMib: number;
  readonly settledMs: number;
  readonly alive: boolean;
}

/** What was seen of all acts. */
export interface Results {
  readonly rows: readonly Row[];
  /** Whether nobody ever had the port. */
  readonly portWasKept: boolean;
}

/** A server that is abused. */
export interface Lab {
  /** Does acts one after the other, looks on, waits each time until the memory is back, and prints a table. */
  perform(acts: readonly PlannedAct[]): Promise<Results>;
}

/** How often an agent asks, and the pause in between: as bosh-agent does. */
const TRIES = 10;
const PAUSE_MS = 1_000;
/** What memory may stay behind an act, and how long it may take to come back. */
const MAX_GROWTH_MIB = 10;
const SETTLE_MS = 60_000;
const MAX_PEAK_MIB = 200;

/** What the honest client asks for. */
const HONEST = "/latest/user-data";
const MIB = 1_048_576;

/** The addresses of the containers: the second is let in. */
const CONTAINERS = ["172.17.0.2", "172.17.0.3"] as const;

/** What the abused program is told besides. */
const LET_IN = ["--allow-client", CONTAINERS[1]];

/** Puts strangers around the guest of a scene and starts a server in it: the program with these arguments, or another. */
export async function createLab(
  scene: Scene,
  server:
    | { readonly args: readonly string[]; readonly files?: number }
    | { readonly name: string; readonly argv: readonly string[] },
  stack: AsyncDisposableStack,
): Promise<Lab> {
  const { guest } = scene;
  const hosts = await surround(scene);
  const isProgram = "args" in server;
  const line = isProgram ? programLine([...LET_IN, ...server.args]) : server.argv;
  const files = isProgram ? server.files ?? UNIT_FILES : UNIT_FILES;
  const process = guest.start(["prlimit", `--nofile=${files}:${files}`, "--", ...line], {
    env: UNIT_ENVIRONMENT,
  });
  // Disposed of before the scene is, and so before the process ends: it is stopped first.
  const group = await createMemoryGroup(UNIT_MEMORY_MIB);
  if (typeof group !== "string") stack.use(group);
  stack.defer(async () => void await process.stop("SIGKILL"));
  if (typeof group !== "string") await group.add(process.pid);
  await untilServed(scene);

  const taker = guest.start(asNobody(takePort(LISTEN)));
  await taker.waitForLine(/^tried$/);
  await warmUp(scene, hosts.nobody);
  const before = await heldAtRest(guest, process.pid);

  const performOne = async ({ name, from, act }: PlannedAct): Promise<Row> => {
    const abuser = await start(hosts, from, act);
    const watch = watchPeak(guest, process, group);
    const honest = createHonestClient(scene);
    await honest.askUntil(abuser.waitForLine(/^open /, { timeoutMs: 120_000 }));
    const { heldMib: peakMib, socketsMib } = await watch.stop();
    await abuser.stop("SIGKILL");
    const endedAt = performance.now();
    const growthMib = await heldAfterwards(guest, process.pid, before + MAX_GROWTH_MIB) - before;
    const settledMs = Math.round(performance.now() - endedAt);
    const alive = isAlive(process.pid);
    return { name, from, peakMib, socketsMib, ...honest.seen, growthMib, settledMs, alive };
  };

  return {
    async perform(acts) {
      const where = typeof group === "string" ? `resident, because ${group}` : `in a group of ${UNIT_MEMORY_MIB} MiB`;
      console.log(`${isProgram ? "the program" : server.name}, ${before.toFixed(0)} MiB before; peak: ${where}`);
      console.log(lineOf(HEADINGS));
      const rows: Row[] = [];
      for (const act of acts) {
        const row = await performOne(act);
        console.log(lineOf(cellsOf(row)));
        rows.push(row);
      }
      return { rows, portWasKept: !taker.lines.includes("got the port") };
    },
  };
}

function lineOf(cells: readonly string[]): string {
  return cells.map((cell, at) => at < 2 ? cell.padEnd(at === 0 ? 52 : 17) : cell.padStart(10)).join(" ");
}

const HEADINGS = ["act", "from", "peak", "sockets", "tries", "worst", "stays", "after", "alive"];

function cellsOf({ name, from, peakMib, socketsMib, tries, worstMs, growthMib, settledMs, alive }: Row): string[] {
  return [
    name,
    from,
    `${peakMib.toFixed(0)} MiB`,
    `${socketsMib.toFixed(0)} MiB`,
    String(tries),
    `${worstMs} ms`,
    `${growthMib.toFixed(1)} MiB`,
    `${(settledMs / 1_000).toFixed(1)} s`,
    alive ? "alive" : "DEAD",
  ];
}

/** Asserts what has to be true of every row. */
export function judge({ rows, portWasKept }: Results): void {
  const failing = (is: (row: Row) => boolean) => rows.filter(is).map(({ name, from }) => `${name} (${from})`);
  assertEquals(failing(({ alive }) => !alive), [], "dead");
  assertEquals(failing(({ tries }) => tries > TRIES), [], "the honest client was not served");
  assertEquals(failing(({ peakMib }) => peakMib >= MAX_PEAK_MIB), [], "too much memory");
  assertEquals(failing(({ growthMib }) => growthMib > MAX_GROWTH_MIB), [], "memory did not come back");
  assert(portWasKept, "nobody had the port");
}

type Hosts = Readonly<Record<Position, Host>>;

//   container 172.17.0.2, .3 ---- br0 172.17.0.1 guest eth0 10.1.1.50 ----+---- lan ---- 10.1.1.1 router
//                                                  neighbour 10.1.1.60 ----+     169.254.169.254 via 10.1.1.50
async function surround(scene: Scene): Promise<Hosts> {
  const { guest, network } = scene;
  const neighbour = await scene.addHost("neighbour", "10.1.1.60");
  await neighbour.ip("route add 169.254.169.254 via 10.1.1.50");
  const containers = await addContainers(network, guest, CONTAINERS);
  return { nobody: guest, container: containers[0]!, "container let in": containers[1]!, neighbour };
}

function start(hosts: Hosts, from: Position, act: Act): Promise<Process> | Process {
  const script = "../e2e/abuse_acts.ts";
  const args = [JSON.stringify(act)];
  return from === "nobody" ? startNobodysScript(hosts.nobody, script, args) : startScript(hosts[from], script, args);
}

async function untilServed(scene: Scene): Promise<void> {
  const client = createHonestClient(scene);
  await client.ask();
  assert(client.seen.tries <= TRIES, "it serves nothing at all");
}

/** What a server at work holds more than one that was only started, compiled code above all, is nobody's abuse. */
async function warmUp(scene: Scene, guest: Host): Promise<void> {
  const [nothing, stored] = ["/latest/nothing", HONEST].map((path) => requestOf(path));
  const act: Act = { connections: 20, text: `${nothing}${stored}`, times: 50, reads: true };
  const visitor = await start({ nobody: guest } as Hosts, "nobody", act);
  await visitor.waitForLine(/^open /, { timeoutMs: 60_000 });
  await scene.get(HONEST);
  await visitor.stop("SIGKILL");
}

/** A request. */
export function requestOf(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: ${LISTEN.host}\r\n\r\n`;
}

/** Asks as bosh-agent does. */
function createHonestClient({ get }: Scene) {
  const seen = { asked: 0, tries: 0, worstMs: 0 };
  const ask = async () => {
    const startedAt = performance.now();
    seen.asked++;
    let tries = 1;
    while ((await get(HONEST, ["--max-time", "5"])).status !== 200) {
      // One more than it has: it gave up.
      if (tries++ === TRIES) break;
      await pause(PAUSE_MS);
    }
    seen.tries = Math.max(seen.tries, tries);
    seen.worstMs = Math.max(seen.worstMs, Math.round(performance.now() - startedAt));
  };
  return {
    ask,
    seen,
    /** Asks again and again until something has happened, and once more then. */
    async askUntil(happened: Promise<unknown>) {
      let over = false;
      const noted = happened.finally(() => over = true);
      while (!over) await ask().then(() => pause(50));
      await noted;
      await ask();
    },
  };
}

/** Looks at the memory all the time: that of the group, or of the process. */
function watchPeak(guest: Host, { pid }: Process, group: MemoryGroup | string) {
  let heldMib = 0;
  let socketsMib = 0;
  const held = setInterval(() => {
    try {
      const own = typeof group === "string" ? residentMib(pid) : group.heldMib();
      heldMib = Math.max(heldMib, own);
    } catch {
      // It is dead, which the row says.
    }
  }, 50);
  let looking = true;
  const looked = (async () => {
    while (looking) {
      socketsMib = Math.max(socketsMib, await socketsOf(guest));
      await pause(200);
    }
  })();
  return {
    async stop() {
      clearInterval(held);
      looking = false;
      await looked;
      return { heldMib, socketsMib };
    },
  };
}

function residentMib(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1]) / 1_024;
}

/** What the kernel holds of the server's connections, received and to be sent, in MiB: those without a process too. */
async function socketsOf(guest: Host): Promise<number> {
  const { stdout } = await guest.run(["ss", "-tanmH", "state", "all", "sport", "=", String(LISTEN.port)]);
  const sizes = [...stdout.matchAll(/skmem:\(r(\d+),rb\d+,t\d+,tb\d+,f(\d+),w(\d+)/g)];
  return sizes.reduce(
    (sum, [, received, ahead, written]) => sum + Number(received) + Number(ahead) + Number(written),
    0,
  ) /
    MIB;
}

/** What process and kernel hold now. */
async function heldNow(guest: Host, pid: number): Promise<number> {
  return isAlive(pid) ? (await memoryOf(pid)).privateMib + await socketsOf(guest) : Infinity;
}

/** What is held at rest: once it has not become less for a while. */
async function heldAtRest(guest: Host, pid: number): Promise<number> {
  let least = await heldNow(guest, pid);
  for (let same = 0; same < 6; same++) {
    await pause(500);
    const now = await heldNow(guest, pid);
    if (now < least) [least, same] = [now, 0];
  }
  return least;
}

/** What is held once that is little enough, or the time for it is over. */
async function heldAfterwards(guest: Host, pid: number, enoughMib: number): Promise<number> {
  const deadline = performance.now() + SETTLE_MS;
  for (;;) {
    const now = await heldNow(guest, pid);
    if (now <= enoughMib || now === Infinity || performance.now() >= deadline) return now;
    await pause(250);
  }
}

function isAlive(pid: number): boolean {
  try {
    return /^State:\s+[^ZX]/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}
