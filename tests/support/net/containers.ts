/**
 * Containers of a guest: hosts behind a bridge of its own, for which it is the gateway.
 *
 * ```
 *   container 172.17.0.2 eth0 ---- br0 172.17.0.1 guest
 * ```
 *
 * @module
 */

import type { Host, Network } from "./network.ts";

/** Adds containers with these addresses, of 172.17.0.0/16, to a guest that has none yet. */
export async function addContainers(network: Network, guest: Host, addresses: readonly string[]): Promise<Host[]> {
  await guest.ip("link add br0 type bridge forward_delay 0");
  await guest.ip("address add 172.17.0.1/16 dev br0");
  await guest.ip("link set br0 up");
  const containers: Host[] = [];
  for (const [at, address] of addresses.entries()) {
    const container = await network.createHost(`container${at}`);
    await guest.ip(`link add veth${at} type veth peer name eth0 netns ${container.pid}`);
    await guest.ip(`link set veth${at} master br0 up`);
    await container.ip(`address add ${address}/16 dev eth0`);
    await container.ip("link set eth0 up");
    await container.ip("route add default via 172.17.0.1");
    containers.push(container);
  }
  return containers;
}
