/**
 * The benchmark's network: a router made of dnsmasq and nginx, and a guest in which whoever is measured runs.
 *
 * ```
 *   guest eth0 10.1.1.50 ---- lan ---- eth0 10.1.1.1 router (or 10.1.1.2, once it moved)
 * ```
 *
 * nginx rather than Apache, CloudStack's own, because it takes less of the processors that are measured: what is in
 * front of it shows the more. It keeps no access log.
 *
 * @module
 */

import { createScene, LISTEN } from "../../tests/support/scene.ts";
import type { Scene } from "../../tests/support/scene.ts";
import { countPackets } from "../../tests/support/servers/dhcp.ts";
import { sampleMetadata } from "../../tests/support/servers/metadata.ts";
import { GUEST } from "../../tests/support/servers/router.ts";

/** What is asked for: about what BOSH puts there. */
export const USER_DATA_PATH = "/latest/user-data";
/** A body of `BODY_BYTES`. */
export const BODY_PATH = "/latest/meta-data/body";
export const BODY_BYTES = 50_000_000;
/** The router's address before it moves. */
export const ROUTER = "10.1.1.1";

const ROUTERS = [ROUTER, "10.1.1.2"] as const;

/** Creates the network; who is measured comes later. */
export function createLab(): Promise<Scene> {
  const metadata = {
    ...sampleMetadata(GUEST.address),
    "user-data": JSON.stringify({ agent_id: "agent-1", blob: "x".repeat(1_000) }),
    body: new Uint8Array(BODY_BYTES),
  };
  return createScene({
    // With tcp_nopush head and body leave in one piece.
    router: { metadata: { [GUEST.address]: metadata }, extra: "access_log off; sendfile on; tcp_nopush on;" },
    args: "none",
    async prepare({ guest }) {
      await guest.must(["sh", "-ec", ROOM_FOR_CONNECTIONS]);
      // As the unit's pre-start.sh does.
      await guest.ip(`address add ${LISTEN.hostname}/32 dev lo`);
    },
  });
}

/** Thousands of short connections must neither run out of ports nor take one that somebody listens on. */
const ROOM_FOR_CONNECTIONS = `
echo 1 > /proc/sys/net/ipv4/tcp_tw_reuse
echo "10000 39000" > /proc/sys/net/ipv4/ip_local_port_range
`;

/** How many DHCP packets the router heard and sent since it stands at this address. */
export function countDhcp({ router }: Scene): number {
  return Object.values(countPackets(router.dhcp)).reduce((sum, count) => sum + count, 0);
}

/** Brings the router up at its other address; the one it had is gone. Resolves when it serves there. */
export async function moveRouter({ router }: Scene): Promise<void> {
  // Without an address its servers can tell nobody that they end.
  await router.host.ip("address flush dev eth0");
  await router.stop();
  await router.start(ROUTERS.find((address) => address !== router.address));
}

/** Says what goes on. */
export function say(what: string): void {
  console.error(`bench: ${Math.round(performance.now() / 1e3)} s: ${what}`);
}
