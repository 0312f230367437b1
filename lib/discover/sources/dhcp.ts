/**
 * The source `dhcp`: asks the DHCP servers on the interfaces now. On CloudStack the server is the virtual router.
 *
 * @module
 */

import type { DisbelievedReply } from "../../dhcp/exchange.ts";
import type { LikelyServer } from "../../dhcp/round.ts";
import type { ClientInterface } from "../../dhcp/transaction.ts";
import { isExhausted } from "../../http1/error.ts";
import { SourceError } from "./source_error.ts";
import { LEASE_SOURCES } from "./lease_sources.ts";
import type { Ask, Source } from "./source.ts";

/**
 * Proposes every DHCP server that answers, for as long as the search goes on; also one whose answer names no server, by
 * the address that it came from: whether it is a router, it has to prove anyway.
 */
export const dhcp: Source = async (ask) => {
  const { host, network, known, retryMs, signal, propose, note } = ask;
  const isCurrent = network.watch();
  const clients = await network.nics();
  const disbelieved = createTally();
  let hasReply = false;
  let unavailable: SourceError | undefined;
  let blocked: SourceError | undefined;
  const offered = new Set<string>();

  await host.exchange({
    clients,
    servers: known === undefined ? [] : [known],
    likely: lazily(() => listLikely(ask)),
    retryMs,
    signal,
    isCurrent,
    onReply({ server, sender, offered: address, client }) {
      hasReply = true;
      propose(server, { iface: client.name, from: sender });
      // One that calls itself by an address of this machine is misconfigured, and there all the same.
      if (sender !== undefined && network.isOwn(server)) propose(sender, client.name);
      if (address === undefined || address === client.address) return;
      if (offered.has(address) || offered.size >= MAX_TOLD) return;
      offered.add(address);
      note(new SourceError("other_address", otherAddress({ server, address, client })));
    },
    onDisbelieved(reply) {
      const isNew = disbelieved.add(reply);
      if (isNew) note(new SourceError("not_believed", describe(reply)));
      if (reply.client !== undefined && reply.sender !== undefined) propose(reply.sender, reply.client.name);
    },
    onPortUnavailable(cause) {
      const message = `cannot listen on port 68 (${whyUnavailable(cause)})`;
      unavailable = new SourceError(isExhausted(cause) ? "exhausted" : "client_port_unavailable", message, { cause });
      note(unavailable);
    },
    onSendError(cause) {
      if (isBlocked(cause)) blocked ??= blockedOn(clients, cause);
    },
  }).catch((cause: Error) => {
    if (isBlocked(cause)) throw blockedOn(clients, cause);
    const kind = isExhausted(cause) ? "exhausted" : "network";
    throw new SourceError(kind, `cannot send on ${namesOf(clients)}`, { cause });
  });
  // Interfaces that changed are looked at anew, and what was heard until then says nothing of them.
  if (hasReply || (!isCurrent() && !signal.aborted)) return;
  if (disbelieved.size > 0) throw new SourceError("not_believed", disbelieved.summary());
  if (blocked !== undefined) throw blocked;
  throw new SourceError(unavailable?.kind ?? "no_answer", `no DHCP server answered on ${namesOf(clients)}`, {
    cause: unavailable,
  });
};

/**
 * Those that are worth a message of their own: whoever has the first address of an interface's network, the gateways, the
 * servers of leases, and where no router is known whoever else is on the link.
 */
async function listLikely(ask: Ask): Promise<readonly LikelyServer[]> {
  const likely = new Map<string, LikelyServer>();
  const add = (address: string, iface?: string) => {
    if (!ask.network.isOwn(address)) likely.set(address, { address, iface });
  };
  for (const { address, iface } of ask.network.firstHosts()) add(address, iface);
  const named = { ...ask, propose: add, note() {} };
  await Promise.allSettled([
    ask.network.gateways().then((routes) => routes.forEach(({ gateway, iface }) => add(gateway, iface))),
    ...Object.values(LEASE_SOURCES).map((source) => source(named)),
  ]);
  if (ask.known === undefined) {
    for (const { address, iface } of await ask.network.neighbours().catch(() => [])) add(address, iface);
  }
  return [...likely.values()].slice(0, MAX_LIKELY);
}

/** More than that are no longer likely; each costs a packet per round. */
const MAX_LIKELY = 8;

/** Finds something out when it is first needed, and only once. */
function lazily<T>(find: () => Promise<T>): () => Promise<T> {
  let found: Promise<T> | undefined;
  return () => found ??= find();
}

/** Counts replies that are not believed, by who sent them and why. */
function createTally() {
  const counts = new Map<string, { readonly reply: DisbelievedReply; times: number }>();
  return {
    get size() {
      return counts.size;
    },
    /** Returns whether it is the first of its kind. */
    add(reply: DisbelievedReply): boolean {
      const key = `${reply.sender} ${reply.reason} ${reply.detail}`;
      const known = counts.get(key);
      if (known !== undefined) known.times += 1;
      if (known !== undefined || counts.size >= MAX_TOLD) return false;
      counts.set(key, { reply, times: 1 });
      return true;
    },
    summary: () => [...counts.values()].map(({ reply, times }) => describe(reply, times)).join("; "),
  };
}

/** Somebody who makes up senders, reasons or offers must not fill the log. */
const MAX_TOLD = 8;

/** What each reply lacks or is, behind "10.1.1.1 answered". */
const REASONS: Readonly<Record<DisbelievedReply["reason"], (detail: string | undefined) => string>> = {
  nak: () => "with a NAK (it refuses this machine's address)",
  no_server_identifier: () => "without a server identifier (option 54)",
  unusable_identifier: (detail) => `with the server identifier ${detail}, which no router can have`,
  bootp: () => "with plain BOOTP (no message type)",
  malformed: (detail) => `with options that cannot be read (${detail})`,
  not_dhcp: (detail) => `with no DHCP message (${detail})`,
  other_type: (detail) => `with a message of type ${detail}, neither an offer nor an acknowledgement`,
};

function describe({ sender = "somebody", reason, detail }: DisbelievedReply, times?: number): string {
  const often = times === undefined ? "" : times === 1 ? " once" : ` ${times} times`;
  return `${sender} answered${often} ${REASONS[reason](detail)}`;
}

function otherAddress(
  { server, address, client }: {
    readonly server: string;
    readonly address: string;
    readonly client: ClientInterface;
  },
): string {
  return `${server} offers ${address} to ${client.mac}, but ${client.name} has ${client.address}`;
}

function namesOf(clients: readonly ClientInterface[]): string {
  return clients.map(({ name, address, mac }) => `${name} (${address}, ${mac})`).join(" and ");
}

/** Netfilter's signature: a packet that a rule drops on its way out fails with EPERM. */
function isBlocked(error: Error): boolean {
  return /os error 1\)|operation not permitted/i.test(error.message);
}

function blockedOn(clients: readonly ClientInterface[], cause: Error): SourceError {
  const message = `a firewall of this machine drops what is sent to DHCP servers (UDP port 67) on ${namesOf(clients)}`;
  return new SourceError("firewall", message, { cause });
}

function whyUnavailable(error: Error): string {
  if (error.name === "AddrInUse") return "another program holds it and does not share it";
  if (error.name === "PermissionDenied") return "needs CAP_NET_BIND_SERVICE";
  return "it cannot be bound";
}
