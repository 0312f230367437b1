/**
 * The source `dns`: whoever answers to `data-server`, the name that a virtual router gives itself.
 *
 * It connects rather than looks up, because the right to do so is granted by name.
 *
 * @module
 */

import { SourceError } from "./source_error.ts";
import type { Source } from "./source.ts";

const HOSTNAME = "data-server";
const PORT = 80;

/** Proposes the address that accepts a connection under the name. */
export const dns: Source = async ({ machine, signal, propose }) => {
  const address = await machine.dial(HOSTNAME, { port: PORT, signal }).catch((cause: Error) => {
    signal.throwIfAborted();
    // The name is unknown on many networks: that is nothing to report.
    if (/lookup|resolve/i.test(cause.message)) return undefined;
    throw new SourceError("network", `cannot connect to ${HOSTNAME}`, { cause });
  });
  if (address !== undefined) propose(address);
};
