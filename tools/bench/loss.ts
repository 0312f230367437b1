/**
 * How long the first metadata take where frames are lost or late on the way to the router: for a client that knows the router,
 * and for one that asks a program which has just been started and does not. A table in Markdown.
 *
 * All waits, and hardly any work: every condition and contender has a network of its own, and all go on at once.
 *
 * @module
 */

import type { Host } from "../../tests/support/net/network.ts";
import { PROXY } from "../../tests/support/net/program.ts";
import { createFaultyScene, describeFaults, FAULTY_WIRES } from "../../tests/support/net/wire.ts";
import type { Faults } from "../../tests/support/net/wire.ts";
import { BINARY } from "../program.ts";
import { ROUTER, USER_DATA_PATH } from "./lab.ts";
import { formatMarkdown, median } from "./table.ts";

/** How long somebody waits before the turn counts as lost. */
const PATIENCE_SEC = 300;

/** Measures every condition, `turns` times each, and writes the table. `references` are other programs with the same flags. */
export async function measureLoss(turns: number, references: Readonly<Record<string, string>>): Promise<string> {
  const programs = { direct: undefined, mdproxy4cs: BINARY, ...references };
  const rows = await Promise.all(FAULTY_WIRES.map(async (faults) => {
    const cells = await Promise.all(
      Object.entries(programs).map(async ([name, path]) => {
        const seconds = await measureTurns(turns, faults, path);
        console.error(
          `bench: ${describeFaults(faults)}, ${name}: ${seconds.map((value) => value.toFixed(2)).join(" ")} s`,
        );
        return formatSpread(seconds);
      }),
    );
    return [describeFaults(faults), ...cells];
  }));
  return formatMarkdown(["seconds to the first metadata: median (least to most)", ...Object.keys(programs)], rows);
}

/** One contender on one wire, again and again. */
async function measureTurns(turns: number, faults: Faults, path: string | undefined): Promise<number[]> {
  await using scene = await createFaultyScene(faults);
  const { guest } = scene;
  const seconds: number[] = [];
  for (let turn = 0; turn < turns; turn++) {
    // What the last turn taught the kernel and the program of the way.
    await guest.must(["sh", "-c", "ip neighbour flush all; ip tcp_metrics flush all; rm -rf /run/mdproxy4cs"]);
    seconds.push(path === undefined ? await ask(guest, `http://${ROUTER}`) : await startAndAsk(guest, path));
  }
  return seconds;
}

/** From the start of a program to the answer. */
async function startAndAsk(guest: Host, path: string): Promise<number> {
  const startedAt = performance.now();
  await using program = guest.start([path]);
  await program.waitForLine(/\blistening\b.*\blisten=/);
  const untilListening = (performance.now() - startedAt) / 1_000;
  return untilListening + await ask(guest, PROXY);
}

/** As an agent asks: again after a second, whatever the error. */
async function ask(guest: Host, origin: string): Promise<number> {
  const startedAt = performance.now();
  const curl = ["curl", "-sf", "-o", "/dev/null", "--connect-timeout", "30", "--max-time", `${PATIENCE_SEC}`];
  const again = ["--retry", "1000", "--retry-delay", "1", "--retry-all-errors", "--retry-max-time", `${PATIENCE_SEC}`];
  await using client = guest.start([...curl, ...again, origin + USER_DATA_PATH]);
  const { code } = await client.ended;
  return code === 0 ? (performance.now() - startedAt) / 1_000 : Infinity;
}

function formatSpread(seconds: readonly number[]): string {
  const [middle, least, most] = [median(seconds)!, Math.min(...seconds), Math.max(...seconds)]
    .map((value) => Number.isFinite(value) ? value.toFixed(2) : "never");
  return `${middle} (${least} to ${most})`;
}
