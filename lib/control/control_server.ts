/**
 * Tells the commands of this program how the service is, over a Unix socket in its runtime folder.
 *
 * ```
 * client: status\n          server: the status document in one line, and the end
 * client: watch\n           server: the same, and again whenever it has changed, unless too many are told of that already
 * ```
 *
 * Anything else is the end. Who may connect is the file's and the folder's business; how many, and for how long without a
 * word, is bounded here.
 *
 * @module
 */

import { isThere, makeWay } from "../system/runtime_folder.ts";
import type { Log } from "../telemetry/log.ts";
import { SYSTEM_CLOCK } from "../time/clock.ts";
import type { Clock } from "../time/clock.ts";
import { withTimeout } from "../time/with_timeout.ts";
import type { StatusDocument } from "./status.ts";

/** The server at work. */
export interface ControlServer {
  /** Whether commands can ask, as far as is known. */
  readonly isListening: boolean;
  /** Says that the document has changed. */
  changed(): void;
  /** Listens anew if the socket is not there: somebody took its folder away, or it could not be made. Never fails. */
  renew(): Promise<void>;
  close(): Promise<void>;
}

/** What the server works with. */
export interface ControlServerOptions {
  readonly describe: () => StatusDocument;
  /** Brings what is described up to date, for somebody who asks. */
  readonly look: () => Promise<unknown>;
  readonly log: Log;
  readonly clock?: Clock;
}

/** Commands that run at the same time; more are turned away. */
const MAX_CONNECTIONS = 32;
/** Those of them that are told of every change; more are told once, and ask again. */
const MAX_WATCHERS = 16;
/** How long a client may take to say what it wants. */
const QUESTION_MS = 5_000;
/** The longest question, with its end. */
const MAX_QUESTION_BYTES = 16;
/** How long to wait after a connection could not be accepted: descriptors may be free again then. */
const ACCEPT_PAUSE_MS = 1_000;

/** Listens at the path, in place of whatever was left there. Where it cannot, the log says so: metadata matter more. */
export function serveControl(
  path: string,
  { describe, look, log, clock = SYSTEM_CLOCK }: ControlServerOptions,
): ControlServer {
  const stop = new AbortController();
  const connections = new Set<Deno.UnixConn>();
  const watchers = new Set<() => void>();
  const served = new Set<Promise<void>>();
  /** Whether it could not listen, and has said so. */
  let isMissing = false;

  const tell = (connection: Deno.UnixConn) => writeAll(connection, `${JSON.stringify(describe())}\n`);

  /** Tells one client of every change, the latest where several came while it was being told. */
  async function watch(connection: Deno.UnixConn): Promise<void> {
    let wake = () => {};
    let isStale = true;
    const notice = () => {
      isStale = true;
      wake();
    };
    watchers.add(notice);
    let isGone = false;
    // It says nothing any more: what is read is its end.
    connection.read(new Uint8Array(1)).catch(() => null).then(() => {
      isGone = true;
      wake();
    });
    try {
      while (!isGone) {
        const changed = new Promise<void>((resolve) => wake = resolve);
        if (isStale) {
          isStale = false;
          await tell(connection);
        } else await changed;
      }
    } finally {
      watchers.delete(notice);
    }
  }

  async function answer(connection: Deno.UnixConn): Promise<void> {
    connections.add(connection);
    try {
      const question = await withTimeout(QUESTION_MS, { clock, signal: stop.signal }, () => readLine(connection));
      if (question !== "status" && question !== "watch") return;
      await look();
      const isWatched = question === "watch" && watchers.size < MAX_WATCHERS;
      await (isWatched ? watch(connection) : tell(connection));
    } catch {
      // It went away, or said nothing: nobody is waiting for an answer.
    } finally {
      connections.delete(connection);
      close(connection);
    }
  }

  async function accept(): Promise<void> {
    const current = listener;
    while (current !== undefined && current === listener) {
      try {
        const connection = await current.accept();
        if (connections.size >= MAX_CONNECTIONS) {
          close(connection);
          continue;
        }
        const task: Promise<void> = answer(connection).finally(() => served.delete(task));
        served.add(task);
      } catch (error) {
        if (current !== listener) return;
        log.debug("cannot accept a command's connection", { error });
        await clock.sleep(ACCEPT_PAUSE_MS, stop.signal);
      }
    }
  }

  function listen(): Deno.UnixListener | undefined {
    try {
      makeWay(path);
      const listener = Deno.listen({ transport: "unix", path });
      Deno.chmodSync(path, 0o660);
      isMissing = false;
      return listener;
    } catch (error) {
      log[isMissing ? "debug" : "warn"]("cannot listen for commands", { path, error });
      isMissing = true;
      return undefined;
    }
  }

  /** Ends accepting, if it goes on. A listener is gone only then; and on its way it removes what is at its path (Deno 2.9). */
  async function stopAccepting(): Promise<void> {
    const current = listener;
    listener = undefined;
    current?.close();
    await accepting;
  }

  async function listenAgain(): Promise<void> {
    await stopAccepting();
    if (stop.signal.aborted) return;
    listener = listen();
    accepting = accept();
    if (listener !== undefined) log.info("listening for commands again", { path });
  }

  let listener = listen();
  let accepting = accept();
  let renewing: Promise<void> | undefined;
  return {
    get isListening() {
      return listener !== undefined;
    },
    changed: () => watchers.forEach((notice) => notice()),
    async renew() {
      if (listener !== undefined && isThere(path)) return;
      await (renewing ??= listenAgain().finally(() => renewing = undefined));
    },
    async close() {
      stop.abort();
      await renewing;
      await stopAccepting();
      for (const connection of connections) close(connection);
      await Promise.all(served);
    },
  };
}

/** @throws {Error} If the line is longer than any question, or does not come to its end. */
async function readLine(connection: Deno.UnixConn): Promise<string> {
  const bytes = new Uint8Array(MAX_QUESTION_BYTES);
  for (let length = 0; length < bytes.length;) {
    const count = await connection.read(bytes.subarray(length));
    if (count === null) break;
    length += count;
    const end = bytes.subarray(0, length).indexOf(0x0a);
    if (end >= 0) return new TextDecoder().decode(bytes.subarray(0, end));
  }
  throw new Error("not a question");
}

async function writeAll(connection: Deno.UnixConn, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

function close(connection: Deno.UnixConn): void {
  try {
    connection.close();
  } catch {
    // The server has stopped and closed it already.
  }
}
