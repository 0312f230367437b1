/**
 * `mdproxy4cs discover`: searches once, hears every source out, and explains to a person what came of it.
 *
 * @module
 */

import type { DiscoveryConfig } from "../config/config.ts";
import { SYSTEM_CLOCK } from "../dhcp/clock.ts";
import type { Clock } from "../dhcp/clock.ts";
import { createClient } from "../http1/client.ts";
import type { Client } from "../http1/client.ts";
import { createRegistry } from "../telemetry/metrics.ts";
import { diagnose } from "./diagnose.ts";
import { toCause } from "./errors.ts";
import type { Cause } from "./errors.ts";
import { formatReport } from "./format_report.ts";
import { openMachine } from "./machine.ts";
import type { Machine } from "./machine.ts";
import type { SearchReport } from "./report.ts";
import { startSearch } from "./search.ts";
import { createValidate } from "./validate.ts";

/** How to run the command. */
export interface DiscoverOptions {
  /** Whether to write JSON rather than a table. */
  readonly json: boolean;
  readonly write: (text: string) => void;
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
  const { json, write, clock = SYSTEM_CLOCK, client = createClient(LIMITS) } = options;
  const machine = options.machine ?? openMachine({ clock, metrics: createRegistry() });
  const { iname, sources, timeoutMs } = config;
  const notes = new Set<string>();
  const report = await startSearch(config, {
    timeoutMs,
    signal: new AbortController().signal,
    isThorough: true,
    onTrouble: (source, error) => void notes.add(`${source}: ${toCause(source, error).message}`),
    onSubstitute: (using) =>
      void notes.add(`${iname} does not exist: searching on ${using}, which has the default route`),
  }, { machine, clock, validate: createValidate(client) }).done;
  client.close();

  const advice = report.router === undefined ? diagnose({ sources, causes: causesOf(report) }) : undefined;
  if (json) write(JSON.stringify({ ...report, notes: [...notes], advice }, undefined, 2) + "\n");
  else write(formatReport(report, { notes: [...notes], advice }));
  return report.router === undefined ? 1 : 0;
}

/** The causes of a failed search: what candidates were is more telling than that a source had none. */
function causesOf({ candidates, sources }: SearchReport): Cause[] {
  return [...candidates, ...sources].flatMap(({ cause }) => cause ?? []);
}
