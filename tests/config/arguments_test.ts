import { assertEquals, assertThrows } from "@std/assert";
import { parseArguments } from "../../lib/config/arguments.ts";
import { ConfigError } from "../../lib/config/config_error.ts";
import { test } from "../support/test.ts";

test("parseArguments reads a flag with a blank or an equals sign", () => {
  for (const argv of [["--iname", "eth1"], ["--iname=eth1"]]) {
    assertEquals([...parseArguments(argv).values], [["iname", "eth1"]]);
  }
});

test("parseArguments takes a lone dash, a negative number or an empty word as the value of the flag before it", () => {
  for (const value of ["-", "-1s", ""]) {
    assertEquals(parseArguments(["--log-file", value, "--iname", "eth1"]).values.get("log-file"), value);
  }
});

test("parseArguments keeps an empty value that was meant, to undo a variable", () => {
  for (const argv of [["--server="], ["--server", ""]]) assertEquals(parseArguments(argv).values.get("server"), "");
});

test("parseArguments reads a switch with and without its value", () => {
  assertEquals(parseArguments(["--require-token"]).values.get("require-token"), "yes");
  assertEquals(parseArguments(["--require-token=false"]).values.get("require-token"), "false");
});

test("parseArguments knows the commands", () => {
  const table: [string[], string][] = [
    [[], "serve"],
    [["discover"], "discover"],
    [["--iname=eth1", "discover"], "discover"],
    [["--help"], "help"],
    [["-h"], "help"],
    [["--version"], "version"],
  ];
  for (const [argv, command] of table) assertEquals(parseArguments(argv).command, command, argv.join(" "));
  assertEquals(parseArguments(["discover", "--json"]).json, true);
});

test("parseArguments reads nothing else beside --help and --version", () => {
  const nothing = { operand: undefined, values: new Map(), envFile: undefined, json: false, timeoutMs: undefined };
  assertEquals(parseArguments(["stray", "--json", "--help", "--version"]), { command: "help", ...nothing });
  assertEquals(parseArguments(["stray", "--version", "--iname=eth1"]), { command: "version", ...nothing });
});

test("parseArguments says what is wrong and points to the help", () => {
  const table: [string[], string][] = [
    [["--bogus"], "unknown long flag '--bogus', try --help"],
    [["--bogus=1"], "unknown long flag '--bogus', try --help"],
    [["status", "--json=no"], "flag '--json' takes no value, try --help"],
    [["--version=1"], "flag '--version' takes no value, try --help"],
    [["--help="], "flag '--help' takes no value, try --help"],
    [["-x"], "unknown short flag '-x', try --help"],
    [["stray"], "unexpected argument 'stray', try --help"],
    [["discover", "stray"], "unexpected argument 'stray', try --help"],
    [["--", "stray"], "unexpected argument 'stray', try --help"],
    [["--iname"], "expected argument for flag '--iname', try --help"],
    [["--iname", "--log-level", "debug"], "expected argument for flag '--iname', try --help"],
    [["--iname", "a", "--iname=b"], "flag 'iname' cannot be repeated, try --help"],
    [["--json"], "flag '--json' goes with the commands 'discover' and 'status', try --help"],
  ];
  for (const [argv, message] of table) {
    assertEquals(assertThrows(() => parseArguments(argv), ConfigError).message, message, argv.join(" "));
  }
});

test("parseArguments reads a switch's word behind an equals sign or a blank, and no other word as its own", () => {
  const table: [string[], string][] = [
    [["--require-token=no"], "no"],
    [["--require-token=0"], "0"],
    [["--require-token=off", "discover"], "off"],
    [["--require-token=maybe"], "maybe"],
    [["--require-token"], "yes"],
    [["--require-token", "--iname=eth1"], "yes"],
    [["--require-token", "discover"], "yes"],
    [["--require-token", "optional", "discover"], "optional"],
    [["--require-token", "no"], "no"],
    [["--iname", "eth1", "--require-token"], "yes"],
  ];
  for (const [argv, text] of table) {
    assertEquals(parseArguments(argv).values.get("require-token"), text, argv.join(" "));
  }
  assertThrows(() => parseArguments(["--require-token", "maybe"]), ConfigError, "unexpected argument 'maybe'");
  assertThrows(() => parseArguments(["--require-token", "-"]), ConfigError, "unexpected argument '-'");
  assertThrows(() => parseArguments(["--require-token=no", "yes"]), ConfigError, "unexpected argument 'yes'");
});

test("parseArguments reads what goes with a command", () => {
  const { command, operand } = parseArguments(["get", "/latest/user-data", "--iname=eth1"]);
  assertEquals([command, operand], ["get", "/latest/user-data"]);
  assertEquals(parseArguments(["wait", "--timeout", "5m"]).timeoutMs, 300_000);
  assertEquals(parseArguments(["wait"]).timeoutMs, undefined);
  assertEquals(parseArguments(["status", "--json"]).json, true);
  const table: [string[], string][] = [
    [["get"], "expected PATH behind 'get', try --help"],
    [["get", ""], "expected PATH behind 'get', try --help"],
    [["get", "/a", "/b"], "unexpected argument '/b', try --help"],
    [["status", "/a"], "unexpected argument '/a', try --help"],
    [["wait", "--json"], "flag '--json' goes with the commands 'discover' and 'status', try --help"],
    [["--timeout=1s"], "flag '--timeout' goes with the command 'wait', try --help"],
    [["wait", "--timeout=soon"], '--timeout: "soon" must be a duration such as 250ms, 5s or 1m30s'],
    [["wait", "--timeout=0"], '--timeout: "0" must be longer than 0'],
  ];
  for (const [argv, message] of table) {
    assertEquals(assertThrows(() => parseArguments(argv), ConfigError).message, message, argv.join(" "));
  }
});

test("parseArguments takes what is behind two dashes for words", () => {
  assertThrows(() => parseArguments(["--", "--require-token"]), ConfigError, "unexpected argument '--require-token'");
  assertThrows(() => parseArguments(["-"]), ConfigError, "unexpected argument '-'");
});
