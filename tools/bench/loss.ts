/**
 * How long the first metadata take where frames are lost or late on the way to the router: for a client that knows the router,
 * and for one that asks a program which has just been started and does not. A table in Markdown.
 *
 * All waits, and hardly any work: every condition and contender has a network of its own, and all go on at once.
 *
 * @module
 */

import { createNetwork } from "../../tests/support/net/network.ts";
import type { Host } from "../../tests/support/net/network.ts";
import { createGuest, PROXY } from "../../tests/support/net/program.ts";
import { describeFaults, FAULTY_WIRES, layWire } from "../../tests/support/net/wire.ts";
import type { Faults } from "../../tests/support/net/wire.ts";
import { startRouter } from "../../tests/support/servers/router.ts";
import { BINARY } from "../program.ts";
import { ROUTER, USER_DATA_PATH } from "./lab.ts";
import { median } from "./table.ts";

/** How long somebody waits before the turn counts as lost. */
const PATIENCE_MS = 300_000;

/** Measures every condition, `turns` times each, and writes the table. `references` are other programs with the same flags. */
export async function measureLoss(
  { turns, references, say }: {
    readonly turns: number;
    readonly references: readonly string[];
    readonly say: (what: string) => void;
  },
): Promise<string> {
  const programs = { direct: undefined, mdproxy4cs: BINARY, ...toColumns(references) };
  const names = Object.keys(programs);
  const rows = await Promise.all(FAULTY_WIRES.map(async (faults) => {
    const seconds = await Promise.all(
      Object.entries(programs).map(async ([name, path]) => {
        const values = await measureTurns({ faults, path, turns });
        say(`${describeFaults(faults)}, ${name}: ${values.map((value) => value.toFixed(2)).join(" ")} s`);
        return values;
      }),
    );
    return [describeFaults(faults), ...seconds.map(formatSpread)];
  }));
  const heading = ["seconds to the first metadata: median (least to most)", ...names];
  return [heading, ["---", ...names.map(() => "---:")], ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function toColumns(references: readonly string[]): Record<string, string> {
  return Object.fromEntries(references.map((path, i) => [i === 0 ? "reference" : `reference ${i + 1}`, path]));
}

/** One contender on one wire, again and again. */
async function measureTurns(
  { faults, path, turns }: { readonly faults: Faults; readonly path: string | undefined; readonly turns: number },
): Promise<number[]> {
  await using network = await createNetwork();
  const [near, far] = [await network.createSegment(), await network.createSegment()];
  const guest = await createGuest(network, near);
  await layWire(network, { near, far, faults });
  await startRouter(network, far, { address: ROUTER });
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
  const patience = `${PATIENCE_MS / 1_000}`;
  await using client = guest.start([
    ...["curl", "--silent", "--fail", "--output", "/dev/null", "--connect-timeout", "30", "--max-time", patience],
    ...["--retry", "1000", "--retry-delay", "1", "--retry-all-errors", "--retry-max-time", patience],
    origin + USER_DATA_PATH,
  ]);
  const { code } = await client.ended;
  return code === 0 ? (performance.now() - startedAt) / 1_000 : Infinity;
}

function formatSpread(seconds: readonly number[]): string {
  const say = (value: number) => Number.isFinite(value) ? value.toFixed(2) : "never";
  return `${say(median(seconds)!)} (${say(Math.min(...seconds))} to ${say(Math.max(...seconds))})`;
}
