import { assertEquals, assertThrows } from "@std/assert";
import { parseLogLevel, parseRequireToken, parseSources, parseSwitch, parseWord } from "../../lib/config/words.ts";
import { test } from "../support/test.ts";

test("parseSwitch reads what systemd reads, and nothing else", () => {
  for (const text of ["true", "YES", "on", "1"]) assertEquals(parseSwitch(text), true, text);
  for (const text of ["false", "No", "off", "0"]) assertEquals(parseSwitch(text), false, text);
  for (const text of ["maybe", "", "yesno", "10", "xtrue"]) {
    assertThrows(() => parseSwitch(text), TypeError, "must be yes or no", text);
  }
});

test("parseRequireToken reads its three words, and those of the switch that it was", () => {
  for (const text of ["yes", "true", "on", "1", "YES"]) assertEquals(parseRequireToken(text), "yes", text);
  for (const text of ["no", "false", "off", "0"]) assertEquals(parseRequireToken(text), "no", text);
  assertEquals(parseRequireToken("Optional"), "optional");
  for (const text of ["maybe", "", "optionally"]) {
    assertThrows(() => parseRequireToken(text), TypeError, "must be no, optional or yes", text);
  }
});

test("parseWord takes one of its words, whatever their case", () => {
  assertEquals(parseWord(["text", "json"])("JSON"), "json");
  assertThrows(() => parseWord(["text", "json"])("xml"), TypeError, "must be text or json");
  assertThrows(() => parseWord(["a", "b", "c"])(""), TypeError, "must be a, b or c");
});

test("parseLogLevel knows the levels of version 1 too, and uses info for any other, with a warning", () => {
  const table = {
    debug: "debug",
    INFO: "info",
    warn: "warn",
    error: "error",
    trace: "debug",
    Warning: "warn",
    fatal: "error",
    panic: "error",
  };
  const warnings: string[] = [];
  for (const [text, level] of Object.entries(table)) {
    assertEquals(parseLogLevel(text, (clause) => warnings.push(clause)), level, text);
  }
  assertEquals(warnings, []);
  assertEquals(parseLogLevel("verbose", (clause) => warnings.push(clause)), "info");
  assertEquals(parseLogLevel("constructor", () => {}), "info");
  assertEquals(warnings, ["must be debug, info, warn or error; using info"]);
});

test("parseSources takes each source once, in the order given", () => {
  assertEquals(parseSources("gateway, dhcp,gateway"), ["gateway", "dhcp"]);
  for (const text of ["", ",", "dhcp,carrier-pigeon"]) {
    assertThrows(() => parseSources(text), TypeError, "must be one or more of server, ", text);
  }
});
