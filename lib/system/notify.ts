/**
 * Tells the service manager how the program is: sd_notify(3) over its datagram socket.
 *
 * @module
 */

import type { Log } from "../telemetry/log.ts";
import { SYSTEM_CLOCK } from "../time/clock.ts";
import type { Clock } from "../time/clock.ts";
import { removeLeftOver, RUNTIME_FILES } from "./runtime_folder.ts";

/** Tells the service manager something; without one, does nothing. */
export interface Notifier {
  /** Sends one or more assignments, such as `READY=1` or `STATUS=...`, a line each; the last may be cut. Never fails. */
  notify(...assignments: string[]): void;
  /** Sends what is still to be sent, then closes. */
  close(): Promise<void>;
}

/** What is longer the service manager ignores as a whole (systemd's `NOTIFY_BUFFER_MAX`). */
const MAX_MESSAGE_BYTES = 4_096;

const ABSENT: Notifier = Object.freeze({ notify() {}, close: () => Promise.resolve() });

/**
 * Opens the service manager's socket named by `NOTIFY_SOCKET`.
 *
 * @param options.bindTo where the sending end is bound for a moment, for want of unbound sockets in Deno
 * @returns a notifier that does nothing if there is no socket or it cannot be used
 */
export function openNotifier(
  socketPath: string | undefined,
  { log, bindTo = RUNTIME_FILES.notifySocket }: { readonly log: Log; readonly bindTo?: string },
): Notifier {
  if (!socketPath) return ABSENT;
  const socket = bind(bindTo, log);
  if (socket === undefined) return ABSENT;

  const manager = { transport: "unixpacket", path: socketPath } as const;
  const encoder = new TextEncoder();
  let warned = false;
  let sent = Promise.resolve();
  return {
    notify(...assignments) {
      // No part of a character is written: a status must be UTF-8.
      const bytes = new Uint8Array(MAX_MESSAGE_BYTES);
      const datagram = bytes.subarray(0, encoder.encodeInto(assignments.join("\n"), bytes).written);
      sent = sent.then(async () => {
        try {
          await socket.send(datagram, manager);
        } catch (error) {
          if (!warned) log.warn("cannot notify the service manager", { socket: socketPath, error });
          warned = true;
        }
      });
    },
    async close() {
      await sent;
      socket.close();
    },
  };
}

function bind(path: string, log: Log): Deno.DatagramConn | undefined {
  try {
    removeLeftOver(path);
    const socket = Deno.listenDatagram({ transport: "unixpacket", path });
    Deno.removeSync(path);
    return socket;
  } catch (error) {
    log.warn("cannot open a socket to notify the service manager", { error });
    return undefined;
  }
}

/**
 * Pings the service manager's watchdog at half its interval, as long as the program does what it is there for.
 *
 * @param watchdogUsec the interval in microseconds, from `WATCHDOG_USEC`
 * @param options.isAlive whether anybody can connect, asked before each ping; one that is no or fails leaves the ping out,
 *   which the log says once, and one that does not come does so, too
 * @returns a function that stops it
 */
export function startWatchdog(
  notifier: Notifier,
  watchdogUsec: string | undefined,
  { isAlive, log, clock = SYSTEM_CLOCK }: {
    readonly isAlive: () => Promise<boolean>;
    readonly log: Log;
    readonly clock?: Pick<Clock, "schedule">;
  },
): () => void {
  const intervalMs = Number(watchdogUsec) / 2_000;
  if (!(intervalMs > 0)) return () => {};
  let timer = clock.schedule(intervalMs, ping);
  let isStopped = false;
  let wasAlive = true;
  return () => {
    isStopped = true;
    timer.cancel();
  };

  async function ping() {
    timer = clock.schedule(intervalMs, ping);
    const alive = await isAlive().catch(() => false);
    if (isStopped) return;
    if (alive) notifier.notify("WATCHDOG=1");
    else if (wasAlive) log.warn("nobody can connect, leaving the watchdog to restart the program");
    wasAlive = alive;
  }
}
