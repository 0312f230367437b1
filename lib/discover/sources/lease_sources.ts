/**
 * Every source that reads leases, by its name, the rarest last.
 *
 * @module
 */

import type { LeaseSource } from "./lease_files.ts";
import { dhclient } from "./dhclient.ts";
import { dhcpcd } from "./dhcpcd.ts";
import { networkManager } from "./network_manager.ts";
import { networkd } from "./networkd.ts";
import { wicked } from "./wicked.ts";

/** The sources. */
export const LEASE_SOURCES = {
  networkd,
  dhclient,
  network_manager: networkManager,
  dhcpcd,
  wicked,
} as const satisfies Readonly<Record<string, LeaseSource>>;
