import { assertEquals, assertThrows } from "@std/assert";
import {
  parseAddress,
  parseCidrs,
  parseCount,
  parseDurationMs,
  parseListenAddress,
  parseSizeBytes,
  parseSwitch,
} from "../../lib/config/value.ts";
import { test } from "../support/test.ts";

test("parseDurationMs reads units, sums and bare seconds", () => {
  const table = { "0": 0, "250ms": 250, "5": 5_000, "5s": 5_000, "1m30s": 90_000, "2h": 7_200_000 };
  for (const [text, ms] of Object.entries(table)) assertEquals(parseDurationMs(text), ms, text);
});

test("parseDurationMs refuses what is no duration", () => {
  for (const text of ["", "5x", "-1s", "1.5s", "s", "5 s", "1s foo"]) {
    assertThrows(() => parseDurationMs(text), TypeError, "must be a duration", text);
  }
});

test("parseSizeBytes reads powers of 1024", () => {
  const table = { "0": 0, "4096": 4096, "64k": 65_536, "4M": 4_194_304, "1g": 1_073_741_824 };
  for (const [text, bytes] of Object.entries(table)) assertEquals(parseSizeBytes(text), bytes, text);
  for (const text of ["", "k", "4kb", "-1", "1.5k"]) {
    assertThrows(() => parseSizeBytes(text), TypeError, "must be a size", text);
  }
});

test("parseCount refuses nought, fractions and more than 65535", () => {
  assertEquals(parseCount("256"), 256);
  for (const text of ["0", "65536", "1.5", "-1", "", "many", "999999999999"]) {
    assertThrows(() => parseCount(text), TypeError, "whole number", text);
  }
});

test("parseSwitch reads what systemd reads", () => {
  for (const text of ["true", "YES", "on", "1"]) assertEquals(parseSwitch(text), true, text);
  for (const text of ["false", "No", "off", "0"]) assertEquals(parseSwitch(text), false, text);
  assertThrows(() => parseSwitch("maybe"), TypeError, "true or false");
});

test("parseListenAddress accepts link-local and loopback", () => {
  const table = {
    "169.254.169.254:39724": { hostname: "169.254.169.254", port: 39724 },
    "127.0.0.1:0": { hostname: "127.0.0.1", port: 0 },
    "localhost:8081": { hostname: "127.0.0.1", port: 8081 },
    "[::1]:8081": { hostname: "::1", port: 8081 },
  };
  for (const [text, listen] of Object.entries(table)) assertEquals(parseListenAddress(text), listen, text);
});

test("parseListenAddress refuses addresses that leave the VM, and says why", () => {
  for (
    const text of ["0.0.0.0:39724", "10.1.1.7:39724", "[::]:39724", "169.255.0.1:1", "example.com:80", "169.254.1:80"]
  ) {
    assertThrows(() => parseListenAddress(text), TypeError, "must not leave the VM", text);
  }
});

test("parseListenAddress refuses what has no usable port", () => {
  for (const text of ["", "169.254.169.254", "127.0.0.1:", "127.0.0.1:70000", ":39724", "a:b:1", "127.0.0.1:x"]) {
    assertThrows(() => parseListenAddress(text), TypeError, "an address and a port", text);
  }
  assertThrows(() => parseListenAddress("169.254.169.254:80"), TypeError, "must not use port 80");
});

test("parseAddress and parseCidrs refuse what is not IPv4", () => {
  assertEquals(parseAddress("10.1.1.1"), "10.1.1.1");
  assertThrows(() => parseAddress("router.example"), TypeError, "must be an IPv4 address");
  assertEquals(parseCidrs("10.1.1.0/24, 192.0.2.7").length, 2);
  assertEquals(parseCidrs(""), []);
  assertThrows(() => parseCidrs("10.1.1.0/33"), TypeError, '"10.1.1.0/33" is not one');
});
