/**
 * Every source by its name.
 *
 * @module
 */

import type { SourceName } from "../../config/options.ts";
import type { Source } from "./source.ts";
import { configDrive } from "./config_drive.ts";
import { dhclient } from "./dhclient.ts";
import { dhcp } from "./dhcp.ts";
import { dhcpcd } from "./dhcpcd.ts";
import { dns } from "./dns.ts";
import { gateway } from "./gateway.ts";
import { networkManager } from "./network_manager.ts";
import { networkd } from "./networkd.ts";
import { server } from "./server.ts";
import { wicked } from "./wicked.ts";

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
