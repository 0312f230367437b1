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

import { createNetwork } from "../../tests/support/net/network.ts";
import type { Host } from "../../tests/support/net/network.ts";
import type { Process } from "../../tests/support/net/process.ts";
import { countPackets, startDhcpServer } from "../../tests/support/servers/dhcp.ts";
import { sampleMetadata, startWebServer } from "../../tests/support/servers/metadata.ts";

/** Where every contender listens, each on a port of its own. */
export const LISTEN_ADDRESS = "169.254.169.254";
/** What is asked for: about what BOSH puts there. */
export const USER_DATA_PATH = "/latest/user-data";
/** A body of `BODY_BYTES`. */
export const BODY_PATH = "/latest/meta-data/body";
export const BODY_BYTES = 50_000_000;
/** The router's address before it moves. */
export const ROUTER = "10.1.1.1";

const ROUTERS = [ROUTER, "10.1.1.2"] as const;
const GUEST = { mac: "02:00:0a:01:01:32", address: "10.1.1.50", name: "vm-1" } as const;

/** A network at work. */
export interface Lab extends AsyncDisposable {
  readonly guest: Host;
  /** A folder that every host sees at the same path. */
  readonly folder: string;
  /** How many DHCP packets the router heard and sent since it stands at this address. */
  dhcpPackets(): number;
  /** Brings the router up at its other address; the one it had is gone. Resolves when it serves there. */
  move(): Promise<void>;
}

/** Creates the network. */
export async function createLab(): Promise<Lab> {
  await using stack = new AsyncDisposableStack();
  const network = stack.use(await createNetwork());
  const router = await network.createHost("router");
  const guest = await network.createHost("guest");
  const lan = await network.createSegment();
  await lan.attach(router, { iface: "eth0", address: `${ROUTER}/24` });
  await lan.attach(guest, { iface: "eth0", address: `${GUEST.address}/24`, mac: GUEST.mac });
  await guest.must(["sh", "-ec", ROOM_FOR_CONNECTIONS]);
  // As the unit's pre-start.sh does.
  await guest.ip(`address add ${LISTEN_ADDRESS}/32 dev lo`);

  const metadata = {
    ...sampleMetadata(GUEST.address),
    "user-data": JSON.stringify({ agent_id: "agent-1", blob: "x".repeat(1_000) }),
    body: new Uint8Array(BODY_BYTES),
  };
  await startWebServer(network, router, {
    server: "nginx",
    guests: { [GUEST.address]: metadata },
    // With tcp_nopush head and body leave in one piece.
    extra: "access_log off; sendfile on; tcp_nopush on;",
  });
  let at = 0;
  const startDhcp = (): Promise<Process> =>
    startDhcpServer(network, router, { server: "dnsmasq", address: ROUTERS[at % 2]!, guests: [GUEST] });
  let dnsmasq = await startDhcp();
  const resources = stack.move();

  return {
    guest,
    folder: network.folder,
    dhcpPackets: () => Object.values(countPackets(dnsmasq)).reduce((sum, count) => sum + count, 0),

    async move() {
      await dnsmasq.stop();
      await router.ip(`address del ${ROUTERS[at++ % 2]}/24 dev eth0`);
      await router.ip(`address add ${ROUTERS[at % 2]}/24 dev eth0`);
      dnsmasq = await startDhcp();
    },

    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** Thousands of short connections must neither run out of ports nor take one that somebody listens on. */
const ROOM_FOR_CONNECTIONS = `
echo 1 > /proc/sys/net/ipv4/tcp_tw_reuse
echo "10000 39000" > /proc/sys/net/ipv4/ip_local_port_range
`;
