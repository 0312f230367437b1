/**
 * A router as a search finds it, for tests that need one and do not search.
 *
 * @module
 */

import type { Router } from "../../../lib/discover/router.ts";

/** A router that was found at the beginning of time. */
export const ROUTER: Router = {
  address: "10.1.1.1",
  source: "dhcp",
  iface: "eth0",
  identity: "i-2-50-VM",
  since: 0,
  elapsedMs: 0,
};
