import { assert, assertEquals } from "@std/assert";
import { memoryOf } from "../../tools/bench/measure.ts";
import { networkTest } from "../support/net/network_test.ts";
import { programLine } from "../support/net/program.ts";
import { startScript } from "../support/net/script.ts";
import { createScene, SERVERS } from "../support/scene.ts";
import type { Scene } from "../support/scene.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import { GUEST } from "../support/servers/router.ts";
import type { Act } from "./abuse_acts.ts";

//   guest eth0 10.1.1.50 ----+---- lan ---- 10.1.1.1 eth0 router (dnsmasq, nginx)
//   neighbour eth0 10.1.1.60 +              169.254.169.254 via 10.1.1.50

/** Fewer than the unit gives: what systemd gives a service that says nothing. */
const DESCRIPTORS = 1_024;
const MAX_PEAK_MIB = 200;
/** Memory that is back so far is not waited for any longer. */
const ENOUGH_MIB = 5;
/** How long memory may take to come back: the table shows what is left then. */
const SETTLE_MS = 12_000;
/** How often an agent asks, a second apart. */
const TRIES = 10;

const HOST = "Host: 169.254.169.254:39724\r\n";
const HALF = `GET /latest/user-data HTTP/1.1\r\n${HOST}X: `;
const whole = (path: string) => `GET ${path} HTTP/1.1\r\n${HOST}\r\n`;

const ACTS: readonly (readonly [name: string, from: "guest" | "neighbour", act: Act])[] = [
  ["A1: connections that say nothing", "guest", { connections: 1_100, text: "" }],
  ["A1: the same, from a neighbour", "neighbour", { connections: 1_100, text: "" }],
  ["A1: the same, again and again", "guest", { connections: 600, text: "", again: true }],
  ["A2: heads of 400 kB that never end", "guest", { connections: 560, text: HALF, padding: 400_000 }],
  ["A2: the same, from a neighbour", "neighbour", { connections: 560, text: HALF, padding: 400_000 }],
  ["A2: heads as large as they may be, without an end", "guest", { connections: 560, text: HALF, padding: 16_000 }],
  ["A5: HTTP/2", "guest", {
    connections: 100,
    text: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
  }],
  ["A5: stored answers that nobody takes", "guest", { connections: 600, text: whole("/latest/user-data"), times: 100 }],
  ["A6: downloads that nobody takes", "guest", { connections: 300, text: whole("/latest/large") }],
  ["requests for what is not there", "guest", { connections: 600, text: whole("/latest/nothing"), times: 20 }],
];

/** One row of the table. */
interface Row {
  readonly act: string;
  readonly peakMib: number;
  readonly worstMs: number;
  readonly tries: number;
  readonly growthMib: number;
  readonly alive: boolean;
}

networkTest("no act of a client ends the program, fills it or keeps others out", SERVERS, async () => {
  await using scene = await createScene({
    router: {
      metadata: {
        [GUEST.address]: {
          ...sampleMetadata(GUEST.address),
          "user-data": "x".repeat(32_000),
          large: new Uint8Array(20_000_000),
        },
      },
    },
    args: "none",
  });
  const neighbour = await scene.addHost("neighbour", "10.1.1.60");
  await neighbour.ip(`route add 169.254.169.254 via ${GUEST.address}`);
  const line = programLine(["--idle-timeout", "5s", "--log-level", "debug"]);
  const program = scene.guest.start(["prlimit", `--nofile=${DESCRIPTORS}:${DESCRIPTORS}`, "--", ...line]);
  await program.waitForLine(/\blistening\b.*\blisten=/);
  // What a program at work holds more than one that was only started, compiled code above all, is nobody's abuse.
  const warm: Act = { connections: 20, text: whole("/latest/nothing") + whole("/latest/user-data"), times: 50 };
  const visitor = startScript(scene.guest, "../e2e/abuse_acts.ts", [JSON.stringify(warm)]);
  await visitor.waitForLine(/^open /, { timeoutMs: 60_000 });
  await honestClient(scene);
  await visitor.stop("SIGKILL");
  const before = await settled(program.pid, 0);

  const rows: Row[] = [];
  for (const [name, from, act] of ACTS) {
    const host = from === "guest" ? scene.guest : neighbour;
    const abuser = startScript(host, "../e2e/abuse_acts.ts", [JSON.stringify(act)]);
    const watch = watchPeak(program.pid);
    await abuser.waitForLine(/^open /, { timeoutMs: 60_000 });
    const { worstMs, tries } = await honestClient(scene);
    await abuser.stop("SIGKILL");
    const peakMib = watch.stop();
    const growthMib = await settled(program.pid, before) - before;
    const alive = isAlive(program.pid);
    rows.push({ act: `${name} (${from})`, peakMib, worstMs, tries, growthMib, alive });
  }

  console.log(`private memory before: ${before.toFixed(1)} MiB; at rest: after at most 12 s`);
  for (const { act, peakMib, worstMs, tries, growthMib, alive } of rows) {
    console.log(
      [
        act.padEnd(64),
        `peak ${peakMib.toFixed(0)} MiB resident`,
        `honest client ${worstMs} ms, ${tries} tries`,
        `at rest ${growthMib.toFixed(1)} MiB more`,
        alive ? "alive" : "DEAD",
      ].join(" | "),
    );
  }
  assertEquals(rows.filter(({ alive }) => !alive), []);
  assertEquals(rows.filter(({ tries }) => tries > TRIES), []);
  assertEquals(rows.filter(({ peakMib }) => peakMib >= MAX_PEAK_MIB), []);
  assert(
    !program.lines.some((line) => /\berror\b .*(Uncaught|panicked)/.test(line)),
    program.lines.slice(-5).join("\n"),
  );
});

/** Asks as bosh-agent does; how long the answer took, and at which try it came. */
async function honestClient({ get }: Scene): Promise<{ readonly worstMs: number; readonly tries: number }> {
  const startedAt = performance.now();
  for (let tries = 1;; tries++) {
    const { status } = await get("/latest/user-data", ["--max-time", "5"]);
    if (status === 200 || tries > TRIES) return { worstMs: Math.round(performance.now() - startedAt), tries };
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

/** Looks at the resident memory all the time. */
function watchPeak(pid: number): { stop(): number } {
  let peakKb = 0;
  const look = () => {
    try {
      const status = Deno.readTextFileSync(`/proc/${pid}/status`);
      peakKb = Math.max(peakKb, Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0));
    } catch {
      // It is dead, which the row says.
    }
  };
  const timer = setInterval(look, 50);
  return {
    stop() {
      clearInterval(timer);
      look();
      return peakKb / 1_024;
    },
  };
}

/** The private memory once it is back, or when its time is over. */
async function settled(pid: number, before: number): Promise<number> {
  const deadline = performance.now() + SETTLE_MS;
  for (;;) {
    if (!isAlive(pid)) return Infinity;
    const { privateMib } = await memoryOf(pid);
    if (privateMib < before + ENOUGH_MIB || performance.now() > deadline) return privateMib;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

function isAlive(pid: number): boolean {
  try {
    return /^State:\s+[^ZX]/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}
