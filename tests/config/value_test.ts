import { assertEquals, assertThrows } from "@std/assert";
import {
  countFrom,
  formatAddress,
  optional,
  parseAddress,
  parseAdminAddress,
  parseCidrs,
  parseInterfaceName,
  parseList,
  parseListenAddress,
  parsePath,
  parseSizeBytes,
  sizeFrom,
} from "../../lib/config/value.ts";
import { parseCidr } from "../../lib/ipv4/ipv4.ts";
import { test } from "../support/test.ts";

test("parseSizeBytes reads powers of 1024", () => {
  const table = { "0": 0, "4096": 4096, "64k": 65_536, "4M": 4_194_304, "1g": 1_073_741_824 };
  for (const [text, bytes] of Object.entries(table)) assertEquals(parseSizeBytes(text), bytes, text);
  for (const text of ["", "k", "4kb", "-1", "1.5k"]) {
    assertThrows(() => parseSizeBytes(text), TypeError, "must be a size", text);
  }
});

test("sizeFrom refuses what is out of its bounds, and names them in the units an operator would write", () => {
  const parse = sizeFrom(256, { to: 64 * 1024 });
  assertEquals([parse("256"), parse("64k")], [256, 65_536]);
  for (const text of ["255", "65537", "1g", "99999999999999999999g"]) {
    assertThrows(() => parse(text), TypeError, "must be from 256 to 64k", text);
  }
  assertThrows(() => sizeFrom(0, { to: 16 * 1024 ** 2 })("17m"), TypeError, "must be from 0 to 16m");
  assertEquals(sizeFrom(0, { to: 1024 })("0"), 0);
});

test("countFrom refuses fractions and what is out of its bounds", () => {
  const parse = countFrom(1, { to: 1024 });
  assertEquals([parse("1"), parse("1024"), parse("0256")], [1, 1024, 256]);
  for (const text of ["0", "1025", "1.5", "-1", "", "many", "0x10", "1e2", "9".repeat(400)]) {
    assertThrows(() => parse(text), TypeError, "must be a whole number from 1 to 1024", text);
  }
});

test("optional takes nothing for undefined, and anything else as its parser does", () => {
  const parse = optional(parseAddress);
  assertEquals([parse(""), parse("10.1.1.1")], [undefined, "10.1.1.1"]);
  assertThrows(() => parse("x"), TypeError);
});

test("parseList drops blanks around and between the items", () => {
  assertEquals(parseList(" a, b ,,c "), ["a", "b", "c"]);
  assertEquals(parseList(""), []);
});

test("parseInterfaceName takes what the kernel would", () => {
  for (const text of ["eth0", "auto", "ens3.100", "eth0:1", "a".repeat(127)]) {
    assertEquals(parseInterfaceName(text), text);
  }
  for (const text of ["", "a b", ":1", "eth0:", "a/b", "a".repeat(128)]) {
    assertThrows(() => parseInterfaceName(text), TypeError, 'must be an interface name such as eth0, or "auto"', text);
  }
});

test("parsePath takes absolute paths only", () => {
  assertEquals(parsePath("/run/drive"), "/run/drive");
  for (const text of ["drive", "./drive", ""]) assertThrows(() => parsePath(text), TypeError, "absolute path");
});

test("parseAdminAddress takes loopback only", () => {
  assertEquals(parseAdminAddress("127.0.0.1:39725"), { hostname: "127.0.0.1", port: 39725 });
  assertEquals(parseAdminAddress("[::1]:0"), { hostname: "::1", port: 0 });
  assertThrows(() => parseAdminAddress("169.254.169.254:9"), TypeError, "must be on loopback");
});

test("parseListenAddress accepts link-local and loopback", () => {
  const table = {
    "169.254.169.254:39724": { hostname: "169.254.169.254", port: 39724 },
    "127.0.0.1:0": { hostname: "127.0.0.1", port: 0 },
    "localhost:8081": { hostname: "127.0.0.1", port: 8081 },
    "[::1]:8081": { hostname: "::1", port: 8081 },
    "127.0.0.1:65535": { hostname: "127.0.0.1", port: 65_535 },
  };
  for (const [text, listen] of Object.entries(table)) assertEquals(parseListenAddress(text), listen, text);
});

test("formatAddress writes an address as in a URL", () => {
  assertEquals(formatAddress({ hostname: "169.254.169.254", port: 80 }), "169.254.169.254:80");
  assertEquals(formatAddress({ hostname: "::1", port: 80 }), "[::1]:80");
});

test("parseListenAddress refuses addresses that leave the VM, and says why", () => {
  for (
    const text of [
      "0.0.0.0:39724",
      "10.1.1.7:39724",
      "[::]:39724",
      "169.255.0.1:1",
      "example.com:80",
      "169.254.1:80",
      ":39724",
    ]
  ) {
    assertThrows(() => parseListenAddress(text), TypeError, "must not leave the VM", text);
  }
});

test("parseListenAddress refuses what has no usable port", () => {
  for (
    const text of [
      "",
      "169.254.169.254",
      "127.0.0.1:",
      "127.0.0.1:65536",
      "127.0.0.1:70000",
      "127.0.0.1:http",
      "a:b:1",
      "127.0.0.1:x",
    ]
  ) {
    assertThrows(() => parseListenAddress(text), TypeError, "an address and a port", text);
  }
  assertThrows(() => parseListenAddress("169.254.169.254:80"), TypeError, "must not use port 80");
});

test("parseAddress and parseCidrs refuse what is not IPv4", () => {
  assertEquals(parseAddress("10.1.1.1"), "10.1.1.1");
  assertThrows(() => parseAddress("router.example"), TypeError, "must be an IPv4 address");
  assertEquals(parseCidrs("10.1.1.0/24, 192.0.2.7"), ["10.1.1.0/24", "192.0.2.7/32"].map((text) => parseCidr(text)!));
  assertEquals(parseCidrs(""), []);
  assertThrows(() => parseCidrs("10.1.1.0/33"), TypeError, '"10.1.1.0/33" is not one');
});
