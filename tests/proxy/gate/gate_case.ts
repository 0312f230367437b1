/**
 * A gate on loopback that answers with what it was asked for.
 *
 * @module
 */

import { toBytes } from "../../../lib/http1/message.ts";
import type { Inner } from "../../../lib/proxy/gate/inner.ts";
import type { Handler } from "../../../lib/proxy/gate/handler.ts";
import type { ClientHead } from "../../../lib/proxy/gate/request_head.ts";
import { openGate } from "../../../lib/proxy/gate/gate.ts";
import type { GateLimits, GateOptions } from "../../../lib/proxy/gate/gate.ts";
import { REFUSALS } from "../../../lib/proxy/gate/refusal.ts";
import { createLog } from "../../../lib/telemetry/log.ts";
import { SYSTEM_CLOCK } from "../../../lib/time/clock.ts";
import { createExchange } from "../../support/net/http.ts";

const LIMITS: GateLimits = {
  maxConnections: 4,
  maxRequests: 4,
  maxUrlBytes: 200,
  maxHeaderBytes: 1_000,
  idleTimeoutMs: 10_000,
  transferTimeoutMs: 10_000,
};

/** What is different from the usual. */
export interface Options extends Partial<Pick<GateOptions, "isAllowed" | "onRest" | "inner" | "clock">> {
  readonly limits?: Partial<GateLimits>;
  readonly keyOf?: Handler["keyOf"];
  /** Wraps the listener. */
  readonly wrap?: (listener: Deno.TcpListener) => Deno.TcpListener;
}

/** A gate that answers with the target. */
export function open(
  { limits = {}, keyOf = () => undefined, wrap = (listener) => listener, ...options }: Options = {},
) {
  const lines: string[] = [];
  const gate = openGate(wrap(Deno.listen({ hostname: "127.0.0.1", port: 0 })), {
    limits: { ...LIMITS, ...limits },
    handler: {
      refuse: (kind) => ({ status: REFUSALS[kind].status, headers: [["reason", kind]] }),
      keyOf,
      ready: () => undefined,
      onCut: (target) => lines.push(`cut ${target}`),
    },
    inner: createAnswering().inner,
    isAllowed: () => true,
    log: createLog((line) => lines.push(line), { level: "debug", format: "journal" }),
    clock: SYSTEM_CLOCK,
    ...options,
  });
  const connect = async () => {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: gate.address.port });
    return Object.assign(createExchange(connection), { connection, [Symbol.dispose]: () => connection.close() });
  };
  return { gate, lines, connect, [Symbol.asyncDispose]: () => gate.shutdown(0) };
}

/** A request. */
export const get = (target: string, ...fields: string[]) =>
  `GET ${target} HTTP/1.1\r\nHost: x\r\n${fields.join("")}\r\n`;

/** What is behind a gate: it answers with the target, unless told otherwise, and notes what it is told. */
export function createAnswering(
  answer: (head: ClientHead) => Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>> = (head) =>
    toBytes(head.target),
) {
  const state = { rests: 0, isClosed: false, used: 0 };
  const inner: Inner = {
    get used() {
      return state.used;
    },
    open() {
      state.used++;
      let body = new Uint8Array(0);
      return {
        isDone: true,
        async ask(head) {
          body = await answer(head);
          const length = body.length;
          return { status: 200, headers: [["date", "D"], ["content-length", `${length}`]], framing: length };
        },
        takeBody: () => body,
        more: () => Promise.reject(new Error("That was all")),
        release: () => void state.used--,
      };
    },
    rest: () => void state.rests++,
    close: () => void (state.isClosed = true),
  };
  return { inner, state };
}
