import { assertEquals } from "@std/assert";
import { whoGivesWay } from "../../../lib/proxy/gate/patience.ts";
import type { Owing } from "../../../lib/proxy/gate/patience.ts";
import { test } from "../../support/test.ts";

const NOW = 100_000;
const USUAL = {
  state: "waiting",
  startedAt: 0,
  letWaitMs: 0,
  isNew: false,
  isInside: false,
  mayBeGone: false,
} as const;

/** A connection that has been in its state for so long. */
function owing(name: string, forMs: number, more: Partial<Owing> = {}): Owing & { readonly name: string } {
  return { ...USUAL, ...more, name, since: NOW - forMs };
}

const answered = { state: "answering", isInside: true } as const;

test("whoGivesWay names the client that has owed something for longest", () => {
  const table: [string, ReturnType<typeof owing>[], string | undefined][] = [
    ["nobody of nobody", [], undefined],
    ["a request, the longest", [owing("a", 10), owing("b", 30), owing("c", 20)], "b"],
    ["the end of a connection", [owing("a", 10), owing("b", 30, { state: "closing" })], "b"],
    ["a request before an answer", [owing("a", 9_000, { state: "sending" }), owing("b", 10)], "b"],
    ["an answer not taken for a second", [owing("a", 1_000, { state: "sending" }), owing("b", 1, answered)], "a"],
    ["nobody for less", [owing("a", 999, { state: "sending" }), owing("b", 1, answered)], undefined],
    [
      "an answer that is taken little by little, the slowest",
      [
        owing("a", 100, { state: "sending", letWaitMs: 900 }),
        owing("b", 50, { state: "sending", letWaitMs: 2_000 }),
        owing("c", 99, { state: "sending", letWaitMs: 900 }),
      ],
      "b",
    ],
    ["nobody who took it sooner", [owing("a", 99, { state: "sending", letWaitMs: 900 })], undefined],
    ["nobody who waits for an answer", [owing("a", 60_000, answered)], undefined],
    ["who may have gone meanwhile", [owing("a", 60_000, { ...answered, mayBeGone: true })], "a"],
    ["nobody just accepted, beside another", [owing("a", 49, { isNew: true }), owing("b", 1)], "b"],
    ["one accepted a while ago", [owing("a", 50, { isNew: true }), owing("b", 1)], "a"],
    [
      "one just accepted where nobody else owes anything",
      [owing("a", 1, { isNew: true }), owing("b", 1, answered), owing("c", 9_000, answered)],
      "a",
    ],
    ["an answer not taken before one just accepted", [
      owing("a", 1_000, { state: "sending" }),
      owing("b", 1, { isNew: true }),
    ], "a"],
    [
      "the first of a crowd",
      [owing("a", 1, { isNew: true }), owing("b", 2, { isNew: true }), owing("c", 9, answered)],
      "b",
    ],
    [
      "nobody used before, beside a crowd",
      [owing("a", 2, { isNew: true }), owing("b", 3), owing("c", 1, { isNew: true })],
      "a",
    ],
  ];
  for (const [what, connections, name] of table) assertEquals(whoGivesWay(connections, NOW)?.name, name, what);
});
