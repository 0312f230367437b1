/**
 * Says what most likely keeps a machine from its router, and what to try next.
 *
 * Pure. It reads the causes of a search that found nothing in the order in which they explain one another: see
 * `remedies.ts`.
 *
 * @module
 */

import type { SourceName } from "../../config/words.ts";
import type { Cause } from "../errors.ts";
import type { Router } from "../router.ts";
import type { ServiceBelief } from "./overview.ts";
import { rankOf, REMEDIES } from "./remedies.ts";

/** The most likely cause and the next thing to try, each a sentence without a full stop. */
export interface Diagnosis {
  readonly cause: string;
  readonly next: string;
}

/** What a search that found nothing left behind. */
export interface FailedSearch {
  /** The sources that were asked. */
  readonly sources: readonly SourceName[];
  /** Why each source and each candidate failed, and what sources had to do without. */
  readonly causes: readonly Cause[];
  /** Whether anybody was named at all. */
  readonly hasCandidates: boolean;
  /** The interfaces that were searched on, as "eth0 (10.1.1.50, 02:00:...)". */
  readonly searchedOn?: string | undefined;
  /** A default route over an interface that was not searched on. */
  readonly elsewhere?: { readonly gateway: string; readonly iface: string } | undefined;
}

/** Where the default gateway is the only one to speak of, it may be no router at all. */
const NO_ROUTER = "this network may have no router: is a config drive attached?";

/** Diagnoses a search that found nothing. */
export function diagnose(search: FailedSearch): Diagnosis {
  const cause = findMostTelling(search.causes);
  if (cause !== undefined) return { cause: cause.message, next: adviseOn(cause, search) };
  return search.sources.includes("dhcp")
    ? { cause: "no source had anything to say", next: `give the router's address with --server; or ${NO_ROUTER}` }
    : {
      cause: "no source had anything to say, and live DHCP was not among them",
      next: "add dhcp to --discovery, or give the router's address with --server",
    };
}

/** Diagnoses a running service that refuses the router that was found, for its instance-id; `undefined` if it does not. */
export function diagnoseRefusal(
  { identity }: Pick<Router, "identity">,
  service: Pick<ServiceBelief, "state" | "router"> | string,
): Diagnosis | undefined {
  // Whoever has a router in force is content with that.
  if (typeof service === "string" || service.state === "ready" || service.state === "unserved") return undefined;
  const known = service.router?.identity ?? identity;
  if (known === identity) return undefined;
  return {
    cause: `the service refuses it: it serves the metadata of ${identity}, this machine's is ${known}`,
    next: REMEDIES.other_identity,
  };
}

/** The cause that explains the others; `undefined` if all sources were silent. */
function findMostTelling(causes: readonly Cause[]): Cause | undefined {
  const [first] = causes
    .filter(({ kind }) => kind !== "silent")
    // The default gateway of a shared network is no router, and that it serves nothing explains nothing.
    .toSorted((a, b) => Number(isOfGateway(a)) - Number(isOfGateway(b)) || rankOf(a) - rankOf(b));
  return first;
}

function isOfGateway({ source }: Cause): boolean {
  return source === "gateway";
}

function adviseOn(cause: Cause, { causes, hasCandidates, searchedOn, elsewhere }: FailedSearch): string {
  const advice = [REMEDIES[cause.kind]];
  const other = causes.find(({ kind }) => kind === "other_address");
  if (cause.kind === "unknown_guest" || cause.kind === "unreachable") {
    if (other !== undefined) return `${other.message}: ${REMEDIES.other_address}`;
    if (searchedOn !== undefined) advice.push(`requests leave from ${searchedOn}`);
  }
  const isSilence = rankOf(cause) >= rankOf({ kind: "firewall" });
  if (isSilence && elsewhere !== undefined) {
    advice.push(`the default route is over ${elsewhere.iface}, which was not searched: try --iname ${elsewhere.iface}`);
  }
  if (cause.kind === "no_answer" && !hasCandidates) advice.push(NO_ROUTER);
  return advice.join("; ");
}
