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
export interface Machine {
  interfaces(): readonly InterfaceAddress[];
  readonly runIp: RunIp;
  readonly exchange: Exchange;
  /** The names in a folder; none if it does not exist. @throws {Error} If it may not be read. */
  listFolder(path: string): Promise<readonly string[]>;
  /** A file's content; `undefined` if it does not exist. @throws {Error} If it may not be read. */
  readFile(path: string): Promise<FileContent | undefined>;
  /** Connects to a name and tells which address accepted. @throws {Error} If none did, or the signal aborts. */
  dial(hostname: string, options: { readonly port: number; readonly signal: AbortSignal }): Promise<string>;
  readonly drive: DriveState;
}

/** A lease is a few hundred bytes, a file of many leases some kilobytes: more is something else. */
const MAX_FILE_BYTES = 1024 * 1024;

/** The machine this program runs on. */
export function openMachine(
  { clock, metrics, drive = NO_DRIVE }: {
    readonly clock: Clock;
    readonly metrics: Metrics;
    readonly drive?: DriveState | undefined;
  },
): Machine {
  const listen = (options: Deno.UdpListenOptions & { transport: "udp" }) => Deno.listenDatagram(options);
  return {
    drive,
    interfaces: Deno.networkInterfaces,
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

    dial(hostname, { port, signal }) {
      const connected = Deno.connect({ hostname, port, signal }).then((connection) => {
        connection.close();
        return (connection.remoteAddr as Deno.NetAddr).hostname;
      });
      // A look-up whose name server is away takes longer than anyone cares, and older versions of Deno do not end it.
      return Promise.race([connected, untilAborted(signal)]);
    },
  };
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

function absent<T>(error: unknown, nothing: T): T {
  if (error instanceof Deno.errors.NotFound) return nothing;
  throw error;
}
