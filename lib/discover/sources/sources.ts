/**
 * Every source by its name.
 *
 * @module
 */

import type { SourceName } from "../../config/words.ts";
import type { Source } from "./source.ts";
import { configDrive } from "./config_drive.ts";
import { dhcp } from "./dhcp.ts";
import { dns } from "./dns.ts";
import { gateway } from "./gateway.ts";
import { LEASE_SOURCES } from "./lease_sources.ts";
import { server } from "./server.ts";

/** The sources. */
export const SOURCES: Readonly<Record<SourceName, Source>> = {
  server,
  dhcp,
  ...LEASE_SOURCES,
  dns,
  gateway,
  config_drive: configDrive,
};
