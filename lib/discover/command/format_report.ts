/**
 * Writes what came of a search for a person to read: a table, then the reasons.
 *
 * Pure text out of a report.
 *
 * @module
 */

import type { Diagnosis } from "./diagnose.ts";
import type { CandidateReport, Outcome, SearchReport } from "../report.ts";

/** What the columns say of each source or candidate. */
const HEADINGS = ["SOURCE", "CANDIDATE", "ON-LINK", "VALIDATED", "TIME", "VERDICT"] as const;

const VERDICTS: Readonly<Record<CandidateReport["verdict"], string>> = {
  router: "the router",
  outranked: "valid, another is preferred",
  invalid: "serves no metadata",
  refused: "refused",
  undecided: "does not answer",
};

const OUTCOMES: Readonly<Record<Outcome, string>> = {
  found: "",
  rejected: "",
  silent: "nothing to say",
  failed: "failed",
  unfinished: "did not answer in time",
};

/** Formats a report as lines, the last of which is the result. */
export function formatReport(
  report: SearchReport,
  { notes, advice }: { readonly notes: readonly string[]; readonly advice: Diagnosis | undefined },
): string {
  const rows = report.sources.flatMap(({ source, outcome }) => {
    const candidates = report.candidates.filter((candidate) => candidate.source === source);
    return candidates.length > 0 ? candidates.map(formatCandidate) : [[source, "-", "-", "-", "-", OUTCOMES[outcome]]];
  });
  const reasons = [...report.sources, ...report.candidates]
    .flatMap(({ cause }) => cause === undefined || cause.kind === "silent" ? [] : `${cause.source}: ${cause.message}`);
  const lines = [
    ...formatTable([HEADINGS, ...rows]),
    "",
    ...new Set([...reasons, ...notes]),
    formatResult(report, advice),
  ];
  return lines.join("\n") + "\n";
}

function formatResult({ router }: SearchReport, advice: Diagnosis | undefined): string {
  if (router === undefined) return `No router found. Most likely: ${advice?.cause}. Next: ${advice?.next}.`;
  const { address, source, iface } = router;
  return `The router is ${address}, found by ${source}${iface === undefined ? "" : ` on ${iface}`}.`;
}

function formatCandidate({ source, address, isOnLink, verdict, elapsedMs }: CandidateReport): string[] {
  const isValid = verdict === "router" || verdict === "outranked";
  const time = verdict === "undecided" ? "-" : `${Math.round(elapsedMs)} ms`;
  return [source, address, isOnLink ? "yes" : "no", isValid ? "yes" : "no", time, VERDICTS[verdict]];
}

function formatTable(rows: readonly (readonly string[])[]): string[] {
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd());
}
