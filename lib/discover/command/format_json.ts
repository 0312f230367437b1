/**
 * Writes what came of a search for a program to read, in the words of the status document (`lib/control/status.ts`): what
 * is called `router`, `interface` or `identity` there is the same here.
 *
 * @module
 */

import { kindOf } from "../../config_drive/address.ts";
import { toPrintableJson } from "../../telemetry/log.ts";
import type { SearchReport } from "../report.ts";
import type { Router } from "../router.ts";
import type { Findings } from "./format_report.ts";

/** The form of the document. A field is never renamed or removed without a new one; new ones may come. */
const DISCOVER_VERSION = 1;

/** Writes the document. */
export function formatJson(report: SearchReport, { overview, notes, advice, userData }: Findings): string {
  const { router, elapsedMs, sources, candidates } = report;
  const { interfaces, gateways, elsewhere, listen, service } = overview;
  const toRoute = ({ gateway, iface }: { gateway: string; iface: string }) => ({ gateway, interface: iface });
  const document = {
    version: DISCOVER_VERSION,
    router: router === undefined ? null : describeRouter(router),
    searchMs: Math.round(elapsedMs),
    interfaces: interfaces.map(({ name, address, mac, isUp }) => ({ name, address, mac, isUp })),
    gateways: gateways.map(toRoute),
    elsewhere: elsewhere === undefined ? null : toRoute(elsewhere),
    listeners: { metadata: listen.address },
    service: typeof service === "string" ? null : service,
    serviceFailure: typeof service === "string" ? service : null,
    sources: sources.map(({ source, outcome, cause, trouble }) => ({
      source,
      outcome,
      cause: cause ?? null,
      trouble: trouble ?? null,
    })),
    candidates: candidates.map(({ source, address, iface, isOnLink, identity, verdict, elapsedMs, cause }) => ({
      kind: kindOf(address),
      address,
      source,
      interface: iface ?? null,
      identity: identity ?? null,
      isOnLink,
      verdict,
      elapsedMs: Math.round(elapsedMs),
      cause: cause ?? null,
    })),
    userData: userData === undefined ? null : {
      status: userData.status ?? null,
      bytes: userData.bytes,
      length: userData.length ?? null,
      failure: userData.failure?.message ?? null,
    },
    notes,
    advice: advice ?? null,
  };
  return toPrintableJson(document);
}

function describeRouter({ address, source, iface, identity, since, elapsedMs }: Router) {
  return {
    kind: kindOf(address),
    address,
    source,
    interface: iface ?? null,
    identity,
    since: new Date(since).toISOString(),
    searchMs: Math.round(elapsedMs),
  };
}
