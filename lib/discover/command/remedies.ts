/**
 * What to try for each kind of cause: a row for every kind there is, which the compiler sees to.
 *
 * @module
 */

import type { CauseKind } from "../errors.ts";

/** What to try, and how much a cause explains the others. */
export interface Remedy {
  /** The lower, the more it explains: without an address nobody can be asked, and who was found says more than silence. */
  readonly rank: number;
  /** A sentence without a capital and a full stop. */
  readonly next: string;
}

/** Ranks: what is wrong with the machine, with what it was told, with who was found, with who was heard, with silence. */
const RANK = { host: 0, told: 10, found: 20, reached: 30, heard: 40, silence: 50, nothing: 90 } as const;

const SEE_CURL = "it may be another kind of machine, or a router that is still starting: see what curl gets from it";
const SEE_WAY = "look for a firewall or a missing route between here and its port 80, and at the router's own health";
const SEE_ROUTER = "its web server is overloaded or broken: restart the router if that lasts";

/** The remedies. */
export const REMEDIES: Readonly<Record<CauseKind, Remedy>> = {
  no_interface: {
    rank: RANK.host,
    next: "name the interface with --iname (`ip link` lists them), or use --iname auto",
  },
  no_address: {
    rank: RANK.host + 1,
    next: "look at `ip address`, and at whatever configures the network; the daemon waits for an address by itself",
  },
  link_down: {
    rank: RANK.host + 2,
    next: "bring it up with `ip link set ... up`, or see that the virtual machine's network is plugged in",
  },
  command: { rank: RANK.host + 3, next: "install iproute2: the program asks `ip` for interfaces and routes" },

  not_allowed: { rank: RANK.told, next: "add its range to --allow-server if it is to be trusted" },
  unusable: {
    rank: RANK.told + 1,
    next: "a router has a unicast address on the VM's network, never one of loopback, link-local or multicast: " +
      "correct --server, or whatever names that address",
  },
  own_address: {
    rank: RANK.told + 2,
    next: "that address is on this machine: see `ip address` who put it there, or correct --server",
  },
  other_identity: {
    rank: RANK.told + 3,
    next:
      "if this machine was given to another VM, `systemctl reload mdproxy4cs` or a restart accepts the new identity",
  },

  unknown_guest: {
    rank: RANK.found,
    next: "a router knows its guests by their address and MAC: compare this machine's with those that CloudStack shows",
  },
  redirect: {
    rank: RANK.found + 1,
    next:
      "that is a portal or another web server, not a router's metadata: if it stands before the router, have it let " +
      "requests to the router's port 80 pass",
  },
  server_error: {
    rank: RANK.found + 2,
    next: "the router's web server is broken or still starting: restart the router if that lasts",
  },
  status: { rank: RANK.found + 3, next: SEE_CURL },
  empty: { rank: RANK.found + 4, next: SEE_CURL },
  not_metadata: { rank: RANK.found + 5, next: SEE_CURL },
  malformed: { rank: RANK.found + 6, next: "something else than a web server listens on its port 80: see who it is" },
  too_large: { rank: RANK.found + 7, next: SEE_CURL },

  refused: {
    rank: RANK.reached,
    next: "if it is the router, its web server is down or still starting: restart the router if that lasts",
  },
  response_timeout: { rank: RANK.reached + 1, next: `it accepts connections and does not answer: ${SEE_ROUTER}` },
  cut_short: { rank: RANK.reached + 2, next: SEE_ROUTER },
  idle_timeout: { rank: RANK.reached + 3, next: SEE_ROUTER },
  reset: { rank: RANK.reached + 4, next: SEE_WAY },
  unreachable: { rank: RANK.reached + 5, next: SEE_WAY },
  connect_timeout: {
    rank: RANK.reached + 6,
    next:
      "its port 80 drops what is sent there: look for a firewall on this machine, on the way or on the router, or see " +
      "that it is up",
  },
  timeout: { rank: RANK.reached + 7, next: SEE_WAY },

  firewall: {
    rank: RANK.heard,
    next: "let UDP to port 67 and from port 68 pass in this machine's own firewall (`nft list ruleset`)",
  },
  not_believed: {
    rank: RANK.heard + 1,
    next:
      "that DHCP server is not set up as a CloudStack router's: see that the router runs and answers for this network, " +
      "or give its address with --server",
  },
  client_port_unavailable: {
    rank: RANK.heard + 2,
    next: "run as root or with CAP_NET_BIND_SERVICE, and see who holds the port with `ss -ulpn sport = :68`",
  },

  network: { rank: RANK.silence, next: "look at `ip link` and `ip route`: the link may be down" },
  no_answer: {
    rank: RANK.silence + 1,
    next:
      "see that the router runs and is on this network, that it knows this interface's MAC address, and that no firewall of " +
      "this machine drops its answers (UDP from port 67)",
  },
  other_address: {
    rank: RANK.silence + 2,
    next: "give the interface the address that the router offers, or have CloudStack know the one it has",
  },
  unreadable: {
    rank: RANK.silence + 3,
    next:
      "what may not be read or is damaged names nobody: start the program by its unit, whose first step copies leases",
  },

  unfinished: { rank: RANK.nothing, next: "give it more time with --discovery-timeout" },
  silent: { rank: RANK.nothing + 1, next: "give the router's address with --server" },
  unexpected: { rank: RANK.nothing + 2, next: "that should not happen: report it with this output" },
};
