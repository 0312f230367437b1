import { assert, assertEquals } from "@std/assert";
import { parse } from "@std/dotenv/parse";
import { parseEnvFile } from "../../lib/config/env_file.ts";
import { test } from "../support/test.ts";
import { ENV_FILE_CASES } from "./env_file_cases.ts";

for (const [what, text, values] of ENV_FILE_CASES) {
  test(`parseEnvFile reads ${what} as systemd does`, () => {
    assertEquals(Object.fromEntries(parseEnvFile(text).values), values);
  });
}

test("parseEnvFile has been asked sixty different things", () => {
  assert(new Set(ENV_FILE_CASES.map(([, text]) => text)).size >= 60);
});

test("parseEnvFile says what was meant for the program and is skipped", () => {
  const table: Readonly<Record<string, string[]>> = {
    "MDPROXY4CS_INAME=eth1\nTEXT='a\nb'": [],
    'export MDPROXY4CS_INAME=eth1\nexport PATH="/x"': ['"export MDPROXY4CS_INAME" is no variable: leave out "export"'],
    'TEXT="one\nMDPROXY4CS_INAME=eth1': ["the quote behind TEXT is never closed: nothing below it counts"],
    "MDPROXY4CS_INAME='eth1": ["the quote behind MDPROXY4CS_INAME is never closed: nothing below it counts"],
    'MDPROXY4CS_INAME="a\nb"': ["the value of MDPROXY4CS_INAME goes over several lines, or has both kinds of quotes"],
    "MDPROXY4CS_INAME=a'b\"c": ["the value of MDPROXY4CS_INAME goes over several lines, or has both kinds of quotes"],
    "MDPROXY4CS_INAME=a\\'b\\\\c": [
      "the value of MDPROXY4CS_INAME goes over several lines, or has both kinds of quotes",
    ],
  };
  for (const [text, problems] of Object.entries(table)) assertEquals(parseEnvFile(text).problems, problems, text);
});

test("parseEnvFile keeps the last good value where a later one cannot be used", () => {
  assertEquals(parseEnvFile('MDPROXY4CS_INAME=eth1\nMDPROXY4CS_INAME="a\nb"').values.get("MDPROXY4CS_INAME"), "eth1");
});

test("parseEnvFile reads any noise to its end, in a time that grows with its length", () => {
  // A generator of its own, so that a find can be seen again.
  let state = 20_26;
  const random = (below: number) => (state = (state * 48_271) % 0x7fffffff) % below;
  const alphabet = [
    "MDPROXY4CS_INAME",
    "=",
    "'",
    '"',
    "\\",
    "\n",
    "\r",
    " ",
    "#",
    ";",
    "$",
    "{",
    "}",
    "`",
    "a",
    "\0",
    "\u2028",
  ];
  for (let round = 0; round < 3_000; round++) {
    const text = Array.from({ length: random(40) }, () => alphabet[random(alphabet.length)]).join("");
    for (const [name, value] of parseEnvFile(text).values) {
      assert(/^MDPROXY4CS_\w*$/.test(name), text);
      assert(!/[\r\n]/.test(value), text);
    }
  }
  for (const piece of ['"', "\\", "='", 'a="\\', " ", 'MDPROXY4CS_A=""', "''"]) parseEnvFile(piece.repeat(100_000));
});

test("the libraries read a quoted value alike: what parseEnvFile hands them", () => {
  const values = [
    "",
    " ",
    "eth1",
    "a  b ",
    "$HOME",
    "pa$$word",
    "${x}",
    "#",
    "a # b",
    "a\\",
    "\\n\\t\\r",
    "`",
    "=",
    'say "x"',
    "\0",
  ];
  for (const value of values) assertEquals(parse(`MDPROXY4CS_INAME='${value}'`), { MDPROXY4CS_INAME: value });
  for (const value of ["it's", "$it's", "' # '", "'$$'"]) {
    assertEquals(parse(`MDPROXY4CS_INAME="${value}"`), { MDPROXY4CS_INAME: value });
  }
});
