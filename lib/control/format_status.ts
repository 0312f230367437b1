/**
 * Writes the status document for people. Pure.
 *
 * @module
 */

import { escapeControls } from "../telemetry/log.ts";
import type { Belief, ProviderStatus, StatusDocument } from "./status.ts";

/** How many of the last problems are shown. */
const SHOWN_PROBLEMS = 5;

/** Says in one line how the program is: what it serves, or what it waits for. */
export function summarizeStatus({ state, router, lastFailedSearch }: Belief): string {
  if (state === "ready") return `ready: serving the metadata of ${nameOf(router!)}`;
  if (state === "unserved") return "not ready: the listen address is not served";
  const searching = router === null
    ? "searching for the virtual router"
    : `${nameOf(router)} does not answer as it should, searching`;
  // One that failed before the router was found or confirmed says nothing of now.
  const because = lastFailedSearch !== null && lastFailedSearch.at >= (router?.confirmedAt ?? "")
    ? `: ${escapeControls(lastFailedSearch.message)}`
    : "";
  return `not ready: ${searching}${because}`;
}

/** Writes the document in lines, the most important first. */
export function formatStatus(status: StatusDocument): string {
  const { program, router, requests, cache, listeners, lastProblems } = status;
  const rows: [string, string][] = [
    ["program", `${program.name} ${program.version}, pid ${program.pid}, since ${program.startedAt}`],
    ["state", summarizeStatus(status)],
  ];
  if (router !== null) {
    rows.push(
      [router.kind, describeProvider(router)],
      ["identity", router.identity],
      ["confirmed", router.confirmedAt],
    );
  }
  rows.push(
    ["requests", `${requests.inFlight} in flight; answered: ${formatTotals(requests.answered)}`],
    ["upstream", `errors: ${formatTotals(requests.upstreamErrors)}`],
    ["cache", formatTotals(cache)],
    ["listening", Object.entries(listeners).flatMap(([what, at]) => at === null ? [] : `${what} ${at}`).join(", ")],
  );
  const problems = lastProblems.slice(-SHOWN_PROBLEMS).map(({ time, message, fields }) =>
    `  ${time} ${message}${Object.entries(fields).map(([key, value]) => ` ${key}=${JSON.stringify(value)}`).join("")}`
  );
  const lines = rows.map(([what, value]) => `${`${what}:`.padEnd(11)}${escapeControls(value)}`);
  return [...lines, ...(problems.length === 0 ? [] : ["last problems:", ...problems.map(escapeControls)]), ""].join(
    "\n",
  );
}

function nameOf({ kind, address, source }: ProviderStatus): string {
  return kind === "drive" ? "the config drive" : `${address}, found by ${source}`;
}

function describeProvider({ kind, address, source, interface: iface, since, searchMs }: ProviderStatus): string {
  const where = kind === "drive" ? "" : `${address}, `;
  const on = iface === null ? "" : ` on ${iface}`;
  return `${where}found by ${source}${on} in ${searchMs} ms, since ${since}`;
}

function formatTotals(totals: Readonly<Record<string, number>>): string {
  return Object.entries(totals).map(([what, count]) => `${what} ${count}`).join(", ") || "none";
}
