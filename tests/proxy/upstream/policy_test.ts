import { assertEquals } from "@std/assert";
import type { UpstreamErrorKind } from "../../../lib/http1/error.ts";
import { pauseAfterFailure, pauseAfterStatus, statusOfFailure } from "../../../lib/proxy/upstream/policy.ts";
import { test } from "../../support/test.ts";

const AMPLE = { retries: 1, leftMs: 10_000 };

const JUDGED: Readonly<Record<UpstreamErrorKind, readonly [status: number, again: boolean, keptAgain: boolean]>> = {
  exhausted: [503, true, true],
  refused: [502, true, true],
  unreachable: [502, true, true],
  reset: [502, true, true],
  cut_short: [502, true, true],
  malformed: [502, false, false],
  too_large: [502, false, false],
  connect_timeout: [504, true, true],
  response_timeout: [504, false, true],
  idle_timeout: [504, false, false],
};

for (
  const [kind, [status, again, keptAgain]] of Object.entries(JUDGED) as [
    UpstreamErrorKind,
    [number, boolean, boolean],
  ][]
) {
  test(`the policy tells a client ${status} of a router that failed with ${kind}, and asks the same again: ${again}`, () => {
    assertEquals(statusOfFailure(kind), status);
    assertEquals(pauseAfterFailure({ kind, wasKept: false }, AMPLE), again ? 250 : Infinity);
    assertEquals(pauseAfterFailure({ kind, wasKept: true }, AMPLE), keptAgain ? 250 : Infinity);
  });
}

test("the policy asks again ever later, and not for ever", () => {
  const pauses = (decide: (retries: number) => number | undefined) => [0, 1, 2, 3, 4, 5].map(decide);
  assertEquals(
    pauses((retries) => pauseAfterFailure({ kind: "reset", wasKept: false }, { retries, leftMs: 60_000 })),
    [0, 250, 500, 1_000, 2_000, undefined],
  );
  assertEquals(
    pauses((retries) => pauseAfterStatus(503, { retries, leftMs: 60_000 })),
    [250, 500, 1_000, 2_000, undefined, undefined],
  );
});

test("the policy does not begin a pause that the deadline would end", () => {
  assertEquals(pauseAfterFailure({ kind: "reset", wasKept: false }, { retries: 1, leftMs: 250 }), undefined);
  assertEquals(pauseAfterFailure({ kind: "reset", wasKept: false }, { retries: 1, leftMs: 251 }), 250);
  assertEquals(pauseAfterFailure({ kind: "malformed", wasKept: false }, { retries: 1, leftMs: 250 }), undefined);
  assertEquals(pauseAfterStatus(502, { retries: 0, leftMs: 250 }), undefined);
});

test("the policy passes on every status but 502 and 503", () => {
  for (const status of [200, 204, 301, 400, 403, 404, 500, 501, 504]) {
    assertEquals(pauseAfterStatus(status, { retries: 0, leftMs: 60_000 }), undefined, String(status));
  }
  for (const status of [502, 503]) assertEquals(pauseAfterStatus(status, { retries: 0, leftMs: 60_000 }), 250);
});
