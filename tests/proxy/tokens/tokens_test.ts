import { assertEquals, assertMatch } from "@std/assert";
import { createTokens, parseTokenTtlSec } from "../../../lib/proxy/tokens/tokens.ts";
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

test("createTokens forgets no token, however many are given after it", () => {
  const tokens = createTokens({ now: () => 0 });
  const first = tokens.issue(21_600);
  for (let i = 0; i < 20_000; i++) tokens.issue(1);
  assertEquals(tokens.isValid(first), true);
});

test("createTokens refuses a token of which any character was changed, also its time", () => {
  let now = 0;
  const tokens = createTokens({ now: () => now });
  const token = tokens.issue(1);
  for (let i = 0; i < token.length; i++) {
    for (const other of ["A", "_", "9"]) {
      const forged = token.slice(0, i) + other + token.slice(i + 1);
      if (forged !== token) assertEquals(tokens.isValid(forged), false, forged);
    }
  }
  now = 1_000;
  assertEquals(tokens.isValid(token), false);
});

test("createTokens refuses the tokens of another process, and what is no base64url", () => {
  const other = createTokens({ now: () => 0 }).issue(60);
  const tokens = createTokens({ now: () => 0 });
  assertEquals(tokens.isValid(other), false);
  for (const text of ["=".repeat(43), "+".repeat(43), "\u00e4".repeat(43), "A".repeat(43), "A".repeat(44)]) {
    assertEquals(tokens.isValid(text), false, text);
  }
});

test("createTokens keeps time beyond 32 bits of milliseconds, as after 50 days", () => {
  for (const start of [2 ** 31 - 30_000, 2 ** 32 - 90_000, 2 ** 32 - 30_000, 2 ** 32 + 0.5, 5 * 2 ** 32]) {
    let now = start;
    const tokens = createTokens({ now: () => now });
    const token = tokens.issue(60);
    now = start + 59_999;
    assertEquals([start, tokens.isValid(token)], [start, true]);
    now = start + 60_001;
    assertEquals([start, tokens.isValid(token)], [start, false]);
  }
});

test("createTokens knows every token again, also when it has verified many others meanwhile", () => {
  const tokens = createTokens({ now: () => 0 });
  const given = Array.from({ length: 200 }, () => tokens.issue(60));
  for (let round = 0; round < 2; round++) {
    for (const token of given) assertEquals(tokens.isValid(token), true);
  }
});
