/**
 * Writes what came of a search for a person to read: the machine, a table, the reasons, the result.
 *
 * Pure text out of a report.
 *
 * @module
 */

import { escapeControls } from "../../telemetry/log.ts";
import { describeUserData } from "./fetch_user_data.ts";
import type { UserDataReport } from "./fetch_user_data.ts";
import type { Diagnosis } from "./diagnose.ts";
import { formatOverview } from "./overview.ts";
import type { Overview } from "./overview.ts";
import { REMEDIES } from "./remedies.ts";
import type { CauseKind } from "../errors.ts";
import { causesOf } from "../report.ts";
import type { CandidateReport, Outcome, SearchReport } from "../report.ts";

/** What there is to say besides the report itself. */
export interface Findings {
  readonly overview: Overview;
  readonly notes: readonly string[];
  /** What to try, where no router was found, or the service refuses the one that was. */
  readonly advice: Diagnosis | undefined;
  /** What came of user-data, where a router was found. */
  readonly userData: UserDataReport | undefined;
}

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

/** SGR codes (ECMA-48): what is good, bad, and what matters most. */
const STYLES = { good: "32", bad: "31", strong: "1", faint: "2" } as const;

/** Formats a report as lines, the last of which is the result. */
export function formatReport(
  report: SearchReport,
  findings: Findings,
  { isColored }: { readonly isColored: boolean },
): string {
  const paint = (style: keyof typeof STYLES, text: string) =>
    isColored && text !== "" ? `\x1b[${STYLES[style]}m${text}\x1b[m` : text;
  const rows = report.sources.flatMap(({ source, outcome }) => {
    const candidates = report.candidates.filter((candidate) => candidate.source === source);
    if (candidates.length > 0) return candidates.map(formatCandidate);
    return outcome === "silent" ? [] : [[source, "-", "-", "-", "-", OUTCOMES[outcome]]];
  });
  const silent = report.sources.filter(({ outcome }) => outcome === "silent").map(({ source }) => source);
  const reasons = [...causesOf(report), ...report.candidates.flatMap(({ cause }) => cause ?? [])]
    .flatMap(({ source, kind, message }) => kind === "silent" ? [] : `${source}: ${message}`);
  const lines = [
    ...formatOverview(findings.overview).map(escapeControls),
    "",
    ...formatTable([HEADINGS, ...rows]).map((line) => paint(styleOf(line), line)),
    ...(silent.length === 0 ? [] : [paint("faint", `nothing to say: ${silent.join(", ")}`)]),
    "",
    ...[...new Set([...reasons, ...findings.notes])].map(escapeControls),
    paint("strong", escapeControls(formatResult(report, findings))),
  ];
  return lines.join("\n") + "\n";
}

function styleOf(line: string): keyof typeof STYLES {
  if (line.endsWith(VERDICTS.router)) return "good";
  return line.startsWith(HEADINGS[0]) || line.endsWith(VERDICTS.outranked) ? "faint" : "bad";
}

function formatResult({ router }: SearchReport, { advice, userData }: Findings): string {
  if (router === undefined) return endSentence(`No router found. Most likely: ${advice?.cause}. Next: ${advice?.next}`);
  const { address, source, iface } = router;
  const found = `The router is ${address}, found by ${source}${iface === undefined ? "" : ` on ${iface}`}`;
  if (advice !== undefined) return `${found}, but ${advice.cause}. Next: ${advice.next}.`;
  const missing = userData && describeUserData(userData);
  if (missing === undefined) return `${found}.`;
  const { kind } = userData!.failure!;
  if (!SILENCE.includes(kind)) return `${found}, but its user-data do not come: ${missing}. Next: ${REMEDIES[kind]}.`;
  return `${found}, but its large answers do not come: ${missing}. Next: something on the way drops large packets without ` +
    `a word: compare the MTU of the interface (\`ip link\`) with the network's, and try a smaller one ` +
    `(\`ip link set ${iface ?? "eth0"} mtu 1400\`).`;
}

/** What a network that drops large packets looks like. */
const SILENCE: readonly CauseKind[] = ["response_timeout", "idle_timeout"];

function endSentence(text: string): string {
  return /[.?!]$/.test(text) ? text : `${text}.`;
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
