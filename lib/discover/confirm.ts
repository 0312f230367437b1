/**
 * Asks a known router whether it is still there, and still what it proved to be, without any request waiting for it.
 *
 * @module
 */

import type { DiscoveryConfig } from "../config/config.ts";
import { kindOf } from "../config_drive/address.ts";
import { isExhausted } from "../http1/error.ts";
import { withTimeout } from "../time/with_timeout.ts";
import { ValidationError } from "./errors.ts";
import { createNetwork } from "./sources/network.ts";
import { whyRefused } from "./refusal.ts";
import type { Router } from "./router.ts";
import type { SearchDeps } from "./search.ts";

/** How long the router's DHCP server may take: a question, its repeat, and the answer. */
const DHCP_MS = 1_000;
/** How long its web server may take: nobody waits for it, and a slow one is not a dead one. */
const HTTP_MS = 15_000;
/** How long a router that is there takes to say so. */
const PROBE_MS = 600;
/** How many others are asked for their proof meanwhile. */
const MAX_OTHERS = 4;
const EVERYONE = "255.255.255.255";

/** What the router answered. */
export interface Confirmed {
  /** The address by which its DHCP server calls itself; `undefined` where only the web server was asked. */
  readonly server: string | undefined;
  /** The instance-id that it serves; `undefined` where only the DHCP server was asked. */
  readonly identity: string | undefined;
}

/** How to ask. */
export interface ConfirmOptions extends SearchDeps {
  /** Whether to ask for what made it a router, and not just whether it is there. */
  readonly withProof: boolean;
  readonly signal: AbortSignal;
}

/**
 * Asks for the proof; or else the router's DHCP server, which costs it next to nothing, and only if that is silent for the
 * proof as well.
 *
 * @throws {Error} If it does not give it, its address has become the machine's own, or the signal aborts.
 */
export async function confirmRouter(
  router: Router,
  config: DiscoveryConfig,
  { host, validate, clock, withProof, signal }: ConfirmOptions,
): Promise<Confirmed> {
  if (createNetwork({ ...config, host, signal }).isOwn(router.address)) {
    throw new ValidationError("own_address", "has become this machine's own address");
  }
  if (!withProof && hasDhcp(router, config)) {
    const server = await askServer(router, config, { host, clock, signal });
    if (server !== undefined) return { server, identity: undefined };
  }
  const identity = await withTimeout(HTTP_MS, { clock, signal }, (signal) => validate(router.address, signal));
  return { server: undefined, identity };
}

/** Whether its DHCP server may be asked. */
export function hasDhcp({ address }: Router, { sources }: DiscoveryConfig): boolean {
  return sources.includes("dhcp") && kindOf(address) === "router";
}

/** What it takes to ask. */
type AskOptions = Pick<ConfirmOptions, "host" | "clock" | "signal">;

async function askServer(router: Router, config: DiscoveryConfig, options: AskOptions): Promise<string | undefined> {
  const answered = new AbortController();
  let first: string | undefined;
  await exchange(router, config, {
    ...options,
    limitMs: DHCP_MS,
    retryMs: DHCP_MS,
    servers: [router.address],
    ended: answered.signal,
    onServer(server) {
      first ??= server;
      answered.abort();
    },
  });
  return first;
}

/** How a router is probed. */
export interface ProbeOptions extends SearchDeps {
  readonly signal: AbortSignal;
  /** The router's DHCP server answered. May be called more than once. */
  readonly onAlive: () => void;
}

/**
 * Asks a router that keeps a request waiting whether it is there at all, and everybody else who else is: two packets. Others
 * are asked for their proof for as long as the router says nothing. Resolves with whether others answered, when the time for
 * answers is over or one of them has proven to be the router's successor.
 *
 * @throws {Error} If this machine has nothing left to ask with.
 */
export async function probeRouter(
  router: Router,
  config: DiscoveryConfig,
  { validate, onAlive, ...options }: ProbeOptions,
): Promise<{ readonly hasOthers: boolean }> {
  const ended = new AbortController();
  const network = createNetwork({ ...config, ...options });
  const isAllowed = (address: string) => whyRefused(address, { ...config, network }) === undefined;
  const others = new Map<string, Promise<void>>();
  let isAlive = false;
  const prove = async (address: string) => {
    if (isAlive) return;
    const identity = await validate(address, ended.signal).catch(() => undefined);
    if (identity === router.identity) ended.abort();
  };
  try {
    await exchange(router, config, {
      ...options,
      limitMs: PROBE_MS,
      servers: [router.address, EVERYONE],
      // Asked once.
      retryMs: 4 * PROBE_MS,
      ended: ended.signal,
      onServer(server) {
        if (server === router.address) {
          isAlive = true;
          onAlive();
        } else if (others.size < MAX_OTHERS && !others.has(server) && isAllowed(server)) {
          others.set(server, prove(server));
        }
      },
    });
  } finally {
    ended.abort();
    await Promise.all(others.values());
  }
  return { hasOthers: others.size > 0 };
}

/** Asks servers on the router's interface, until the time is up or somebody has heard enough. */
async function exchange(
  router: Router,
  config: DiscoveryConfig,
  { host, clock, signal, limitMs, retryMs, servers, ended, onServer }: AskOptions & {
    readonly limitMs: number;
    readonly retryMs: number;
    readonly servers: readonly string[];
    readonly ended: AbortSignal;
    readonly onServer: (server: string) => void;
  },
): Promise<void> {
  await withTimeout(limitMs, { clock, signal }, async (signal) => {
    const nics = await createNetwork({ ...config, host, signal }).nics();
    const nearest = nics.filter(({ name }) => name === router.iface);
    await host.exchange({
      clients: nearest.length > 0 ? nearest : nics,
      broadcast: false,
      servers,
      retryMs,
      signal: AbortSignal.any([signal, ended]),
      onReply: ({ server }) => onServer(server),
    });
  }).catch((error) => {
    // Silence and a broken network alike: whoever asked heard nothing. But where nothing could be asked, nobody was silent.
    if (isExhausted(error)) throw error;
  });
}
