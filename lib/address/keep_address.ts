/**
 * Keeps the listen address where it was ensured once: whatever manages the network may take it away at any time, and then
 * nobody can connect although the program lives.
 *
 * Knows when to look again; leaves looking and adding to `ensure_address.ts`, and what is to become of a program without
 * its address to the caller.
 *
 * @module
 */

import type { MonitorIp, RunIp } from "../system/run_ip.ts";
import type { Log } from "../telemetry/log.ts";
import type { Clock } from "../time/clock.ts";
import { ensureAddress, holderOf } from "./ensure_address.ts";
import type { LabelledAddress } from "./ensure_address.ts";
import { isLinkLocal } from "../ipv4/ipv4.ts";

/** What the keeper works with. */
export interface KeeperSystem {
  readonly interfaces: () => readonly LabelledAddress[];
  readonly runIp: RunIp;
  readonly monitorIp: MonitorIp;
  /** Called a moment after interfaces or their addresses have changed, and when the address was added again. */
  readonly onChange: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** Whoever looks after the address. */
export interface AddressKeeper {
  /** Whether the address is there now. */
  isPresent(): boolean;
  /** Resolves with the reason when the address is gone and cannot be added again. */
  readonly lost: Promise<Error>;
  close(): Promise<void>;
}

/** How soon after a change to look: changes come in bursts. */
const SETTLE_MS = 100;
/** When changes are listened to first: that starts a process, which holds up everything else, and a boot is waiting. */
const START_MS = 1_000;
/** How long to wait before changes are listened to again, and how often to look where they cannot be. */
const RESTART_MS = 5_000;

/** Looks after a link-local address on `lo`; any other is taken to exist. */
export function keepAddress(address: string, system: KeeperSystem): AddressKeeper {
  const { interfaces, runIp, monitorIp, onChange, clock, log } = system;
  const stop = new AbortController();
  const { promise: lost, resolve: lose } = Promise.withResolvers<Error>();
  const isPresent = () => !isLinkLocal(address) || holderOf(address, interfaces()) === "lo";
  /** The look that is to come, if there is one. */
  let looking: Promise<void> | undefined;

  async function look(): Promise<void> {
    await clock.sleep(SETTLE_MS, stop.signal);
    looking = undefined;
    if (stop.signal.aborted) return;
    onChange();
    if (isPresent()) return;
    log.warn("the listen address is gone", { address });
    try {
      await ensureAddress(address, { interfaces, runIp, signal: stop.signal });
      log.warn("added the listen address again", { address, interface: "lo" });
      onChange();
    } catch (error) {
      lose(error as Error);
    }
  }

  async function listen(): Promise<void> {
    await clock.sleep(START_MS, stop.signal);
    while (!stop.signal.aborted) {
      // Whatever changed while nobody listened.
      looking ??= look();
      await monitorIp(["monitor", "link", "address"], { signal: stop.signal, onChange: () => looking ??= look() })
        .catch((error) => log.debug("cannot listen to changes of addresses", { error }));
      await clock.sleep(RESTART_MS, stop.signal);
    }
    await looking;
  }

  const done = isLinkLocal(address) ? listen() : Promise.resolve();
  return {
    isPresent,
    lost,
    async close() {
      stop.abort();
      await done;
    },
  };
}
