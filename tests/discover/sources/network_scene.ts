/**
 * A machine of one's making, as far as its network goes.
 *
 * @module
 */

import type { InterfaceAddress } from "../../../lib/system/host.ts";
import { createNetwork } from "../../../lib/discover/sources/network.ts";
import { interfaceAt, linkAt } from "../../support/fakes/lan.ts";

/** Addresses, links and routes of a machine with two interfaces. */
export const ETH0 = interfaceAt("10.1.1.50");
export const ETH1 = interfaceAt("10.2.2.50", { name: "eth1", mac: "02:00:4c:9f:00:0b" });
export const LO: InterfaceAddress = { family: "IPv4", name: "lo", address: "127.0.0.1", netmask: "255.0.0.0", mac: "" };
export const ETH0_LINK = linkAt(2, "eth0");
export const VIA_ETH0 = { gateway: "10.1.1.1", dev: "eth0" };
export const VIA_ETH1 = { gateway: "10.2.2.1", dev: "eth1" };

/** An address with a label, as the runtime tells it: under the label, without a MAC. */
export function aliasOf(device: InterfaceAddress, label: string, address: string): InterfaceAddress {
  return { ...device, name: label, address, mac: "00:00:00:00:00:00" };
}

/** A link with an address that has a label, as `ip` tells it. */
export function labelledAt(link: unknown, local: string, label: string): unknown {
  return { ...link as object, addr_info: [{ family: "inet", local, prefixlen: 24, scope: "global", label }] };
}

/** What a machine is like; one interface, `eth0`, if nothing is said. */
export interface Setup {
  readonly iname?: string;
  /** Whether somebody wrote the name (default: nobody did). */
  readonly isChosen?: boolean;
  readonly interfaces?: readonly InterfaceAddress[];
  readonly links?: readonly unknown[] | Error;
  readonly routes?: readonly unknown[] | Error;
}

/** Looks at the network of such a machine; `substitutes` and `commands` are what was said and run, `end` ends its time. */
export function setUp(
  { iname = "eth0", isChosen = false, interfaces = [ETH0], links = [linkAt(2, "eth0")], routes = [] }: Setup,
) {
  const substitutes: string[] = [];
  const commands: string[] = [];
  const over = new AbortController();
  const network = createNetwork({
    iname,
    isInameChosen: isChosen,
    host: {
      interfaces: () => interfaces,
      runIp(args) {
        commands.push(args.join(" "));
        const answer = args.includes("address") ? links : routes;
        // The links are known before the time is over.
        if (over.signal.aborted && answer === routes) return Promise.reject(new Error("killed"));
        return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(JSON.stringify(answer));
      },
    },
    signal: over.signal,
    onSubstitute: (using, reason) => void substitutes.push(`${using}: ${reason}`),
  });
  return { network, substitutes, commands, end: () => over.abort() };
}
