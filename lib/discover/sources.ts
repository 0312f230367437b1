/**
 * Every source by its name.
 *
 * @module
 */

import type { SourceName } from "../config/options.ts";
import type { Source } from "./source.ts";
import { configDrive } from "./sources/config_drive.ts";
import { dhclient } from "./sources/dhclient.ts";
import { dhcp } from "./sources/dhcp.ts";
import { dhcpcd } from "./sources/dhcpcd.ts";
import { dns } from "./sources/dns.ts";
import { gateway } from "./sources/gateway.ts";
import { networkManager } from "./sources/network_manager.ts";
import { networkd } from "./sources/networkd.ts";
import { server } from "./sources/server.ts";
import { wicked } from "./sources/wicked.ts";

/** The sources. */
export const SOURCES: Readonly<Record<SourceName, Source>> = {
  server,
  dhcp,
  networkd,
  dhclient,
  network_manager: networkManager,
  dhcpcd,
  wicked,
  dns,
  gateway,
  config_drive: configDrive,
};
