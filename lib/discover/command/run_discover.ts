/**
 * `mdproxy4cs discover`: searches once, hears every source out, and explains to a person what came of it.
 *
 * @module
 */

import type { DiscoveryConfig } from "../../config/config.ts";
import { SYSTEM_CLOCK } from "../../time/clock.ts";
import type { Clock } from "../../time/clock.ts";
import { createClient } from "../../http1/client.ts";
import type { Client } from "../../http1/client.ts";
import { withConfigDrive } from "../../config_drive/config_drive.ts";
import type { ConfigDrive } from "../../config_drive/config_drive.ts";
import { createRegistry } from "../../telemetry/metrics.ts";
import { diagnose } from "./diagnose.ts";
import { toCause } from "../errors.ts";
import type { Cause } from "../errors.ts";
import { formatReport } from "./format_report.ts";
import { openMachine } from "../../system/host.ts";
import type { Machine } from "../../system/host.ts";
import { createNetwork } from "../network.ts";
import { retryMs } from "../backoff.ts";
import type { SearchReport } from "../report.ts";
import { startSearch } from "../search.ts";
import { createValidate } from "../validate.ts";

/** How to run the command. */
export interface DiscoverOptions {
  /** Whether to write JSON rather than a table. */
  readonly json: boolean;
  readonly write: (text: string) => void;
  /** What was read of a config drive; none if not given. */
  readonly drive?: Pick<ConfigDrive, "isPresent" | "problem" | "respond">;
  /** A new one if not given. */
  readonly client?: Client;
  /** The machine's own if not given. */
  readonly clock?: Clock;
  /** This one if not given. */
  readonly machine?: Machine;
}

/** What a router may take its time for, where nobody waits but a person. */
const LIMITS = { connectTimeoutMs: 5_000, responseTimeoutMs: 10_000, idleTimeoutMs: 5_000, maxHeaderBytes: 16_384 };

/**
 * Searches once and writes what came of it.
 *
 * @returns the exit code: 0 if a router was found, else 1
 */
export async function runDiscover(config: DiscoveryConfig, options: DiscoverOptions): Promise<number> {
  const { json, write, drive, clock = SYSTEM_CLOCK } = options;
  const { client = drive === undefined ? createClient(LIMITS) : withConfigDrive(createClient(LIMITS), drive) } =
    options;
  const machine = options.machine ?? openMachine({ clock, metrics: createRegistry(), drive });
  const { sources, timeoutMs } = config;
  /** The lines to print, by what they say. */
  const notes = new Map<string, string>();
  const report = await startSearch(config, {
    timeoutMs,
    retryMs: retryMs(0),
    signal: new AbortController().signal,
    isThorough: true,
    onTrouble(source, error) {
      const { message } = toCause(source, error);
      notes.set(message, `${source}: ${message}`);
    },
    onSubstitute(_, reason) {
      notes.set(reason, reason);
    },
  }, { machine, clock, validate: createValidate(client) }).done;
  client.close();

  const causes = causesOf(report);
  const advice = report.router === undefined
    ? diagnose({ sources, causes: [...causes, ...await findDownLinks(config, machine)] })
    : undefined;
  // What is said as a cause, or as the cause of a cause, need not be said twice.
  const unsaid = [...notes].filter(([message]) => !causes.some((cause) => cause.message.includes(message)));
  const rest = { notes: unsaid.map(([, note]) => note), advice };
  write(json ? formatJson(report, rest) : formatReport(report, rest));
  return report.router === undefined ? 1 : 0;
}

/** An interface that is down takes what it is sent and says nothing. */
async function findDownLinks(config: DiscoveryConfig, machine: Machine): Promise<Cause[]> {
  const network = createNetwork({ ...config, machine, signal: new AbortController().signal });
  const nics = await network.indexedNics().catch(() => []);
  return nics.filter(({ isUp }) => !isUp).map(({ name }) => ({
    source: "dhcp",
    kind: "link_down",
    message: `${name} is down`,
  }));
}

/** Writes the same for a program to read. */
function formatJson(report: SearchReport, { notes, advice }: Parameters<typeof formatReport>[1]): string {
  const { router, elapsedMs, sources, candidates } = report;
  const plain = { router: router ?? null, elapsedMs, sources, candidates, notes, advice: advice ?? null };
  return JSON.stringify(plain, undefined, 2) + "\n";
}

/** The causes of a failed search: what candidates were is more telling than that a source had none. */
function causesOf({ candidates, sources }: SearchReport): Cause[] {
  return [...candidates, ...sources].flatMap(({ cause }) => cause ?? []);
}
