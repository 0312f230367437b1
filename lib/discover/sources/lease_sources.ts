/**
 * Every source that reads leases, the rarest last.
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
export const LEASE_SOURCES: readonly LeaseSource[] = [networkd, dhclient, networkManager, dhcpcd, wicked];
