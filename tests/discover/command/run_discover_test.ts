import { assertEquals, assertMatch } from "@std/assert";
import { runDiscover } from "../../../lib/discover/command/run_discover.ts";
import { test } from "../../support/test.ts";
import { discoveryConfig } from "../../support/fakes/config.ts";
import { createLan, linkAt } from "../../support/fakes/lan.ts";
import type { GuestOptions, Lan } from "../../support/fakes/lan.ts";
import { createVirtualClock } from "../../support/fakes/virtual_clock.ts";

/** Runs the command on a network of one's making. */
async function discover(
  furnish: (lan: Lan) => void,
  { guest = {}, json = false }: { readonly guest?: Partial<GuestOptions>; readonly json?: boolean } = {},
): Promise<{ code: number; output: string }> {
  const clock = createVirtualClock();
  const lan = createLan(clock);
  furnish(lan);
  let output = "";
  let isClosed = false;
  const exit = runDiscover(discoveryConfig({ timeoutMs: 5_000 }), {
    json,
    write: (text) => void (output += text),
    client: { ...lan.client, close: () => void (isClosed = true) },
    clock,
    machine: lan.createGuest(guest).machine,
  });
  await clock.run(10_000);
  const code = await exit;
  assertEquals(isClosed, true);
  return { code, output };
}

test("runDiscover prints a table of all sources and the router it found", async () => {
  const { code, output } = await discover((lan) => {
    lan.add({ address: "10.1.1.1" });
    lan.add({ address: "10.1.1.66", web: { status: 404, body: "" } });
    lan.add({ address: "192.0.2.1", dhcp: false });
  }, { guest: { dataServer: "192.0.2.1", routes: [{ gateway: "10.1.1.1", dev: "eth0" }] } });
  assertEquals(code, 0);
  assertEquals(
    output,
    `\
SOURCE           CANDIDATE  ON-LINK  VALIDATED  TIME  VERDICT
dhcp             10.1.1.1   yes      yes        2 ms  the router
dhcp             10.1.1.66  yes      no         4 ms  serves no metadata
networkd         -          -        -          -     nothing to say
dhclient         -          -        -          -     nothing to say
network_manager  -          -        -          -     nothing to say
dhcpcd           -          -        -          -     nothing to say
wicked           -          -        -          -     nothing to say
dns              192.0.2.1  no       yes        2 ms  valid, another is preferred
gateway          10.1.1.1   yes      yes        2 ms  the router

dhcp: 10.1.1.66 serves no metadata: /latest/meta-data/instance-id has status 404
The router is 10.1.1.1, found by dhcp on eth0.
`,
  );
});

test("runDiscover says the most likely cause and what to try when there is no router", async () => {
  const denied = Object.assign(new Error("Permission denied"), { name: "PermissionDenied" });
  const { code, output } = await discover(() => {}, { guest: { port68: denied } });
  assertEquals(code, 1);
  assertEquals(
    output,
    `\
SOURCE           CANDIDATE  ON-LINK  VALIDATED  TIME  VERDICT
dhcp             -          -        -          -     failed
networkd         -          -        -          -     nothing to say
dhclient         -          -        -          -     nothing to say
network_manager  -          -        -          -     nothing to say
dhcpcd           -          -        -          -     nothing to say
wicked           -          -        -          -     nothing to say
dns              -          -        -          -     nothing to say
gateway          -          -        -          -     nothing to say

dhcp: no DHCP server answered on eth0 (10.1.1.50, 02:00:4c:9f:00:0a): cannot listen on port 68 (needs CAP_NET_BIND_SERVICE): Permission denied
No router found. Most likely: no DHCP server answered on eth0 (10.1.1.50, 02:00:4c:9f:00:0a): cannot listen on port 68 \
(needs CAP_NET_BIND_SERVICE): Permission denied. \
Next: run as root or with CAP_NET_BIND_SERVICE, and see who holds the port with \`ss -ulpn sport = :68\`.
`,
  );
});

test("runDiscover notices that the link is down", async () => {
  const { output } = await discover(() => {}, { guest: { links: [linkAt(2, "eth0", { flags: ["BROADCAST"] })] } });
  assertMatch(output, /\nNo router found. Most likely: eth0 is down. Next: bring it up/);
});

test("runDiscover writes the same as JSON", async () => {
  const { code, output } = await discover((lan) => lan.add({ address: "10.1.1.1" }), { json: true });
  assertEquals(code, 0);
  const { router, sources, candidates, notes } = JSON.parse(output);
  assertEquals([router.address, router.source, router.iface], ["10.1.1.1", "dhcp", "eth0"]);
  assertEquals(sources.length, 8);
  assertEquals([candidates[0].verdict, notes], ["router", []]);

  const failed = await discover(() => {}, { json: true, guest: { interfaces: [] } });
  assertEquals(failed.code, 1);
  const { router: none, advice } = JSON.parse(failed.output);
  assertEquals([none, advice.cause], [null, "eth0 has no IPv4 address"]);
});
