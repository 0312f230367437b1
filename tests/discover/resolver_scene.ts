/**
 * A resolver on an imaginary network.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { DiscoveryConfig } from "../../lib/config/config.ts";
import { createResolver } from "../../lib/discover/resolver.ts";
import type { Resolver, Router } from "../../lib/discover/router.ts";
import { UpstreamError } from "../../lib/http1/error.ts";
import { createLog } from "../../lib/telemetry/log.ts";
import { createRegistry } from "../../lib/telemetry/metrics.ts";
import type { Registry } from "../../lib/telemetry/metrics.ts";
import { discoveryConfig } from "../support/fakes/config.ts";
import { createLan } from "../support/fakes/lan.ts";
import type { Guest, GuestOptions, Lan } from "../support/fakes/lan.ts";
import { createVirtualClock } from "../support/fakes/virtual_clock.ts";
import type { VirtualClock } from "../support/fakes/virtual_clock.ts";

/** The signal of a caller with endless patience. */
export const NEVER = new AbortController().signal;
/** What a router of this machine's serves, and another's. */
export const OWN = { status: 200, body: "i-2-50-VM" };
export const FOREIGN = { status: 200, body: "i-6-66-VM" };
/** What a request is reported for that waits for its answer. */
export const SILENT_YET = new UpstreamError("response_timeout", "The router does not begin its answer");

/** What a test has to play with. */
export interface Scene {
  readonly clock: VirtualClock;
  readonly lan: Lan;
  readonly guest: Guest;
  readonly resolver: Resolver;
  readonly metrics: Registry;
  readonly log: string[];
  /** What was written to the memory. */
  readonly written: readonly string[];
}

/** Plays a scene with a resolver that is not started yet, and closes it. */
export async function play(
  act: (scene: Scene) => Promise<void>,
  { config = {}, guest: guestOptions = {}, memory }: {
    readonly config?: Partial<DiscoveryConfig>;
    readonly guest?: Partial<GuestOptions>;
    /** What is remembered of an earlier run. */
    readonly memory?: string;
  } = {},
): Promise<void> {
  const clock = createVirtualClock();
  const lan = createLan(clock);
  const guest = lan.createGuest(guestOptions);
  const metrics = createRegistry();
  const lines: string[] = [];
  const written: string[] = [];
  const log = createLog((line) => lines.push(line.slice(25).trimEnd()), {
    level: "debug",
    format: "text",
    now: () => 0,
  });
  const resolver = createResolver(discoveryConfig(config), {
    log,
    metrics,
    client: lan.client,
    clock,
    host: guest.host,
    memory: { read: () => memory, write: (text) => void written.push(text) },
  });
  try {
    await act({ clock, lan, guest, resolver, metrics, log: lines, written });
  } finally {
    const closed = resolver.close();
    await clock.run(0);
    await closed;
  }
  assertEquals(guest.sockets.size, 0, "no socket is left open");
}

/** Starts the resolver and lets it find the router. */
export async function settle({ resolver, clock }: Scene): Promise<Router> {
  resolver.start();
  await clock.run(1_000);
  return resolver.status().router!;
}

/** The same with a router of its own, which then falls silent and keeps a request waiting for too long. */
export async function settleSilent(scene: Scene): Promise<Router> {
  const router = scene.lan.add({ address: "10.1.1.1" });
  const found = await settle(scene);
  Object.assign(router, { web: "hangs", dhcp: false });
  scene.resolver.report(found, SILENT_YET);
  return found;
}

/** How long a caller waits for a router from now on, by the clock. */
export async function timeRouter(
  { resolver, clock }: Scene,
  patienceMs = 60_000,
): Promise<{ ms: number; router: Router }> {
  const begin = clock.now();
  let result: { ms: number; router: Router } | undefined;
  Promise.resolve(resolver.router(NEVER)).then((router) => result = { ms: clock.now() - begin, router });
  for (let waited = 0; result === undefined && waited < patienceMs; waited += 10) await clock.run(10);
  assert(result !== undefined, "a router was found");
  return result;
}
