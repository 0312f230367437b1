/**
 * The forwarder with routers that do what a test says.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { UpstreamError } from "../../../lib/http1/error.ts";
import type { UpstreamErrorKind } from "../../../lib/http1/error.ts";
import { createForwarder } from "../../../lib/proxy/upstream/forward.ts";
import type { RouterResponse } from "../../../lib/proxy/upstream/attempt.ts";
import { latin1 } from "../../support/latin1.ts";
import { countDeadlines } from "../../support/fakes/count_deadlines.ts";
import { createVirtualClock, settle } from "../../support/fakes/virtual_clock.ts";
import { createFakeClient, createFakeUpstream } from "../../support/fakes/upstream_fakes.ts";

export const A = "10.1.1.1";
export const B = "10.1.1.2";
export const TIMEOUT_MS = 15_000;

/** A request on its way, to an imaginary router, on a clock that stands still. */
export function setUp(
  { onReport = "same", known = true, method = "GET", patienceMs = Infinity }: {
    readonly onReport?: "same" | "search";
    readonly known?: boolean;
    readonly method?: "GET" | "HEAD";
    readonly patienceMs?: number;
  } = {},
) {
  const clock = createVirtualClock();
  const deadlines = countDeadlines(clock.deadlines);
  const upstream = createFakeUpstream(known ? A : undefined, { onReport });
  const client = createFakeClient();
  const errors: string[] = [];
  const answeredAfterMs: number[] = [];
  const forward = createForwarder({
    upstream,
    client,
    deadlines,
    now: clock.now,
    onAnswer: (elapsedMs) => answeredAfterMs.push(elapsedMs),
    onError: ({ kind }) => errors.push(kind),
  });
  const leaving = new AbortController();
  const send = (signal = leaving.signal) => {
    const options = { signal, timeoutMs: TIMEOUT_MS, patienceMs };
    const response = forward({ method, target: "/latest/vm-id", headers: [] }, options);
    response.catch(() => {});
    return response;
  };
  const response = send();
  /** The request made last, when it has been made. */
  const asked = async (count: number) => {
    await settle();
    assertEquals(client.asked.map(({ address }) => address).length, count, "requests made");
    return client.asked[count - 1]!;
  };
  return {
    clock,
    deadlines,
    upstream,
    client,
    errors,
    answeredAfterMs,
    response,
    send,
    asked,
    leave: (reason: unknown) => leaving.abort(reason),
  };
}

/** Asserts how a request was answered. */
export async function assertAnswers(
  response: Promise<RouterResponse>,
  status: number,
  text?: string,
): Promise<RouterResponse> {
  const answered = await response;
  assertEquals(answered.status, status);
  if (text !== undefined) assertEquals(latin1(answered.body as Uint8Array), text);
  return answered;
}

/** Asserts that a request fails with an error of this kind. */
export async function assertFails(response: Promise<RouterResponse>, kind: UpstreamErrorKind): Promise<void> {
  assertEquals((await assertRejects(() => response, UpstreamError)).kind, kind);
}
