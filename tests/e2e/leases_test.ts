import { assertEquals, assertMatch } from "@std/assert";
import { filePath } from "../../tools/file_path.ts";
import { binary } from "../support/binary.ts";
import { networkTest } from "../support/net/network_test.ts";
import type { Needs } from "../support/net/network_test.ts";
import { createScene, SERVERS } from "../support/scene.ts";
import type { Scene } from "../support/scene.ts";
import { NETWORKD_LEASES, startDhcpClient } from "../support/servers/dhcp_client.ts";

//   guest eth0 10.1.1.50 ---- lan ---- 10.1.1.7 eth0 router (dnsmasq that fell silent, nginx), not the first address

const ID = "/latest/meta-data/instance-id";
const PRE_START = filePath("../../assets/pre-start.sh", import.meta.url);
const LEASES = "/var/lib/NetworkManager";

/** Starts the program as the unit does: as nobody, behind the root step, with the one right that it has there. */
async function startAsUnit({ guest }: Scene, args: readonly string[]): Promise<string> {
  await guest.must(["install", "-d", "-o", "65534", "-g", "65534", "-m", "700", "/run/mdproxy4cs"]);
  await guest.must([PRE_START]);
  const program = guest.start([
    ...["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all,+net_bind_service"],
    ...["--inh-caps=-all,+net_bind_service", "--ambient-caps=+net_bind_service", "--", binary(), ...args],
  ]);
  return await program.waitForLine(/found the router/);
}

/** What each client keeps to root. */
const CLIENTS: Readonly<Record<string, { readonly needs: Needs; readonly keep: string }>> = {
  dhcpcd: { needs: { programs: ["dhcpcd"] }, keep: "chmod 640 /var/lib/dhcpcd/*.lease" },
  networkd: { needs: NETWORKD_LEASES, keep: ":" },
  dhclient: { needs: { programs: ["dhclient"] }, keep: ":" },
};
for (const client of ["dhcpcd", "networkd", "dhclient"] as const) {
  const { needs, keep } = CLIENTS[client]!;
  networkTest(
    `the lease of a real ${client} names the router under the unit's rights`,
    { ...needs, programs: [...SERVERS.programs!, ...needs.programs!], root: true },
    async () => {
      await using scene = await createScene({ guest: "unaddressed", router: { address: "10.1.1.7" }, args: "none" });
      await startDhcpClient(scene.network, scene.guest, { client });
      await scene.guest.must(["sh", "-ec", keep]);
      await scene.router.dhcp.stop();
      assertMatch(await startAsUnit(scene, ["--discovery", client]), new RegExp(`source=${client}.*iface=eth0`));
      assertEquals((await scene.get(ID)).status, 200);
    },
  );
}

networkTest("NetworkManager's own lease names the router, although its folder is root's alone", {
  ...SERVERS,
  root: true,
}, async () => {
  await using scene = await createScene({ router: { address: "10.1.1.7", dhcp: "none" }, args: "none" });
  const lease = await Deno.readTextFile(new URL("../testdata/leases/network_manager_internal.lease", import.meta.url));
  await scene.guest.write(`${LEASES}/internal-1dd9a779-d327-56e1-8454-c65e2556c12c-eth0.lease`, lease);
  await scene.guest.must(["sh", "-ec", `chmod 700 ${LEASES}; chmod 600 ${LEASES}/*`]);
  assertMatch(await startAsUnit(scene, []), /address=10\.1\.1\.7 source=network_manager/);
  assertEquals((await scene.get(ID)).status, 200);
});

networkTest("the newest of a hundred leases names the router", { ...SERVERS, root: true }, async () => {
  await using scene = await createScene({ router: { address: "10.1.1.7", dhcp: "none" }, args: "none" });
  await scene.guest.must([
    "sh",
    "-ec",
    `
    for number in $(seq 100); do
      lease=${LEASES}/dhclient-$number-eth0.lease server=$((100 + number))
      [ $number != 50 ] || server=7
      printf 'lease {\\n  interface "eth0";\\n  option dhcp-server-identifier 10.1.1.%d;\\n}\\n' $server > $lease
      touch -d @$((1700000000 + number)) $lease
    done
    touch ${LEASES}/dhclient-50-eth0.lease`,
  ]);
  assertMatch(await startAsUnit(scene, []), /address=10\.1\.1\.7 source=dhclient/);
});
