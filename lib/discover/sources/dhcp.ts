/**
 * The source `dhcp`: asks the DHCP servers on the interfaces now. On CloudStack the server is the virtual router.
 *
 * @module
 */

import type { Asker } from "../../dhcp/transaction.ts";
import { SourceError } from "../errors.ts";
import type { Source } from "../source.ts";

/** Proposes every DHCP server that answers, for as long as the search goes on. */
export const dhcp: Source = async ({ machine, network, known, retryMs, signal, propose, note }) => {
  const askers = await network.nics();
  let hasAnswer = false;
  let deaf: SourceError | undefined;
  await machine.exchange({
    askers,
    servers: known === undefined ? [] : [known],
    retryMs,
    signal,
    onAnswer({ server, asker }) {
      hasAnswer = true;
      propose(server, asker.name);
    },
    onDeaf(cause) {
      deaf = new SourceError("client_port_unavailable", `cannot listen on port 68 (${reasonFor(cause)})`, { cause });
      note(deaf);
    },
  }).catch((cause: unknown) => {
    throw new SourceError("network", `cannot ask on ${namesOf(askers)}`, { cause });
  });
  if (hasAnswer) return;
  const kind = deaf === undefined ? "no_answer" : "client_port_unavailable";
  throw new SourceError(kind, `no DHCP server answered on ${namesOf(askers)}`, { cause: deaf });
};

function namesOf(askers: readonly Asker[]): string {
  return askers.map(({ name, address, mac }) => `${name} (${address}, ${mac})`).join(" and ");
}

function reasonFor(error: Error): string {
  if (error.name === "AddrInUse") return "another program holds it and does not share it";
  if (error.name === "PermissionDenied") return "needs CAP_NET_BIND_SERVICE";
  return "it cannot be bound";
}
