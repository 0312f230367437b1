/**
 * A client's connection at the gate, with a client, a clock and an answer behind that do what a test says.
 *
 * @module
 */

import { toBytes } from "../../../lib/http1/message.ts";
import type { Header } from "../../../lib/http1/message.ts";
import { ClientConnection } from "../../../lib/proxy/gate/client_connection.ts";
import type { Handler } from "../../../lib/proxy/gate/handler.ts";
import type { ConnectionOptions } from "../../../lib/proxy/gate/client_connection.ts";
import type { Inner, InnerExchange } from "../../../lib/proxy/gate/inner.ts";
import { createKnownHeads } from "../../../lib/proxy/gate/head_reader.ts";
import { REFUSALS } from "../../../lib/proxy/gate/refusal.ts";
import type { RefusalKind } from "../../../lib/proxy/gate/refusal.ts";
import { createAnswering } from "./gate_case.ts";
import { createVirtualClock, settle } from "../../support/fakes/virtual_clock.ts";
import { latin1 } from "../../support/latin1.ts";

/** What the gate lets a client send and how long it waits, in these tests. */
export const LIMITS = { maxUrlBytes: 4_000, maxHeaderBytes: 4_000, idleTimeoutMs: 1_000, transferTimeoutMs: 10_000 };

/** The client's end of a connection: it sends, and takes what is written, all of it unless it is told to wait. */
export function createClient() {
  const sent: Uint8Array[] = [];
  const seen = { text: "", isClosed: false, hasEnd: false };
  let wakeReader = () => {};
  let takes = Infinity;
  let wakeWriter = () => {};
  let failure: Error | undefined;
  let isOver = false;
  const conn = {
    async read(into: Uint8Array) {
      while (sent.length === 0 && failure === undefined && !isOver && !seen.isClosed) {
        await new Promise<void>((resolve) => wakeReader = resolve);
      }
      if (failure !== undefined) throw failure;
      if (seen.isClosed) throw new Deno.errors.BadResource("closed");
      const first = sent.shift();
      if (first === undefined) return null;
      if (first.length > into.length) sent.unshift(first.subarray(into.length));
      into.set(first.subarray(0, into.length));
      return Math.min(first.length, into.length);
    },
    async write(bytes: Uint8Array) {
      while (takes === 0 && !seen.isClosed) await new Promise<void>((resolve) => wakeWriter = resolve);
      if (seen.isClosed) throw new Deno.errors.BadResource("closed");
      const taken = bytes.subarray(0, takes);
      takes -= taken.length;
      seen.text += latin1(taken);
      return taken.length;
    },
    closeWrite: () => Promise.resolve(void (seen.hasEnd = true)),
    close() {
      seen.isClosed = true;
      wakeReader();
      wakeWriter();
    },
  };
  const wake = async () => {
    wakeReader();
    wakeWriter();
    await settle();
  };
  return {
    conn: conn as unknown as Deno.Conn,
    seen,
    send: (text: string) => (sent.push(toBytes(text)), wake()),
    /** Takes so many bytes more, and then no more. */
    take: (count: number) => (takes = count, wake()),
    end: () => (isOver = true, wake()),
    fail: () => (failure = new Deno.errors.ConnectionReset("reset"), wake()),
    /** What was written since this was asked last. */
    received() {
      const { text } = seen;
      seen.text = "";
      return text;
    },
  };
}

/** What is behind the gate: the test says when the head comes, and the pieces of the body. */
export function createInner() {
  const state = { released: 0, asked: 0 };
  const head = Promise.withResolvers<{ readonly headers: readonly Header[]; readonly framing: number | "chunked" }>();
  const pieces: { readonly framed: string; readonly content: string }[] = [];
  const released = Promise.withResolvers<never>();
  released.promise.catch(() => {});
  head.promise.catch(() => {});
  let isDone = false;
  let wake = () => {};
  const exchange: InnerExchange = {
    get isDone() {
      return isDone && pieces.length === 0;
    },
    async ask() {
      state.asked++;
      return { status: 200, ...await head.promise };
    },
    takeBody: (form) => toBytes(pieces.splice(0).map((piece) => piece[form]).join("")),
    more: () => Promise.race([released.promise, new Promise<void>((resolve) => wake = resolve)]),
    release() {
      state.released++;
      const error = new Error("It was given up");
      released.reject(error);
      head.reject(error);
    },
  };
  const inner: Inner = { used: 0, open: () => exchange, rest() {}, close() {} };
  return {
    inner,
    state,
    answer: (
      headers: readonly Header[] = [],
      framing: number | "chunked" = 4,
    ) => (head.resolve({ headers, framing }), settle()),
    fail: (error = new Error("nobody there")) => (head.reject(error), settle()),
    feed(framed: string, { content = framed, last = false } = {}) {
      pieces.push({ framed, content });
      isDone = last;
      wake();
      return settle();
    },
  };
}

/** A connection that is served on a clock that stands still: it is answered with the target unless there is another inner. */
export function serve(options: Partial<Omit<ConnectionOptions, "handler">> & {
  readonly handler?: Partial<Handler>;
  readonly turnAway?: RefusalKind;
} = {}) {
  const clock = createVirtualClock();
  const client = createClient();
  const cuts: string[] = [];
  const faults: unknown[] = [];
  const calls = { requests: 0, closed: 0 };
  const connection = new ClientConnection(client.conn, "127.0.0.1", {
    limits: LIMITS,
    known: createKnownHeads(),
    inner: createAnswering().inner,
    mayAsk: () => true,
    dateText: () => "D",
    now: clock.now,
    isStopping: () => false,
    onRequest: () => void calls.requests++,
    onFault: (error) => void faults.push(error),
    onClosed: () => void calls.closed++,
    ...options,
    handler: {
      refuse: (kind) => ({
        status: REFUSALS[kind].status,
        headers: [["reason", kind]],
      }),
      keyOf: () => undefined,
      ready: () => undefined,
      onCut: (target, reason) => void cuts.push(`${target}: ${(reason as Error).message}`),
      ...options.handler,
    },
  });
  const over = options.turnAway === undefined ? connection.serve() : connection.turnAway(options.turnAway);
  /** Lets time pass, and looks then whether the connection is overdue. */
  const wait = async (ms: number) => {
    await clock.run(ms);
    connection.expire(clock.now());
    await settle();
  };
  return { clock, client, cuts, faults, calls, connection, wait, over };
}

/** An answer of 200 as the connection encodes it. */
export const ok = (body: string, ...fields: string[]) =>
  `HTTP/1.1 200 OK\r\ndate: D\r\ncontent-length: ${body.length}\r\n${fields.join("")}\r\n${body}`;
