/**
 * Tells the service manager how the program is: sd_notify(3) over its datagram socket.
 *
 * @module
 */

import type { Log } from "../telemetry/log.ts";
import { SYSTEM_CLOCK } from "../time/clock.ts";
import type { Clock } from "../time/clock.ts";

/** Tells the service manager something; without one, does nothing. */
export interface Notifier {
  /** Sends one or more assignments, such as `READY=1` or `STATUS=...`, a line each. Never fails. */
  notify(...assignments: string[]): void;
  /** Sends what is still to be sent, then closes. */
  close(): Promise<void>;
}

/** Where the sending end may be bound; it is unlinked at once. The first is the unit's RuntimeDirectory. */
const BIND_FOLDERS = ["/run/mdproxy4cs", "/tmp"] as const;

const ABSENT: Notifier = Object.freeze({ notify() {}, close: () => Promise.resolve() });

/**
 * Opens the service manager's socket named by `NOTIFY_SOCKET`.
 *
 * @returns a notifier that does nothing if there is no socket or it cannot be used
 */
export function openNotifier(socketPath: string | undefined, log: Log): Notifier {
  if (!socketPath) return ABSENT;
  const socket = bindSomewhere(log);
  if (socket === undefined) return ABSENT;

  const manager = { transport: "unixpacket", path: socketPath } as const;
  const encoder = new TextEncoder();
  let warned = false;
  let sent = Promise.resolve();
  return {
    notify(...assignments) {
      const datagram = encoder.encode(assignments.join("\n"));
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

/** Deno has no unbound datagram socket, so the sending end needs a name for a moment. */
function bindSomewhere(log: Log): Deno.DatagramConn | undefined {
  let reason: unknown;
  for (const folder of BIND_FOLDERS) {
    const path = `${folder}/notify-${crypto.randomUUID()}`;
    try {
      const socket = Deno.listenDatagram({ transport: "unixpacket", path });
      Deno.removeSync(path);
      return socket;
    } catch (error) {
      reason = error;
    }
  }
  log.warn("cannot open a socket to notify the service manager", { error: reason });
  return undefined;
}

/**
 * Pings the service manager's watchdog at half its interval.
 *
 * @param watchdogUsec the interval in microseconds, from `WATCHDOG_USEC`
 * @returns a function that stops it
 */
export function startWatchdog(
  notifier: Notifier,
  watchdogUsec: string | undefined,
  clock: Pick<Clock, "schedule"> = SYSTEM_CLOCK,
): () => void {
  const intervalMs = Number(watchdogUsec) / 2_000;
  if (!(intervalMs > 0)) return () => {};
  let timer = clock.schedule(intervalMs, ping);
  return () => timer.cancel();

  function ping() {
    timer = clock.schedule(intervalMs, ping);
    notifier.notify("WATCHDOG=1");
  }
}
