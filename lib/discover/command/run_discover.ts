/**
 * `mdproxy4cs discover`: searches once, hears every source out, and explains to a person what came of it.
 *
 * @module
 */

import { withConfigDrive } from "../../config_drive/config_drive.ts";
import type { ConfigDrive } from "../../config_drive/config_drive.ts";
import type { DiscoveryConfig } from "../../config/config.ts";
import type { SourceName } from "../../config/words.ts";
import type { ListenAddress } from "../../config/value.ts";
import { createClient } from "../../http1/client.ts";
import type { Client } from "../../http1/client.ts";
import { openHost } from "../../system/host.ts";
import type { Host } from "../../system/host.ts";
import { createRegistry } from "../../telemetry/metrics.ts";
import { SYSTEM_CLOCK } from "../../time/clock.ts";
import type { Clock } from "../../time/clock.ts";
import { retryMs } from "../backoff.ts";
import { toCause } from "../errors.ts";
import type { Cause } from "../errors.ts";
import { causesOf } from "../report.ts";
import type { SearchReport } from "../report.ts";
import { startSearch } from "../search.ts";
import { createValidate } from "../validate.ts";
import { diagnose, diagnoseRefusal } from "./diagnose.ts";
import type { Diagnosis } from "./diagnose.ts";
import { fetchUserData } from "./fetch_user_data.ts";
import { formatJson } from "./format_json.ts";
import { formatReport } from "./format_report.ts";
import type { Findings } from "./format_report.ts";
import { takeOverview } from "./overview.ts";
import type { Overview, ServiceBelief } from "./overview.ts";
import { showProgress } from "./progress.ts";

/** How to run the command. */
export interface DiscoverOptions {
  /** Whether to write JSON rather than a table. */
  readonly json: boolean;
  readonly write: (text: string) => void;
  /** Whether what is written is shown in colours. */
  readonly isColored: boolean;
  /** Shows on a terminal what is going on; nothing is shown if not given. */
  readonly show?: (text: string) => void;
  /** Where the service listens. */
  readonly listen: ListenAddress;
  /** Asks the running service what it believes. @throws {Error} If it does not answer. */
  readonly askService: () => Promise<ServiceBelief>;
  /** What was read of a config drive. */
  readonly drive: Pick<ConfigDrive, "isPresent" | "problem" | "respond">;
  /** A new one if not given. */
  readonly client?: Client;
  /** The machine's own if not given. */
  readonly clock?: Clock;
  /** This one if not given. */
  readonly host?: Host;
}

/** What a router may take its time for, where nobody waits but a person. */
const LIMITS = { connectTimeoutMs: 5_000, responseTimeoutMs: 10_000, idleTimeoutMs: 5_000, maxHeaderBytes: 16_384 };

/**
 * Searches once and writes what came of it.
 *
 * @returns the exit code: 0 if a router was found, else 1
 */
export async function runDiscover(config: DiscoveryConfig, options: DiscoverOptions): Promise<number> {
  const { json, write, drive, isColored, clock = SYSTEM_CLOCK } = options;
  const client = options.client ?? withConfigDrive(createClient(LIMITS), drive);
  const host = options.host ?? openHost({ clock, metrics: createRegistry(), drive });
  const { signal } = new AbortController();
  const notes = createNotes();
  const search = startSearch(config, {
    timeoutMs: config.timeoutMs,
    retryMs: retryMs(0),
    signal,
    isThorough: true,
    onTrouble: notes.add,
    onSubstitute: (_, reason) => notes.say(reason),
  }, { host, clock, validate: createValidate(client) });

  const over = new AbortController();
  const { timeoutMs } = config;
  const shown = showProgress({ report: search.report, show: options.show, timeoutMs, clock, signal: over.signal });
  const report = await search.done;
  over.abort();
  await shown;

  const { listen, askService } = options;
  const overview = await takeOverview(config, { host, signal, listen, askService });
  const userData = report.router && await fetchUserData(client, report.router.address, clock);
  client.close();
  // What candidates were is more telling than that a source had none.
  const causes = [...report.candidates.flatMap(({ cause }) => cause ?? []), ...causesOf(report)];
  const findings: Findings = {
    overview,
    notes: notes.unsaid(causes),
    advice: report.router === undefined
      ? advise(config, { report, overview, causes: [...causes, ...notes.causes] })
      : diagnoseRefusal(report.router, overview.service),
    userData,
  };
  write(json ? formatJson(report, findings) : formatReport(report, findings, { isColored }));
  return report.router === undefined ? 1 : 0;
}

function advise(
  { sources }: DiscoveryConfig,
  { report, overview, causes }: {
    readonly report: SearchReport;
    readonly overview: Overview;
    readonly causes: readonly Cause[];
  },
): Diagnosis {
  const { interfaces, elsewhere } = overview;
  // An interface that is down takes what it is sent and says nothing.
  const down = interfaces.filter(({ isUp }) => !isUp).map(({ name }): Cause => ({
    source: "dhcp",
    kind: "link_down",
    message: `${name} is down`,
  }));
  return diagnose({
    sources,
    causes: [...causes, ...down],
    hasCandidates: report.candidates.length > 0,
    searchedOn: interfaces.map(({ name, address, mac }) => `${address} (${name}, ${mac})`).join(" and ") || undefined,
    elsewhere,
  });
}

/** Collects what sources say on the way: each once. */
function createNotes() {
  /** The lines, by what they say. */
  const lines = new Map<string, string>();
  const causes: Cause[] = [];
  return {
    causes,
    add(source: SourceName, error: unknown) {
      const cause = toCause(source, error);
      if (!lines.has(cause.message)) causes.push(cause);
      lines.set(cause.message, `${source}: ${cause.message}`);
    },
    say: (line: string) => void lines.set(line, line),
    /** What is said as a cause, or as the cause of a cause, need not be said twice. */
    unsaid: (said: readonly Cause[]) =>
      [...lines].filter(([message]) => !said.some((cause) => uncounted(cause.message).includes(message)))
        .map(([, line]) => line),
  };
}

/** A message without how often: what was said when it first happened is the same. */
function uncounted(message: string): string {
  return message.replaceAll(/ (once|\d+ times)(?= with)/g, "");
}
