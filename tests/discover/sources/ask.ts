/**
 * Asks one source on a machine of one's making.
 *
 * @module
 */

import type { SourceName } from "../../../lib/config/words.ts";
import { createNetwork } from "../../../lib/discover/sources/network.ts";
import { SOURCES } from "../../../lib/discover/sources/sources.ts";
import { createLan, interfaceAt, linkAt } from "../../support/fakes/lan.ts";
import type { GuestOptions } from "../../support/fakes/lan.ts";
import { createVirtualClock } from "../../support/fakes/virtual_clock.ts";

/** Asks one source once, and ends the search a second later. Returns what it proposed and noted. */
export async function ask(
  source: SourceName,
  guestOptions: Partial<GuestOptions> = {},
  { iname = "eth0", routers = [] }: { readonly iname?: string; readonly routers?: readonly string[] } = {},
): Promise<string[]> {
  const clock = createVirtualClock();
  const lan = createLan(clock);
  for (const address of routers) lan.add({ address });
  const { host } = lan.createGuest(guestOptions);
  const over = new AbortController();
  const said: string[] = [];
  const asked = SOURCES[source]({
    host,
    network: createNetwork({ iname, isInameChosen: true, host, signal: over.signal }),
    server: "10.1.1.9",
    known: undefined,
    retryMs: 1_000,
    signal: over.signal,
    propose(address, by) {
      const iface = typeof by === "string" ? by : by?.iface;
      said.push(iface === undefined ? address : `${address} ${iface}`);
    },
    note: ({ message }) => void said.push(message),
  });
  asked.catch(() => {});
  await clock.run(1_000);
  over.abort();
  await clock.run(0);
  await asked;
  return said;
}

/** A machine with two interfaces. */
export const TWO_NICS = {
  interfaces: [interfaceAt("10.1.1.50"), interfaceAt("10.2.2.50", { name: "eth1", mac: "02:00:4c:9f:00:0b" })],
  links: [linkAt(2, "eth0"), linkAt(3, "eth1")],
};

/** A lease as dhclient writes it. */
export function dhclientLease(server: string, iface = "eth0"): string {
  return `lease { interface "${iface}"; option dhcp-server-identifier ${server}; }\n`;
}
