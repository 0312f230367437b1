/**
 * What to try for each kind of cause: a row for every kind, as the compiler demands.
 *
 * @module
 */

import type { Cause, CauseKind } from "../errors.ts";

const SEE_CURL = "it may be another kind of machine, or a router that is still starting: see what curl gets from it";
const SEE_WAY = "look for a firewall or a missing route between here and its port 80, and at the router's own health";
const SEE_ROUTER = "its web server is overloaded or broken: restart the router if that lasts";

/**
 * The remedies, each a sentence without a capital and a full stop; first those of what explains the others most: what is
 * wrong with the machine, then with what it was told, with who was found, with who was reached, with who was heard, and
 * with silence. Without an address nobody can be asked, and who was found says more than silence.
 */
export const REMEDIES: Readonly<Record<CauseKind, string>> = {
  exhausted:
    "this machine, or this service, has no descriptors, memory or ports left: see who holds them (`ss -s`, `lsof`), " +
    "and raise LimitNOFILE= of the unit if --max-connections was raised",
  no_interface: "name the interface with --iname (`ip link` lists them), or use --iname auto",
  no_address: "look at `ip address`, and at whatever configures the network; the daemon waits for an address by itself",
  link_down: "bring it up with `ip link set ... up`, or see that the virtual machine's network is plugged in",
  command: "install iproute2, 4.17 or newer: the program asks `ip` for interfaces and routes",

  not_allowed: "add its range to --allow-server if it is to be trusted",
  unusable: "a router has a unicast address on the VM's network, never one of loopback, link-local or multicast: " +
    "correct --server, or whatever names that address",
  own_address: "that address is on this machine: see `ip address` who put it there, or correct --server",
  other_identity: "if that identity is right, `systemctl reload mdproxy4cs` or a restart accepts it",

  unknown_guest:
    "a router knows its guests by their address and MAC: compare this machine's with those that CloudStack shows",
  redirect:
    "that is a portal or another web server, not a router's metadata: if it stands before the router, have it let " +
    "requests to the router's port 80 pass",
  server_error: "the router's web server is broken or still starting: restart the router if that lasts",
  status: SEE_CURL,
  empty: SEE_CURL,
  not_metadata: SEE_CURL,
  malformed: "something else than a web server listens on its port 80: see who it is",
  too_large: SEE_CURL,

  refused:
    "if it is the router, its web server is down or still starting: restart the router if that lasts; a firewall of this " +
    "machine that rejects what goes to port 80 looks the same (`nft list ruleset`)",
  response_timeout: `it accepts connections and does not answer: ${SEE_ROUTER}`,
  cut_short: SEE_ROUTER,
  idle_timeout: SEE_ROUTER,
  reset: SEE_WAY,
  unreachable: SEE_WAY,
  connect_timeout:
    "its port 80 drops what is sent there: look for a firewall on this machine, on the way or on the router, or see " +
    "that it is up",
  timeout: SEE_WAY,

  firewall: "let UDP to port 67 and from port 68 pass in this machine's own firewall (`nft list ruleset`)",
  not_believed:
    "that DHCP server is not set up as a CloudStack router's: see that the router runs and answers for this network, " +
    "or give its address with --server",
  client_port_unavailable:
    "run as root or with CAP_NET_BIND_SERVICE, and see who holds the port with `ss -ulpn sport = :68`",

  network: "look at `ip link` and `ip route`: the link may be down",
  no_answer:
    "see that the router runs and is on this network, that it knows this interface's MAC address, and that no firewall of " +
    "this machine drops its answers (UDP from port 67)",
  other_address: "give the interface the address that the router offers, or have CloudStack know the one it has",
  unreadable:
    "what may not be read or is damaged names nobody: start the program by its unit, whose first step copies leases",

  unfinished: "give it more time with --discovery-timeout",
  silent: "give the router's address with --server",
  unexpected: "that should not happen: report it with this output",
};

const ORDER = Object.keys(REMEDIES);

/** The lower, the more a cause explains the others. */
export function rankOf({ kind }: Pick<Cause, "kind">): number {
  return ORDER.indexOf(kind);
}
