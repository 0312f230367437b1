import { assertEquals } from "@std/assert";
import { Roster } from "../../lib/time/unordered_list.ts";
import { test } from "../support/test.ts";

function membersOf(roster: Roster<string>): (string | undefined)[] {
  return roster.registrations().map(({ member }) => member).sort();
}

test("Roster knows who is on it, whoever leaves", () => {
  for (const leaving of ["a", "b", "c"]) {
    const roster = new Roster<string>();
    const places = new Map(["a", "b", "c"].map((name) => [name, roster.add(name)]));
    places.get(leaving)!.cancel();
    assertEquals(places.get(leaving)!.member, undefined);
    assertEquals(membersOf(roster), ["a", "b", "c"].filter((name) => name !== leaving));
    assertEquals(roster.size, 2);
    for (const place of places.values()) place.cancel();
    assertEquals([roster.size, membersOf(roster)], [0, []]);
  }
});

test("Roster takes nobody else off when a place is cancelled twice", () => {
  const roster = new Roster<string>();
  const first = roster.add("a");
  first.cancel();
  roster.add("b");
  first.cancel();
  assertEquals(membersOf(roster), ["b"]);
});

test("Roster can be gone through while its members leave and others come", () => {
  const roster = new Roster<string>();
  const places = ["a", "b", "c"].map((name) => roster.add(name));
  const met: (string | undefined)[] = [];
  for (const { member } of roster.registrations()) {
    met.push(member);
    places.forEach((place) => place.cancel());
    roster.add("later");
  }
  assertEquals(met, ["a", undefined, undefined]);
  assertEquals(membersOf(roster), ["later", "later", "later"]);
});
