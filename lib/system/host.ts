/**
 * Everything that discovery sees of the machine and does to its network, in one place: the thin edge that tests and
 * simulations replace.
 *
 * @module
 */

import type { Clock } from "../time/clock.ts";
import { createExchange } from "../dhcp/exchange.ts";
import type { Exchange } from "../dhcp/exchange.ts";
import { runIp } from "./run_ip.ts";
import type { RunIp } from "./run_ip.ts";
import type { Metrics } from "../telemetry/metrics.ts";

/** An address of an interface. */
export interface InterfaceAddress {
  readonly family: "IPv4" | "IPv6";
  readonly name: string;
  readonly address: string;
  readonly netmask: string;
  readonly mac: string;
}

/** A file as it was read. */
export interface FileContent {
  readonly bytes: Uint8Array;
  /** When it was last written, in milliseconds since 1970. */
  readonly modifiedAt: number;
}

/** What is known of a config drive. */
export interface DriveState {
  isPresent(): boolean;
  /** Why one that is there cannot be used; `undefined` if it can, or there is none. */
  problem(): string | undefined;
}

const NO_DRIVE: DriveState = Object.freeze({ isPresent: () => false, problem: () => undefined });

/** What discovery sees and does. */
export interface Host {
  /** @throws {Error} If they cannot be read, and never could. */
  interfaces(): readonly InterfaceAddress[];
  readonly runIp: RunIp;
  readonly exchange: Exchange;
  /** The names in a folder; none if it does not exist. @throws {Error} If it may not be read. */
  listFolder(path: string): Promise<readonly string[]>;
  /** A file's content; `undefined` if it does not exist. @throws {Error} If it may not be read. */
  readFile(path: string): Promise<FileContent | undefined>;
  /**
   * The IPv4 addresses of a name; none if it is unknown.
   *
   * @throws {Error} If this machine has no descriptor left to ask with.
   * @throws the signal's reason, if it aborts first
   */
  lookUp(hostname: string, signal: AbortSignal): Promise<readonly string[]>;
  readonly drive: DriveState;
}

/** A lease is a few hundred bytes, a file of many leases some kilobytes: more is something else. */
const MAX_FILE_BYTES = 1024 * 1024;

/** The machine this program runs on. */
export function openHost(
  { clock, metrics, drive = NO_DRIVE }: {
    readonly clock: Clock;
    readonly metrics: Metrics;
    readonly drive?: DriveState | undefined;
  },
): Host {
  const listen = (options: Deno.UdpListenOptions & { transport: "udp" }) => Deno.listenDatagram(options);
  let known: readonly InterfaceAddress[] | undefined;
  return {
    drive,
    interfaces() {
      try {
        return known = Deno.networkInterfaces();
      } catch (error) {
        // For want of a descriptor: what was there a moment ago is better than none.
        if (known === undefined) throw error;
        return known;
      }
    },
    runIp,
    exchange: createExchange({ listen, clock, metrics }),

    async listFolder(path) {
      try {
        return (await Array.fromAsync(Deno.readDir(path))).map((entry) => entry.name);
      } catch (error) {
        return absent(error, []);
      }
    },

    async readFile(path) {
      try {
        const { isFile, size, mtime } = await Deno.stat(path);
        if (!isFile || size > MAX_FILE_BYTES) return undefined;
        return { bytes: await Deno.readFile(path), modifiedAt: mtime?.getTime() ?? 0 };
      } catch (error) {
        return absent(error, undefined);
      }
    },

    async lookUp(hostname, signal) {
      const { lookup } = await import(NODE_DNS) as NodeDns;
      const found = new Promise<LookedUp>((resolve) => {
        lookup(hostname, LOOKUP_OPTIONS, (_, addresses) => resolve(addresses));
      });
      // A look-up whose name server is away takes longer than anyone cares, and cannot be called off.
      const addresses = await Promise.race([found, untilAborted(signal)]);
      // To the C library a name is unknown also where there is nothing left to ask with.
      if (addresses === undefined) listen({ transport: "udp", hostname: "127.0.0.1", port: 0 }).close();
      return (addresses ?? []).map(({ address }) => address);
    },
  };
}

/**
 * The machine's own way to look up a name, /etc/hosts included, which Deno has under Node's name only. Imported late, for it is
 * rarely needed, and not by a literal: its types would be a package of their own.
 */
const NODE_DNS: string = "node:dns";

const LOOKUP_OPTIONS = { family: 4, all: true } as const;

type LookedUp = readonly { readonly address: string }[] | undefined;

/** What is used of it. */
interface NodeDns {
  lookup(
    hostname: string,
    options: typeof LOOKUP_OPTIONS,
    callback: (error: unknown, addresses: LookedUp) => void,
  ): void;
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

function absent<T>(error: unknown, nothing: T): T {
  if (error instanceof Deno.errors.NotFound) return nothing;
  throw error;
}
