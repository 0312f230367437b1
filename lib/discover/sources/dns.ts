/**
 * The source `dns`: whoever has the name `data-server`, which a virtual router gives itself.
 *
 * It only looks the name up: the addresses are judged like any other before anything is sent to them, and a name may lead
 * anywhere, to a server on this very machine too.
 *
 * @module
 */

import type { Source } from "./source.ts";

const HOSTNAME = "data-server";

/** Proposes every address of the name; a name that is unknown, as on many networks, is nothing to report. */
export const dns: Source = async ({ host, signal, propose }) => {
  for (const address of await host.lookUp(HOSTNAME, signal)) propose(address);
};
