/**
 * Every source that reads leases, the rarest last.
 *
 * @module
 */

import type { LeaseSource } from "./lease_files.ts";
import { dhclient } from "./sources/dhclient.ts";
import { dhcpcd } from "./sources/dhcpcd.ts";
import { networkManager } from "./sources/network_manager.ts";
import { networkd } from "./sources/networkd.ts";
import { wicked } from "./sources/wicked.ts";

/** The sources. */
export const LEASE_SOURCES: readonly LeaseSource[] = [networkd, dhclient, networkManager, dhcpcd, wicked];
