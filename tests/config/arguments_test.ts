import { assertEquals, assertThrows } from "@std/assert";
import { parseArguments } from "../../lib/config/arguments.ts";
import { ConfigError } from "../../lib/config/config_error.ts";
import { test } from "../support/test.ts";

test("parseArguments reads a flag with a blank or an equals sign", () => {
  for (const argv of [["--iname", "eth1"], ["--iname=eth1"]]) {
    assertEquals([...parseArguments(argv).values], [["iname", "eth1"]]);
  }
});

test("parseArguments takes a lone dash as the value of the flag before it", () => {
  assertEquals(parseArguments(["--log-file", "-", "--iname", "eth1"]).values.get("log-file"), "-");
});

test("parseArguments keeps an empty value that was meant, to undo a variable", () => {
  assertEquals(parseArguments(["--server="]).values.get("server"), "");
});

test("parseArguments reads a switch with and without its value", () => {
  assertEquals(parseArguments(["--require-token"]).values.get("require-token"), "true");
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

test("parseArguments says what is wrong and points to the help", () => {
  const table: [string[], string][] = [
    [["--bogus"], "unknown long flag '--bogus', try --help"],
    [["--bogus=1"], "unknown long flag '--bogus', try --help"],
    [["-x"], "unknown short flag '-x', try --help"],
    [["stray"], "unexpected argument 'stray', try --help"],
    [["discover", "stray"], "unexpected argument 'stray', try --help"],
    [["--", "stray"], "unexpected argument 'stray', try --help"],
    [["--iname"], "expected argument for flag '--iname', try --help"],
    [["--iname", "--log-level", "debug"], "expected argument for flag '--iname', try --help"],
    [["--iname", "a", "--iname=b"], "flag 'iname' cannot be repeated, try --help"],
    [["--json"], "flag '--json' goes with the command 'discover', try --help"],
  ];
  for (const [argv, message] of table) {
    assertEquals(assertThrows(() => parseArguments(argv), ConfigError).message, message, argv.join(" "));
  }
});
