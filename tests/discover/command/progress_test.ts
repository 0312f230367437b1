import { assertEquals } from "@std/assert";
import { describeProgress, showProgress } from "../../../lib/discover/command/progress.ts";
import type { CandidateReport, Outcome, SearchReport } from "../../../lib/discover/report.ts";
import { createVirtualClock } from "../../support/fakes/virtual_clock.ts";
import { test } from "../../support/test.ts";

function report(
  elapsedMs: number,
  outcomes: readonly Outcome[] = [],
  verdicts: readonly CandidateReport["verdict"][] = [],
): SearchReport {
  return {
    router: undefined,
    elapsedMs,
    sources: outcomes.map((outcome, at) => ({
      source: (["dhcp", "dns", "gateway"] as const)[at]!,
      outcome,
      cause: undefined,
    })),
    candidates: verdicts.map((verdict, at) => ({
      source: "dhcp",
      address: `10.1.1.${at + 1}`,
      iface: "eth0",
      isOnLink: true,
      identity: undefined,
      verdict,
      elapsedMs,
      cause: undefined,
    })),
  };
}

test("describeProgress says how long it has been, and who is waited for, in one line of a terminal", () => {
  assertEquals(describeProgress(report(1_900), 10_000), "searching, 1 of 10 s: asking again");
  assertEquals(
    describeProgress(report(3_000, ["unfinished", "silent", "unfinished"]), 10_000),
    "searching, 3 of 10 s: waiting for dhcp, gateway",
  );
  assertEquals(
    describeProgress(report(3_000, ["unfinished"], ["undecided", "invalid", "undecided"]), 10_000),
    "searching, 3 of 10 s: waiting for dhcp and for metadata of 10.1.1.1, 10.1.1.3",
  );
  assertEquals(
    describeProgress(report(3_000, ["unfinished"], ["undecided", "undecided", "undecided"]), 10_000),
    "searching, 3 of 10 s: waiting for dhcp and for metadata of 10.1.1.1, 10.1.1.2,…",
  );
});

test("showProgress shows nothing at first, then a line that changes, and leaves none behind", async () => {
  const clock = createVirtualClock();
  const startedAt = clock.now();
  const shown: string[] = [];
  const over = new AbortController();
  const options = { report: () => report(clock.now() - startedAt), timeoutMs: 10_000, clock, signal: over.signal };
  const done = showProgress({ ...options, show: (text) => void shown.push(text) });
  await showProgress({ ...options, show: undefined });
  await clock.run(499);
  assertEquals(shown, []);
  await clock.run(501);
  over.abort();
  await clock.run(0);
  await done;
  assertEquals(shown, [
    "\r\x1b[Ksearching, 0 of 10 s: asking again",
    "\r\x1b[Ksearching, 1 of 10 s: asking again",
    "\r\x1b[K",
  ]);
});

test("showProgress writes nothing where the search is over before there is something to show", async () => {
  const clock = createVirtualClock();
  const over = new AbortController();
  const shown: string[] = [];
  const done = showProgress({
    report: () => report(0),
    timeoutMs: 1_000,
    clock,
    signal: over.signal,
    show: (text) => void shown.push(text),
  });
  over.abort();
  await clock.run(0);
  await done;
  assertEquals(shown, []);
});
