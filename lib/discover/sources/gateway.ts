/**
 * The source `gateway`: on an isolated network the virtual router is the default gateway.
 *
 * @module
 */

import type { Source } from "./source.ts";

/** Proposes the gateway of each default route over the interfaces. */
export const gateway: Source = async ({ network, propose }) => {
  for (const { gateway, iface } of await network.gateways()) propose(gateway, iface);
};
