import { assertEquals } from "@std/assert";
import { createDoubts, doubtOf } from "../../lib/discover/doubt.ts";
import type { Doubt } from "../../lib/discover/doubt.ts";
import { test } from "../support/test.ts";

const PROOF = "/latest/meta-data/instance-id";
const RESPONSES: readonly (readonly [status: number, target: string, type: string, doubt: Doubt | undefined])[] = [
  [200, "/latest/user-data", "text/plain", undefined],
  [200, "/latest/", "text/html", undefined],
  [200, "/latest/user-data", "Text/HTML; charset=utf-8", "strong"],
  [206, "/latest/user-data", "text/html", undefined],
  [304, "/latest/user-data", "", undefined],
  [299, "/latest/user-data", "", undefined],
  [300, "/latest/user-data", "", "strong"],
  [301, "/latest/user-data", "", "strong"],
  [399, "/latest/user-data", "", "strong"],
  [400, "/latest/user-data", "", undefined],
  [401, "/latest/user-data", "", "strong"],
  [403, "/latest/user-data", "", "strong"],
  [404, "/latest/user-data", "", "weak"],
  [404, PROOF, "", "strong"],
  [404, `${PROOF}?a=b`, "", "strong"],
  [499, "/latest/user-data", "", undefined],
  [500, "/latest/user-data", "", "strong"],
];
for (const [status, target, type, doubt] of RESPONSES) {
  test(`doubtOf calls ${status} of ${type || "nothing"} for ${target} ${doubt ?? "no"} doubt`, () => {
    assertEquals(doubtOf({ target, status, headers: type === "" ? [] : [["content-type", type]] }), doubt);
  });
}

test("doubtOf does without headers", () => assertEquals(doubtOf({ target: "/latest/vm-id", status: 200 }), undefined));

test("createDoubts asks at once at first, and ever more rarely while the proof refutes the doubt", () => {
  let now = 1_000_000;
  const doubts = createDoubts(() => now);
  const pauses = Array.from({ length: 10 }, () => {
    const dueAt = doubts.dueAt("strong")!;
    const pauseMs = dueAt - now;
    now = dueAt;
    doubts.prove();
    return pauseMs;
  });
  assertEquals(pauses, [0, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 120_000, 120_000]);
  now += 480_000;
  assertEquals(doubts.dueAt("strong"), now, "long after the last proof");
  doubts.prove();
  now += 600_000;
  doubts.prove();
  assertEquals(doubts.dueAt("strong"), now + 120_000, "not forgotten");
  now += 600_001;
  doubts.prove();
  assertEquals(doubts.dueAt("strong"), now, "forgotten");
});

test("createDoubts finds a weak doubt worth a proof only where the last one is half a minute old", () => {
  let now = 1_000_000;
  const doubts = createDoubts(() => now);
  now += 29_999;
  assertEquals(doubts.dueAt("weak"), undefined);
  now += 1;
  assertEquals(doubts.dueAt("weak"), now);
});
