/**
 * One search on an imaginary network.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { DiscoveryConfig } from "../../lib/config/config.ts";
import type { SearchReport } from "../../lib/discover/report.ts";
import { startSearch } from "../../lib/discover/search.ts";
import type { Search, SearchOptions } from "../../lib/discover/search.ts";
import { createValidate } from "../../lib/discover/validate.ts";
import { discoveryConfig } from "../support/fakes/config.ts";
import { createLan } from "../support/fakes/lan.ts";
import type { Guest, GuestOptions, Lan } from "../support/fakes/lan.ts";
import { createVirtualClock } from "../support/fakes/virtual_clock.ts";
import type { VirtualClock } from "../support/fakes/virtual_clock.ts";

/** What a test has to play with. */
export interface Scene {
  readonly clock: VirtualClock;
  readonly lan: Lan;
  readonly guest: Guest;
  readonly troubles: string[];
  /** What `ip` was run with. */
  readonly commands: string[];
}

/** Creates an empty network with a guest. */
export function createScene(options: Partial<GuestOptions> = {}): Scene {
  const clock = createVirtualClock();
  const lan = createLan(clock);
  return { clock, lan, guest: lan.createGuest(options), troubles: [], commands: [] };
}

/** Searches until it is over, for twice the time it may take. */
export async function search(
  { clock, lan, guest, troubles, commands }: Scene,
  config: Partial<DiscoveryConfig> = {},
  { onStart, ...options }: Partial<SearchOptions> & { readonly onStart?: (search: Search) => void } = {},
): Promise<SearchReport> {
  const full = discoveryConfig(config);
  const { host } = guest;
  const runIp: typeof host.runIp = (args, more) => {
    commands.push(args.join(" "));
    return host.runIp(args, more);
  };
  const begun = startSearch(full, {
    timeoutMs: full.timeoutMs,
    retryMs: 1_000,
    signal: new AbortController().signal,
    onTrouble: (source, error) => void troubles.push(`${source}: ${(error as Error).message}`),
    onSubstitute: (using) => void troubles.push(`substitute: ${using}`),
    ...options,
  }, { host: { ...host, runIp }, clock, validate: createValidate(lan.client) });
  let report: SearchReport | undefined;
  begun.done.then((it) => report = it);
  onStart?.(begun);
  await clock.run(full.timeoutMs * 2);
  assert(report !== undefined, "the search is over in time");
  assertEquals(guest.sockets.size, 0, "no socket is left open");
  return report;
}

/** What became of each candidate, by "source address". */
export function verdicts({ candidates }: SearchReport): Record<string, string> {
  return Object.fromEntries(candidates.map(({ source, address, verdict }) => [`${source} ${address}`, verdict]));
}
