/**
 * Says what most likely keeps a machine from its router, and what to try next.
 *
 * Pure. It reads the causes of a search that found nothing in the order in which they explain one another: without an
 * address nobody can be asked, and whoever was found but is no router says more than those who were silent.
 *
 * @module
 */

import type { SourceName } from "../../config/options.ts";
import type { Cause, CauseKind } from "../errors.ts";

/** The most likely cause and the next thing to try, each a sentence without a full stop. */
export interface Diagnosis {
  readonly cause: string;
  readonly next: string;
}

/** What a search that found nothing left behind. */
export interface Findings {
  /** The sources that were asked. */
  readonly sources: readonly SourceName[];
  /** Why each source and each candidate failed. */
  readonly causes: readonly Cause[];
}

/** What to try for each kind of cause, the one that explains the others first. */
const REMEDIES: readonly { readonly kinds: readonly CauseKind[]; readonly next: string }[] = [
  {
    kinds: ["no_interface"],
    next: "name the interface with --iname (`ip link` lists them), or use --iname auto",
  },
  {
    kinds: ["no_address"],
    next: "look at `ip address`, and at whatever configures the network; the daemon waits for an address by itself",
  },
  {
    kinds: ["link_down"],
    next: "bring it up with `ip link set ... up`, or see that the virtual machine's network is plugged in",
  },
  {
    kinds: ["not_allowed"],
    next: "add its range to --allow-server if it is to be trusted",
  },
  {
    kinds: ["status", "redirect", "unknown_guest", "server_error"],
    next: "a router knows its guests by their address: compare this machine's with the one CloudStack shows",
  },
  {
    kinds: ["empty", "not_metadata", "malformed", "too_large"],
    next: "it may be another kind of machine, or a router that is still starting: see what curl gets from it",
  },
  {
    kinds: ["refused"],
    next: "if it is the router, its web server is down or still starting: restart the router if that lasts",
  },
  {
    kinds: ["timeout", "connect_timeout", "response_timeout", "idle_timeout", "unreachable", "reset", "cut_short"],
    next: "look for a firewall or a missing route between here and its port 80, and at the router's own health",
  },
  {
    kinds: ["client_port_unavailable"],
    next: "run as root or with CAP_NET_BIND_SERVICE, and see who holds the port with `ss -ulpn sport = :68`",
  },
  {
    kinds: ["network"],
    next: "look at `ip link` and `ip route`: the link may be down",
  },
  {
    kinds: ["no_answer"],
    next: "see that the router runs and is on this network, and that it knows this interface's MAC address",
  },
];

/** Diagnoses a search that found nothing. */
export function diagnose(findings: Findings): Diagnosis {
  // The default gateway of a shared network is no router, and that it serves nothing explains nothing.
  const telling = findings.causes.filter(({ source }) => source !== "gateway");
  for (const causes of [telling, findings.causes]) {
    for (const { kinds, next } of REMEDIES) {
      const cause = causes.find(({ kind }) => kinds.includes(kind));
      if (cause !== undefined) return { cause: cause.message, next };
    }
  }
  return findings.sources.includes("dhcp")
    ? { cause: "no source had anything to say", next: "give the router's address with --server" }
    : {
      cause: "no source had anything to say, and live DHCP was not among them",
      next: "add dhcp to --discovery, or give the router's address with --server",
    };
}
