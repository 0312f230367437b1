import { assertEquals, assertMatch } from "@std/assert";
import { createTokens, parseTokenTtlSec } from "../../../lib/proxy/request/tokens.ts";
import { test } from "../../support/test.ts";

for (
  const [text, sec] of [["1", 1], ["60", 60], ["21600", 21_600], ["0", undefined], ["21601", undefined], [
    "",
    undefined,
  ]] as const
) {
  test(`parseTokenTtlSec ${sec === undefined ? "refuses" : "reads"} ${JSON.stringify(text)}`, () => {
    assertEquals(parseTokenTtlSec(text), sec);
  });
}

for (const text of ["-1", "1.5", "1e3", " 60", "60s", "0x10", "999999", undefined]) {
  test(`parseTokenTtlSec refuses ${JSON.stringify(text)}`, () => assertEquals(parseTokenTtlSec(text), undefined));
}

test("createTokens knows a token until its time is over", () => {
  let now = 0;
  const tokens = createTokens({ now: () => now });
  const token = tokens.issue(60);
  assertMatch(token, /^[\w-]{43}$/);
  assertEquals(tokens.isValid(token), true);
  now = 59_999;
  assertEquals(tokens.isValid(token), true);
  now = 60_000;
  assertEquals(tokens.isValid(token), false);
});

test("createTokens gives each client another token, and knows no other", () => {
  const tokens = createTokens({ now: () => 0 });
  const given = new Set(Array.from({ length: 100 }, () => tokens.issue(60)));
  assertEquals(given.size, 100);
  for (const forged of ["", "x", [...given][0]!.slice(1), `${[...given][0]} `]) {
    assertEquals(tokens.isValid(forged), false, forged);
  }
});

test("createTokens forgets the oldest when there are too many", () => {
  const tokens = createTokens({ now: () => 0 });
  const first = tokens.issue(60);
  const second = tokens.issue(60);
  for (let i = 2; i < 4_097; i++) tokens.issue(60);
  assertEquals([tokens.isValid(first), tokens.isValid(second)], [false, true]);
});
