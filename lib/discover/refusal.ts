/**
 * Which addresses are not even asked whether they are a router's.
 *
 * Pure.
 *
 * @module
 */

import type { DiscoveryConfig } from "../config/config.ts";
import { kindOf } from "../config_drive/address.ts";
import { contains, isUsableRouter } from "../ipv4/ipv4.ts";
import { ValidationError } from "./errors.ts";
import type { Network } from "./sources/network.ts";

/** What an address is refused by. */
export interface RefusalContext extends Pick<DiscoveryConfig, "allowServer"> {
  readonly network: Pick<Network, "isOwn">;
}

/** Why an address is refused; `undefined` if it is not. */
export function whyRefused(address: string, { allowServer, network }: RefusalContext): ValidationError | undefined {
  if (kindOf(address) === "drive") return undefined;
  if (!isUsableRouter(address)) return new ValidationError("unusable", "is no address that a router can have");
  if (network.isOwn(address)) return new ValidationError("own_address", "is this machine's own address");
  const isAllowed = allowServer.length === 0 || allowServer.some((range) => contains(range, address));
  return isAllowed ? undefined : new ValidationError("not_allowed", "is outside of --allow-server");
}
