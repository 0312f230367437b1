import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { LEASE_SOURCES } from "../../../lib/discover/sources/lease_sources.ts";
import { SOURCES } from "../../../lib/discover/sources/sources.ts";
import { READABLE } from "../../../lib/system/permissions.ts";
import { ROOT_FOLDER, RUNTIME_FILES } from "../../../lib/system/runtime_folder.ts";
import { readHex } from "../../dhcp/read_hex.ts";
import { filePath } from "../../../tools/file_path.ts";
import { test } from "../../support/test.ts";
import { ask, dhclientLease, TWO_NICS } from "./ask.ts";

const DENIED = new Error("Permission denied (os error 13)");

test("networkd and network_manager read the file of the interface's own index", async () => {
  const files = {
    "/run/systemd/netif/leases/3": "SERVER_ADDRESS=10.2.2.1\n",
    "/run/systemd/netif/leases/2": "SERVER_ADDRESS=10.1.1.1\n",
    "/run/systemd/netif/leases/22": "SERVER_ADDRESS=10.3.3.1\n",
    "/run/NetworkManager/devices/3": "[dhcp4]\ndhcp4.dhcp_server_identifier=10.2.2.1\n",
    "/run/NetworkManager/devices/2": "[dhcp4]\ndhcp4.dhcp_server_identifier=10.1.1.1\n",
  };
  for (const source of ["networkd", "network_manager"] as const) {
    assertEquals(await ask(source, { ...TWO_NICS, files }), ["10.1.1.1 eth0"]);
    assertEquals(await ask(source, { ...TWO_NICS, files }, { iname: "eth1" }), ["10.2.2.1 eth1"]);
    assertEquals(await ask(source, { ...TWO_NICS, files }, { iname: "auto" }), ["10.1.1.1 eth0", "10.2.2.1 eth1"]);
  }
});

test("dhclient offers every lease for the interfaces, of the newest file and the newest lease first", async () => {
  const files = {
    "/var/lib/dhcp/dhclient.leases": dhclientLease("10.1.1.1"),
    "/var/lib/dhcp/dhclient.eth0.leases": dhclientLease("10.1.1.2") + dhclientLease("10.1.1.3"),
    "/var/lib/NetworkManager/dhclient-5f6a1c6e-eth1.lease": dhclientLease("10.2.2.1", "eth1"),
    "/var/lib/dhcp/dhcpd.leases": dhclientLease("10.1.1.4"),
  };
  const ofEth0 = ["10.1.1.3 eth0", "10.1.1.2 eth0", "10.1.1.1 eth0"];
  assertEquals(await ask("dhclient", { ...TWO_NICS, files }), ofEth0);
  assertEquals(await ask("dhclient", { ...TWO_NICS, files }, { iname: "auto" }), ["10.2.2.1 eth1", ...ofEth0]);
});

test("dhclient takes the interface from the file's name where the lease names none", async () => {
  const lease = "lease { option dhcp-server-identifier 10.1.1.7; }";
  for (const name of ["dhclient.eth0.leases", "dhclient-eth0.leases", "dhclient-eth0.lease"]) {
    const files = { [`/var/lib/dhcp/${name}`]: lease };
    assertEquals(await ask("dhclient", { ...TWO_NICS, files }), ["10.1.1.7 eth0"], name);
  }
  const files = { "/var/lib/dhcp/dhclient.eth1.leases": lease };
  assertEquals(await ask("dhclient", { ...TWO_NICS, files }), [], "it is another interface's");
});

test("dhclient offers leases of interfaces that are not here, without one", async () => {
  const files = {
    "/var/lib/dhclient/dhclient.leases": dhclientLease("10.1.1.138", "api"),
    "/var/lib/dhcp3/dhclient.leases": "lease { option dhcp-server-identifier 10.1.1.7; }",
  };
  assertEquals(await ask("dhclient", { ...TWO_NICS, files }), ["10.1.1.7", "10.1.1.138"]);
});

test("dhclient reads every file, however many there are", async () => {
  const files = Object.fromEntries(
    Array.from(
      { length: 100 },
      (_, at) => [`/var/lib/NetworkManager/dhclient-${at}-eth0.lease`, dhclientLease(`10.1.1.${at}`)],
    ),
  );
  const proposed = await ask("dhclient", { files });
  assertEquals([proposed.length, proposed[0], proposed[99]], [100, "10.1.1.99 eth0", "10.1.1.0 eth0"]);
});

test("network_manager reads the leases of its own client, by the interface in their names", async () => {
  const internal = "/var/lib/NetworkManager/internal-1dd9a779-d327-56e1-8454-c65e2556c12c";
  const files = {
    [`${internal}-eth0.lease`]: "SERVER_ADDRESS=10.1.1.7\n",
    [`${internal}-eth1.lease`]: "SERVER_ADDRESS=10.2.2.7\n",
    [`${internal}-eth01.lease`]: "SERVER_ADDRESS=10.3.3.7\n",
    "/run/NetworkManager/devices/2": "[dhcp4]\ndhcp_server_identifier=10.1.1.8\n",
    "/var/lib/NetworkManager/NetworkManager.state": "SERVER_ADDRESS=10.1.1.9\n",
  };
  assertEquals(await ask("network_manager", { ...TWO_NICS, files }), ["10.1.1.8 eth0", "10.1.1.7 eth0"]);
});

test("dhcpcd takes the interface's own leases, by name", async () => {
  const lease = readHex("leases/dhcpcd_9.4.1.hex");
  for (const path of ["dhcpcd/eth0.lease", "dhcpcd/eth0-ssid.lease", "dhcpcd5/dhcpcd-eth0.lease"]) {
    assertEquals(await ask("dhcpcd", { files: { [`/var/lib/${path}`]: lease } }), ["10.1.1.1 eth0"], path);
  }
  assertEquals(await ask("dhcpcd", { files: { "/var/lib/dhcpcd/eth01.lease": lease } }), []);
  assertEquals(await ask("dhcpcd", { files: { "/var/lib/dhcpcd/eth0.lease": "garbage" } }), []);
});

test("wicked reads the interface's own lease, by name", async () => {
  const lease = "<lease><ipv4:dhcp><server-id>10.1.1.7</server-id></ipv4:dhcp></lease>";
  const at = (name: string) => ({ files: { [`/var/lib/wicked/${name}`]: lease } });
  assertEquals(await ask("wicked", at("lease-eth0-dhcp-ipv4.xml")), ["10.1.1.7 eth0"]);
  assertEquals(await ask("wicked", at("lease-eth1-dhcp-ipv4.xml")), []);
  assertEquals(await ask("wicked", at("lease-eth0-dhcp-ipv6.xml")), []);
  assertEquals(await ask("wicked", { files: { "/var/lib/wicked/lease-eth0-dhcp-ipv4.xml": "garbage" } }), []);
});

/** The source, a file of its, what is in it, and what is root's alone. */
const COPIES = [
  ["dhclient", "dhclient-5f6a1c6e-eth0.lease", dhclientLease("10.1.1.1"), "/var/lib/NetworkManager/"],
  ["network_manager", "internal-5f6a1c6e-eth0.lease", "SERVER_ADDRESS=10.1.1.1\n", "/var/lib/NetworkManager/"],
  ["dhcpcd", "eth0.lease", readHex("leases/dhcpcd_9.4.1.hex"), "/var/lib/dhcpcd/eth0.lease"],
  ["wicked", "lease-eth0-dhcp-ipv4.xml", "<server-id>10.1.1.1</server-id>", "/var/lib/wicked/"],
] as const;
for (const [source, name, content, original] of COPIES) {
  test(`${source} reads what root left for the program, and is silent on what is root's alone`, async () => {
    const copies = { [`${RUNTIME_FILES.leases}/${source}`]: "", [original]: DENIED };
    assertEquals(await ask(source, { files: copies }), []);
    const files = { ...copies, [`${RUNTIME_FILES.leases}/${source}/${name}`]: content };
    assertEquals(await ask(source, { files }), ["10.1.1.1 eth0"]);
  });

  test(`${source} reads what it may, and says what it may not only if there is nothing else`, async () => {
    const file = original.endsWith("/") ? `${original}${name}` : original;
    const files = { [original]: DENIED, [file]: DENIED };
    await assertRejects(() => ask(source, { files }), Error, "Permission denied");
  });
}

test("dhclient reads what lies elsewhere although one folder may not be read", async () => {
  const files = {
    "/var/lib/NetworkManager/": DENIED,
    "/var/lib/dhcp/dhclient.leases": dhclientLease("10.1.1.1"),
  };
  assertEquals(await ask("dhclient", { files }), ["10.1.1.1 eth0"]);
});

test("every folder that a source reads is one that the program may read", () => {
  const mayRead = (folder: string) => [...READABLE, ROOT_FOLDER].some((root) => `${folder}/`.startsWith(`${root}/`));
  for (const folder of Object.values(LEASE_SOURCES).flatMap(({ folders }) => folders)) {
    assertEquals([folder, mayRead(folder)], [folder, true]);
  }
});

test("every source that reads files is among those whose servers are asked by address", () => {
  const ofFiles = Object.values(SOURCES).filter((source) => "folders" in source);
  assertEquals(new Set<unknown>(Object.values(LEASE_SOURCES)), new Set<unknown>(ofFiles));
});

test("a lease source that has nothing left to read with says so, whoever else's files it may not read", async () => {
  const want = Object.assign(new Error("Too many open files (os error 24)"), { code: "EMFILE" });
  const denied = { "/var/lib/dhcpcd/eth0.lease": DENIED };
  for (const path of ["/var/lib/dhcpcd5/", "/var/lib/dhcpcd/eth0-a.lease"]) {
    const copies = { [`${RUNTIME_FILES.leases}/dhcpcd`]: "" };
    for (const others of [denied, copies]) {
      const files = { ...others, [path]: want };
      assertStrictEquals(await assertRejects(() => ask("dhcpcd", { files })), want);
    }
  }
});

test("pre-start.sh copies leases for sources that read them, out of the folders that they read", async () => {
  const script = await Deno.readTextFile(filePath("../../../assets/pre-start.sh", import.meta.url));
  const copied = [...script.matchAll(/^ {2}copy_files (\w+) (.*)$/gm)];
  assertEquals(copied.length, new Set(copied.map(([, source]) => source)).size);
  for (const [, source, files] of copied) {
    const { folders } = LEASE_SOURCES[source as keyof typeof LEASE_SOURCES];
    for (const file of files!.split(" ")) {
      assertEquals([file, folders.includes(file.replace(/\/[^/]*$/, ""))], [file, true]);
    }
  }
});
