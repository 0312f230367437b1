import { assertEquals } from "@std/assert";
import { UnorderedList } from "../../lib/time/clock.ts";
import { test } from "../support/test.ts";

function membersOf(list: UnorderedList<string>): (string | undefined)[] {
  return list.slots().map(({ member }) => member).sort();
}

test("UnorderedList knows who is on it, whoever leaves", () => {
  for (const leaving of ["a", "b", "c"]) {
    const list = new UnorderedList<string>();
    const places = new Map(["a", "b", "c"].map((name) => [name, list.add(name)]));
    places.get(leaving)!.cancel();
    assertEquals(places.get(leaving)!.member, undefined);
    assertEquals(membersOf(list), ["a", "b", "c"].filter((name) => name !== leaving));
    assertEquals(list.size, 2);
    for (const place of places.values()) place.cancel();
    assertEquals([list.size, membersOf(list)], [0, []]);
  }
});

test("UnorderedList takes nobody else off when a place is cancelled twice", () => {
  const list = new UnorderedList<string>();
  const first = list.add("a");
  first.cancel();
  list.add("b");
  first.cancel();
  assertEquals(membersOf(list), ["b"]);
});

test("UnorderedList can be gone through while its members leave and others come", () => {
  const list = new UnorderedList<string>();
  const places = ["a", "b", "c"].map((name) => list.add(name));
  const met: (string | undefined)[] = [];
  for (const { member } of list.slots()) {
    met.push(member);
    places.forEach((place) => place.cancel());
    list.add("later");
  }
  assertEquals(met, ["a", undefined, undefined]);
  assertEquals(membersOf(list), ["later", "later", "later"]);
});
