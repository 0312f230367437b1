/**
 * The source `server`: the address that the program was told.
 *
 * @module
 */

import type { Source } from "./source.ts";

/** Proposes the fixed address. */
export const server: Source = ({ server, propose }) => {
  if (server !== undefined) propose(server);
  return Promise.resolve();
};
