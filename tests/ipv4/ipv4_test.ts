import { assert, assertEquals } from "@std/assert";
import { contains, formatIPv4, isIPv4, isUsableRouter, parseCidr, parseIPv4 } from "../../lib/ipv4/ipv4.ts";
import { test } from "../support/test.ts";

test("parseIPv4 and isIPv4 take dotted quads and nothing else", () => {
  assertEquals(parseIPv4("10.1.1.1"), 0x0a010101);
  assertEquals(parseIPv4("255.255.255.255"), 0xffffffff);
  for (
    const text of ["", "10.1.1", "10.1.1.256", "10.1.1.01", "10.1.1.1.1", "a.b.c.d", " 10.1.1.1", "10.1.1.-1", "::1"]
  ) {
    assertEquals([parseIPv4(text), isIPv4(text)], [undefined, false], text);
  }
  assert(isIPv4("10.1.1.1"));
});

test("formatIPv4 undoes parseIPv4", () => {
  for (const text of ["0.0.0.0", "10.1.1.1", "192.0.2.255", "255.255.255.255"]) {
    assertEquals(formatIPv4(parseIPv4(text)!), text);
  }
});

test("contains tells what lies in a range", () => {
  const table: [string, string, boolean][] = [
    ["10.1.1.0/24", "10.1.1.255", true],
    ["10.1.1.77/24", "10.1.1.1", true],
    ["10.1.1.0/24", "10.1.2.1", false],
    ["0.0.0.0/0", "203.0.113.9", true],
    ["192.168.0.1", "192.168.0.1", true],
    ["192.168.0.1/32", "192.168.0.2", false],
    ["10.0.0.0/8", "not an address", false],
  ];
  for (const [range, address, inside] of table) assertEquals(contains(parseCidr(range)!, address), inside, range);
});

test("parseCidr refuses what is no range", () => {
  for (const text of ["", "10.1.1.0/33", "10.1.1/24", "10.1.1.0/", "10.1.1.0/24/8", "10.1.1.0/x"]) {
    assertEquals(parseCidr(text), undefined, text);
  }
});

test("isUsableRouter refuses addresses that no router can have", () => {
  for (const address of ["10.1.1.1", "172.16.0.1", "192.168.1.1", "203.0.113.1", "169.253.0.1"]) {
    assert(isUsableRouter(address), address);
  }
  for (
    const address of ["0.0.0.0", "0.1.2.3", "127.0.0.1", "127.9.9.9", "169.254.169.254", "224.0.0.1", "255.255.255.255"]
  ) {
    assert(!isUsableRouter(address), address);
  }
});
