import { assertEquals, assertStringIncludes } from "@std/assert";
import { COMMANDS } from "../../lib/config/commands.ts";
import { formatHelp } from "../../lib/config/help.ts";
import { test } from "../support/test.ts";

test("formatHelp shows commands, flags that take nothing, something, or either, and defaults where there are any", () => {
  const help = formatHelp();
  for (
    const part of [
      "usage: mdproxy4cs [<command>] [<flags>]\n",
      "\nCommands:\n  discover  search once and say what every source said\n",
      "\n  get PATH  print the metadata at a path, asked of the running service\n",
      "\n  -h, --help\n      show this text\n  --version\n      show name, version,",
      "\n  --env-file=PATH\n      read variables from a file;",
      "\n  --timeout=DURATION\n      ",
      "\nService:\n  --http-listen=ADDRESS:PORT\n      where to serve metadata; link-local or loopback only\n" +
      "      (MDPROXY4CS_HTTP_LISTEN, default 169.254.169.254:39724)\n",
      "\n      (MDPROXY4CS_ADMIN_LISTEN)\n",
      "\n  --require-token[=no|optional|yes]\n      ",
      "\n      (MDPROXY4CS_REQUIRE_TOKEN, default optional)\n\nLog:\n  --log-level=LEVEL\n",
    ]
  ) assertStringIncludes(help, part);
});

test("formatHelp has every command on a line, and no line that is wider than a page", () => {
  const lines = formatHelp().split("\n");
  for (const { name } of COMMANDS) {
    assertEquals(lines.filter((line) => new RegExp(`^  ${name}( [A-Z]+)? +\\w`).test(line)).length, 1, name);
  }
  assertEquals(lines.filter((line) => line.length > 120), []);
});
