/**
 * What stands for a config drive wherever a router's address would stand.
 *
 * @module
 */

/** The "address" of the config drive: no host has a name like this, so that it is never taken for one. */
export const CONFIG_DRIVE = "config-drive";

/** What serves metadata: a virtual router, or a config drive. */
export type ProviderKind = "router" | "drive";

/** Tells a drive from a router by its address. */
export function kindOf(address: string): ProviderKind {
  return address === CONFIG_DRIVE ? "drive" : "router";
}
