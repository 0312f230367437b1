/**
 * A fleet of guests that loses its one router and gets it back: what the router's network sees meanwhile, second by
 * second. The guests run the program's own resolver and forwarder on a clock of their own.
 *
 * @module
 */

import { createResolver } from "../../../lib/discover/resolver.ts";
import { PROOF } from "../../../lib/discover/validate.ts";
import type { Client } from "../../../lib/http1/client.ts";
import { UpstreamError } from "../../../lib/http1/error.ts";
import type { UpstreamErrorKind } from "../../../lib/http1/error.ts";
import { createForwarder } from "../../../lib/proxy/upstream/forward.ts";
import { TimeoutError, withTimeout } from "../../../lib/time/with_timeout.ts";
import { SILENT } from "../../../lib/telemetry/log.ts";
import { createRegistry } from "../../../lib/telemetry/metrics.ts";
import { discoveryConfig } from "./config.ts";
import { createLan, interfaceAt } from "./lan.ts";
import type { Guest, Lan } from "./lan.ts";
import { createVirtualClock } from "./virtual_clock.ts";
import type { VirtualClock } from "./virtual_clock.ts";

/** What happens to the fleet. */
export interface FleetOptions {
  readonly guests: number;
  /** How often the agent of each guest asks for something, on average. */
  readonly askEveryMs: number;
  /** How long the router serves before it fails. */
  readonly healthyMs: number;
  /** How long it is gone. */
  readonly outageMs: number;
  /** How long to look on after it is back. */
  readonly recoveryMs: number;
  /** How long the router takes over each answer (default: 2 ms). */
  readonly delayMs?: number;
  /** How soon an agent gives a request up (default: never). */
  readonly abandonAfterMs?: number;
}

/** What one second on the router's network held, whether or not the router was there to see it. */
export interface Second {
  /** DHCP packets from guests. */
  dhcp: number;
  /** Connections to validate a router. */
  validations: number;
  /** Requests of agents passed on. */
  requests: number;
}

/** What came of it. */
export interface FleetResult {
  readonly seconds: readonly Second[];
  /** For each guest, how long after the router's return it knew it again. */
  readonly recoveredMs: readonly number[];
  /** How many answers the agents got that were errors. */
  readonly failures: number;
}

const ROUTER = "10.1.0.1";
/** bosh-agent asks ten times, a second apart. */
const AGENT_TRIES = 10;
const AGENT_PAUSE_MS = 1_000;
/** The proxy's limits for a request, as its options have them by default. */
const REQUEST_TIMEOUT_MS = 15_000;
const CONNECT_TIMEOUT_MS = 3_000;
const RESPONSE_TIMEOUT_MS = 10_000;
const TARGET = "/latest/user-data";

/** Plays it all. */
export async function playFleet(options: FleetOptions): Promise<FleetResult> {
  const { guests, healthyMs, outageMs, recoveryMs, delayMs = 2, abandonAfterMs = Infinity } = options;
  const clock = createVirtualClock(7);
  const startedAt = clock.now();
  const lastSecond = (healthyMs + outageMs + recoveryMs) / 1_000;
  const seconds = Array.from({ length: lastSecond + 1 }, (): Second => ({ dhcp: 0, validations: 0, requests: 0 }));
  const current = () => seconds[Math.min(Math.floor((clock.now() - startedAt) / 1_000), lastSecond)]!;
  const lan = createLan(clock, (what) => {
    if (what !== "request") current().dhcp += 1;
  });
  const router = lan.add({ address: ROUTER, delayMs, isWhole: true });
  const stop = new AbortController();
  const fleet: Fleet = {
    clock,
    lan,
    signal: stop.signal,
    abandonAfterMs,
    onRequest: (target) => void (current()[target === PROOF ? "validations" : "requests"] += 1),
  };
  const members = Array.from({ length: guests }, (_, index) => createGuest(fleet, index));
  let failures = 0;
  const agents = members.map((member) =>
    runAgent(fleet, { ...options, member, onFailure: () => void (failures += 1) })
  );

  await clock.run(healthyMs);
  lan.routers.length = 0;
  await clock.run(outageMs);
  lan.routers.push(router);
  const recoveredMs: number[] = [];
  for (let passed = 0; passed < recoveryMs; passed += 100) {
    const known = members.filter((member) => member.isReady()).length;
    while (recoveredMs.length < known) recoveredMs.push(passed);
    await clock.run(100);
  }
  stop.abort();
  const closed = Promise.all([...agents, ...members.map((member) => member.close())]);
  await clock.run(60_000);
  await closed;
  return { seconds: seconds.slice(0, lastSecond), recoveredMs, failures };
}

interface Fleet {
  readonly clock: VirtualClock;
  readonly lan: Lan;
  readonly signal: AbortSignal;
  readonly abandonAfterMs: number;
  onRequest(target: string): void;
}

/** A guest, as its agent sees it. */
interface Member {
  /** Asks for metadata. @returns whether it came */
  ask(): Promise<boolean>;
  isReady(): boolean;
  close(): Promise<void>;
}

/** An agent: it asks now and then, and asks again at once when it gets an error. */
async function runAgent(
  { clock, signal }: Fleet,
  { member, askEveryMs, onFailure }: {
    readonly member: Member;
    readonly askEveryMs: number;
    readonly onFailure: () => void;
  },
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(clock.random() * 2 * askEveryMs, signal);
    for (let tries = 0; tries < AGENT_TRIES && !signal.aborted; tries++) {
      if (await member.ask()) break;
      onFailure();
      await clock.sleep(AGENT_PAUSE_MS, signal);
    }
  }
}

/** Gives a guest an address and a MAC of its own. */
function putOnLan({ lan }: Fleet, index: number): Guest {
  const [high, low] = [Math.floor(index / 200) + 1, (index % 200) + 1];
  const mac = `02:00:00:00:${high.toString(16).padStart(2, "0")}:${low.toString(16).padStart(2, "0")}`;
  return lan.createGuest({ interfaces: [interfaceAt(`10.1.${high}.${low}`, { mac, netmask: "255.255.0.0" })] });
}

/** A client with the limits of the program's own: a router that is gone accepts no connection. */
function createClient({ clock, lan, onRequest }: Fleet): Client {
  const fail = (kind: UpstreamErrorKind): never => {
    throw new UpstreamError(kind, kind);
  };
  return {
    async request(address, head, options) {
      onRequest(head.target);
      const { signal } = options;
      if (!lan.routers.some((router) => router.address === address)) {
        await clock.sleep(CONNECT_TIMEOUT_MS, signal);
        signal.throwIfAborted();
        return fail("connect_timeout");
      }
      return await withTimeout(
        RESPONSE_TIMEOUT_MS,
        { clock, signal },
        (signal) => lan.client.request(address, head, { ...options, signal }),
      ).catch((error) => error instanceof TimeoutError ? fail("response_timeout") : Promise.reject(error));
    },
    close() {},
  };
}

/** A guest: the resolver and the forwarder. What an agent abandons is given up, as by the proxy. */
function createGuest(fleet: Fleet, index: number): Member {
  const { clock, lan, signal, abandonAfterMs } = fleet;
  const { host } = putOnLan(fleet, index);
  const client = createClient(fleet);
  const resolver = createResolver(discoveryConfig({ sources: ["dhcp"] }), {
    log: SILENT,
    metrics: createRegistry(),
    client,
    clock,
    host,
  });
  resolver.start();
  const forward = createForwarder({
    upstream: resolver,
    client,
    deadlines: clock.deadlines,
    now: clock.now,
    onAnswer() {},
    onError() {},
  });
  const head = { method: "GET", target: TARGET, headers: [] } as const;
  return {
    async ask() {
      try {
        const limits = { timeoutMs: REQUEST_TIMEOUT_MS, patienceMs: Infinity };
        const { status } = await withTimeout(
          abandonAfterMs,
          { clock, signal },
          (signal) => forward(head, { ...limits, signal }),
        );
        return status === 200;
      } catch {
        return false;
      }
    },
    isReady: () => resolver.status().state === "ready" && lan.routers.length > 0,
    close: () => resolver.close(),
  };
}
