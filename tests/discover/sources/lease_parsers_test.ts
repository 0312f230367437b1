import { assertEquals, assertMatch } from "@std/assert";
import { decodeDhcpcdLease } from "../../../lib/discover/sources/dhcpcd.ts";
import { parseDhclientLeases } from "../../../lib/discover/sources/dhclient.ts";
import { parseNetworkManagerState } from "../../../lib/discover/sources/network_manager.ts";
import { parseNetworkdLease } from "../../../lib/discover/sources/networkd.ts";
import type { LEASE_SOURCES } from "../../../lib/discover/sources/lease_sources.ts";
import { parseWickedLease } from "../../../lib/discover/sources/wicked.ts";
import { listTestdata, readHex } from "../../dhcp/read_hex.ts";
import { test } from "../../support/test.ts";
import { createRandom } from "../../support/fakes/virtual_clock.ts";

const FOLDER = new URL("../../testdata/leases/", import.meta.url);
const SAMPLES = listTestdata("leases").filter((name) => name !== "README.md");

function read(name: string): Uint8Array {
  return name.endsWith(".hex") ? readHex(`leases/${name}`) : Deno.readFileSync(new URL(name, FOLDER));
}

function readText(name: string): string {
  return textOf(read(name));
}

/** Each sample, and the servers it names, as "server interface", the newest last. */
const SERVERS: Readonly<Record<string, readonly string[]>> = {
  "networkd_systemd_247": ["10.1.1.1"],
  "networkd_systemd_252": ["10.1.1.1"],
  "networkd_systemd_257": ["10.1.1.1"],
  "networkd.json": ["10.75.205.1"],
  "networkd_forever": ["10.1.1.7"],
  "networkd_no_server": [],
  "dhclient_4.4.1.leases": ["10.1.1.1 eth0"],
  "dhclient_4.4.3.leases": ["10.1.1.1 eth0"],
  "dhclient_appended.leases": ["10.1.1.7 eth0", "10.2.2.1 eth1", "10.1.1.1 eth0"],
  "dhclient_baked_template.leases": ["192.168.122.1 eth0"],
  "dhclient_cloud_options.leases": ["10.1.1.7 eth0"],
  "dhclient_duid_three.leases": ["10.1.1.7 eth0", "192.0.2.9 enp0s8", "198.51.100.70 enp0s9"],
  "dhclient_forever.leases": ["10.1.1.7 eth0"],
  "dhclient_newest_other_network.leases": ["192.168.122.1 eth0"],
  "dhclient_no_closing_brace.leases": ["10.1.1.7 eth0"],
  "dhclient_no_interface.eth0.leases": ["10.1.1.7"],
  "dhclient_truncated_then_good.leases": ["10.1.1.9 eth0", "10.1.1.7 eth0", "10.1.1.7 eth0"],
  "dhclient_vips.leases": ["10.1.1.138 api"],
  "network_manager_1.30": [],
  "network_manager_1.42": ["10.1.1.1"],
  "network_manager_1.52": ["10.1.1.1"],
  "network_manager_1.58": ["10.1.1.1"],
  "network_manager_internal.lease": ["10.1.1.7"],
  "network_manager_state": ["10.1.1.7"],
  "dhcpcd_7.1.0.hex": ["10.1.1.1"],
  "dhcpcd_9.4.1.hex": ["10.1.1.1"],
  "dhcpcd_10.1.0.hex": ["10.1.1.1"],
  "dhcpcd_10.5.2.hex": ["10.1.1.1"],
  "dhcpcd_plain.hex": ["10.1.1.7"],
  "dhcpcd_twice54.hex": ["10.1.1.7"],
  "wicked_lease.xml": ["10.1.1.7"],
};

/** What each source reads out of a file. */
const PARSERS: Readonly<Record<keyof typeof LEASE_SOURCES, (bytes: Uint8Array) => readonly string[]>> = {
  networkd: (bytes) => one(parseNetworkdLease(textOf(bytes))),
  dhclient: (bytes) =>
    parseDhclientLeases(textOf(bytes)).map(({ server, iface }) => iface === undefined ? server : `${server} ${iface}`),
  network_manager: (bytes) => one(parseNetworkManagerState(textOf(bytes))),
  dhcpcd: (bytes) => one(decodeDhcpcdLease(bytes)),
  wicked: (bytes) => one(parseWickedLease(textOf(bytes))),
};

function one(server: string | undefined): readonly string[] {
  return server === undefined ? [] : [server];
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Reads a sample as the source reads it whose name it begins with. */
function parse(name: string, bytes: Uint8Array): readonly string[] {
  const source = SOURCES.find((source) => name.startsWith(source))!;
  // NetworkManager's own client writes as networkd does.
  return PARSERS[name.includes("internal") ? "networkd" : source](bytes);
}

const SOURCES = Object.keys(PARSERS) as (keyof typeof PARSERS)[];

test("the samples are all accounted for, and every source has one", () => {
  assertEquals(Object.keys(SERVERS).sort(), SAMPLES);
  assertEquals(SOURCES.filter((source) => !SAMPLES.some((name) => name.startsWith(source))), []);
});

for (const name of SAMPLES) {
  test(`the parsers read ${name}`, () => {
    assertEquals(parse(name, read(name)), SERVERS[name]);
  });
}

test("the parsers throw nothing, whatever a file holds", () => {
  const random = createRandom(3);
  const below = (limit: number) => Math.floor(random() * limit);
  const samples = SAMPLES.map((name) => ({ name, bytes: read(name) }));
  for (let count = 0; count < 20_000; count++) {
    const { name, bytes } = samples[below(samples.length)]!;
    const mutated = bytes.slice(0, below(3) === 0 ? below(bytes.length) : bytes.length);
    for (let changes = below(8); changes > 0 && mutated.length > 0; changes--) {
      mutated[below(mutated.length)] = below(2) === 0 ? below(256) : '{}";#\\\n= [],.0'.charCodeAt(below(15));
    }
    for (const server of parse(name, mutated)) assertMatch(server, /^\d+(\.\d+){3}( |$)/);
  }
});

const DHCLIENT: readonly (readonly [what: string, text: string, expected: readonly string[]])[] = [
  ["nothing", "", []],
  ["a comment", "# lease { interface eth0; option dhcp-server-identifier 10.1.1.1; }", []],
  ["every lease in order", readText("dhclient_appended.leases"), ["eth0 10.1.1.7", "eth1 10.2.2.1", "eth0 10.1.1.1"]],
  ["a lease on one line", 'lease{interface "eth0";option dhcp-server-identifier 10.1.1.1;}', ["eth0 10.1.1.1"]],
  ["an interface without quotes", "lease { interface eth0; option dhcp-server-identifier 10.1.1.1; }", [
    "eth0 10.1.1.1",
  ]],
  ["no lease that names no server", 'lease { interface "eth0"; fixed-address 10.1.1.50; }', []],
  ["a lease that names no interface", "lease { option dhcp-server-identifier 10.1.1.1; }", ["undefined 10.1.1.1"]],
  ["a lease that is half written", 'lease { interface "eth0"; option dhcp-server-identifier 10.1.1.1;', [
    "eth0 10.1.1.1",
  ]],
  ["no statement that is half written", 'lease { interface "eth0"; option dhcp-server-identifier 10.1.1.1', []],
  ["a lease behind one that breaks off", "lease { x lease { option dhcp-server-identifier 10.1.1.1; }", [
    "undefined 10.1.1.1",
  ]],
  ["no block of a lease within another's", "x { lease { option dhcp-server-identifier 10.1.1.1; } }", []],
  ["no server that is no address", 'lease { interface "eth0"; option dhcp-server-identifier 10.1.1; }', []],
  ["no DHCPv6 lease", 'lease6 { interface "eth0"; option dhcp-server-identifier 10.1.1.1; }', []],
  [
    "no statement of a block inside",
    'lease { interface "eth0"; x { option dhcp-server-identifier 10.9.9.9; } }',
    [],
  ],
  [
    "the statements behind a block inside",
    'lease { interface "eth0"; x { y; } option dhcp-server-identifier 10.1.1.1; }',
    ["eth0 10.1.1.1"],
  ],
];
for (const [what, text, expected] of DHCLIENT) {
  test(`parseDhclientLeases reads ${what}`, () => {
    assertEquals(parseDhclientLeases(text).map(({ iface, server }) => `${iface} ${server}`), expected);
  });
}

const NETWORKD: readonly (readonly [what: string, text: string, expected: string | undefined])[] = [
  ["a value in quotes", 'SERVER_ADDRESS="10.1.1.1"\n', "10.1.1.1"],
  ["JSON with the address as text", '{"ServerAddress":"10.1.1.1"}', "10.1.1.1"],
  ["no other key that ends alike", "NEXT_SERVER_ADDRESS=10.1.1.9\n#SERVER_ADDRESS=10.1.1.8\n", undefined],
  ["no address that is none", "SERVER_ADDRESS=10.1.1.256\n", undefined],
  ["no JSON that is half written", '{"Server_Address":[10,1', undefined],
  ["no JSON of another shape", '{"Server_Address":{"a":1}}', undefined],
  ["no JSON null", "{}", undefined],
];
for (const [what, text, expected] of NETWORKD) {
  test(`parseNetworkdLease reads ${what}`, () => {
    assertEquals(parseNetworkdLease(text), expected);
  });
}

test("parseNetworkManagerState reads the server with and without its prefix", () => {
  assertEquals(parseNetworkManagerState("[dhcp4]\ndhcp_server_identifier=10.0.0.1\n"), "10.0.0.1");
  assertEquals(parseNetworkManagerState("[dhcp4]\r\ndhcp4.dhcp_server_identifier = 10.0.0.1\r\n"), "10.0.0.1");
  assertEquals(parseNetworkManagerState("requested_dhcp_server_identifier=1\n"), undefined);
});
