import { assertEquals } from "@std/assert";
import type { Candidate } from "../../lib/discover/candidate.ts";
import { ValidationError } from "../../lib/discover/errors.ts";
import { reportCandidates, reportSources } from "../../lib/discover/report.ts";
import type { CandidateReport, Outcome, SourceState } from "../../lib/discover/report.ts";
import { SourceError } from "../../lib/discover/sources/source_error.ts";
import { test } from "../support/test.ts";

const CANDIDATE: Candidate = {
  address: "10.1.1.1",
  isOnLink: true,
  proposals: [{ source: "dhcp", iface: "eth0" }],
  state: "valid",
  identity: "i-2-50-VM",
  isConnected: true,
  elapsedMs: 12,
};

const EXPLAINED: readonly (readonly [
  what: string,
  candidate: Partial<Candidate>,
  verdict: CandidateReport["verdict"],
  cause: string | undefined,
])[] = [
  ["one that is valid", {}, "outranked", undefined],
  [
    "one that does not answer",
    { state: "undecided", isConnected: false },
    "undecided",
    "timeout: 10.1.1.1 does not answer",
  ],
  [
    "one that accepts connections",
    { state: "undecided" },
    "undecided",
    "response_timeout: 10.1.1.1 accepts connections and does not answer",
  ],
  [
    "one that is none",
    { state: "invalid", failure: new ValidationError("empty", "is empty") },
    "invalid",
    "empty: 10.1.1.1 serves no metadata: is empty",
  ],
  [
    "one that may not be one",
    { state: "refused", failure: new ValidationError("not_allowed", "is outside") },
    "refused",
    "not_allowed: 10.1.1.1 is outside",
  ],
  [
    "one of another identity",
    { state: "foreign", failure: new ValidationError("other_identity", "is another's") },
    "refused",
    "other_identity: 10.1.1.1 is another's",
  ],
];
for (const [what, change, verdict, cause] of EXPLAINED) {
  test(`reportCandidates explains ${what}`, () => {
    const [report] = reportCandidates([{ ...CANDIDATE, ...change }], undefined);
    assertEquals([report!.verdict, report!.cause && `${report!.cause.kind}: ${report!.cause.message}`], [
      verdict,
      cause,
    ]);
  });
}

test("reportCandidates has a row for everyone who named a candidate, and needs no reason for the router", () => {
  const router = {
    ...CANDIDATE,
    state: "foreign",
    proposals: [
      { source: "dhcp", iface: "eth0" },
      { source: "dns", iface: undefined },
    ],
  } as const;
  assertEquals(
    reportCandidates([CANDIDATE, router], router).map((
      { source, iface, verdict, cause },
    ) => [source, iface, verdict, cause]),
    [
      ["dhcp", "eth0", "outranked", undefined],
      ["dhcp", "eth0", "router", undefined],
      ["dns", undefined, "router", undefined],
    ],
  );
});

const FAILED = new SourceError("network", "cannot send");
/** What becomes of the source `dhcp`, by what it did and the kinds of the causes of those it named. */
const OUTCOMES: readonly (readonly [
  asked: SourceState,
  kinds: readonly (string | undefined)[],
  report: readonly [outcome: Outcome, cause?: string, trouble?: string],
])[] = [
  [{ state: "asked" }, [], ["unfinished", "has not answered yet"]],
  [{ state: "returned" }, [], ["silent", "has nothing to say"]],
  [{ state: "failed", failure: FAILED }, [], ["failed", "cannot send"]],
  [{ state: "asked" }, ["refused", undefined], ["found"]],
  [{ state: "failed", failure: FAILED }, [undefined], ["found"]],
  [{ state: "returned" }, ["refused", "empty"], ["rejected", "refused"]],
  [{ state: "returned" }, ["refused", "other_identity"], ["rejected", "other_identity"]],
  [{ state: "failed", failure: FAILED }, ["refused"], ["rejected", "refused", "cannot send"]],
];
for (const [asked, kinds, [outcome, cause, trouble]] of OUTCOMES) {
  const named = kinds.map((kind) => kind ?? "the router").join(" and ") || "nobody";
  test(`reportSources says "${outcome}" of a source that ${asked.state} and named ${named}`, () => {
    const rows = kinds.map((kind) => ({
      source: "dhcp",
      cause: kind && { source: "dhcp", kind, message: kind },
    })) as CandidateReport[];
    const others = { source: "dns", cause: undefined } as CandidateReport;
    const [report] = reportSources(new Map([["dhcp", asked]]), [others, ...rows]);
    assertEquals([report!.source, report!.outcome, report!.cause?.message, report!.trouble?.message], [
      "dhcp",
      outcome,
      cause,
      trouble,
    ]);
  });
}
