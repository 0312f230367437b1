/**
 * The program under test inside a host, and the requests that a guest makes of it.
 *
 * @module
 */

import { binary } from "../binary.ts";
import type { Host, Network, Segment } from "./network.ts";
import { PATIENCE_MS } from "./process.ts";
import type { Process } from "./process.ts";
import { GUEST } from "../servers/router.ts";

/** Where the program listens unless told otherwise. */
export const PROXY = "http://169.254.169.254:39724";

/** Creates the usual guest on a segment, with its address or, for a DHCP client to find one, without. */
export async function createGuest(
  network: Network,
  segment: Segment,
  { address = `${GUEST.address}/24` }: { readonly address?: string | undefined } = {},
): Promise<Host> {
  const guest = await network.createHost("guest");
  await segment.attach(guest, { iface: "eth0", mac: GUEST.mac, address: address || undefined });
  return guest;
}

/** How the program is started. */
export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Capabilities that it shall not have, in capabilities(7)'s names without `cap_`. */
  readonly without?: readonly string[];
}

/** The command line of the compiled program. */
export function programLine(args: readonly string[] = [], { without = [] }: ProgramOptions = {}): string[] {
  const drop = without.length === 0 ? [] : ["setpriv", `--bounding-set=${without.map((name) => `-${name}`).join(",")}`];
  return [...drop, binary(), ...args];
}

/** Starts the compiled program in a host and waits until it listens. */
export async function startProgram(
  host: Host,
  args: readonly string[] = [],
  options: ProgramOptions = {},
): Promise<Process> {
  const program = host.start(programLine(args, options), { env: options.env ?? {} });
  await program.waitForLine(/\blistening\b.*\blisten=/);
  return program;
}

/** What a guest got. */
export interface Answer {
  /** 0 if there was none. */
  readonly status: number;
  readonly body: string;
  readonly elapsedMs: number;
  /** What curl said if there was no answer. */
  readonly error: string;
}

/** Asks for a path through the program, as curl does; a full URL is taken as it is. */
export async function get(host: Host, path: string, args: readonly string[] = []): Promise<Answer> {
  const url = path.startsWith("http") ? path : PROXY + path;
  const { stdout, stderr } = await host.run([
    ...["curl", "--silent", "--show-error", "--path-as-is", "--globoff", "--max-time", String(PATIENCE_MS / 1_000)],
    ...["--write-out", "%{stderr}\n%{http_code} %{time_total}", ...args, url],
  ]);
  const [facts = "", ...errors] = stderr.split("\n").reverse();
  const [status, seconds] = facts.split(" ").map(Number);
  return {
    status: status ?? 0,
    body: stdout,
    elapsedMs: Math.round((seconds ?? 0) * 1_000),
    error: errors.reverse().join("\n").trim(),
  };
}

/**
 * Asks again and again until the answer is 200, as an agent does.
 *
 * @returns the good answer, how long it took from now, and how many tries had failed
 * @throws {Error} If that takes longer than the test's patience.
 */
export async function getUntilGood(
  host: Host,
  path: string,
): Promise<Answer & { readonly totalMs: number; readonly failures: readonly Answer[] }> {
  const startedAt = performance.now();
  const failures: Answer[] = [];
  for (;;) {
    const answer = await get(host, path);
    const totalMs = Math.round(performance.now() - startedAt);
    if (answer.status === 200) return { ...answer, totalMs, failures };
    failures.push(answer);
    if (totalMs > 2 * PATIENCE_MS) {
      throw new Error(`${path} was not served within ${totalMs} ms: ${JSON.stringify(failures.slice(-3))}`);
    }
  }
}
