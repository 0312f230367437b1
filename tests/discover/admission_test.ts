import { assertEquals } from "@std/assert";
import { createAdmission } from "../../lib/discover/admission.ts";
import type { Named, Occupant } from "../../lib/discover/admission.ts";
import { test } from "../support/test.ts";

function createCrowd() {
  let now = 1_000_000;
  const admission = createAdmission<Occupant & { readonly name: string }>(() => now);
  return {
    pass: (ms: number) => void (now += ms),
    /** Admits one. @returns who gave way, `in` if nobody had to, `out` if there is no room */
    admit(name: string, named: Partial<Named> = {}, { isRejected = false, isProven = false } = {}): string {
      const place = { name, isRejected, isProven, askedAt: now };
      const { isAdmitted, evicted } = admission.admit({ address: name, source: "dhcp", ...named }, place);
      return evicted?.name ?? (isAdmitted ? "in" : "out");
    },
  };
}

/** How many of a hundred are admitted. */
function countIn(admit: (name: string) => string): number {
  return Array.from({ length: 100 }, (_, index) => admit(`10.1.1.${index}`)).filter((it) => it === "in").length;
}

test("createAdmission has sixteen places for each source, and none of them for another's", () => {
  const { admit } = createCrowd();
  assertEquals(countIn((name) => admit(name)), 16);
  assertEquals(admit("10.2.2.2", { source: "gateway" }), "in");
  assertEquals(admit("10.2.2.3", { source: "server" }), "in");
});

test("createAdmission has eight more for those whom another server names", () => {
  const { admit } = createCrowd();
  assertEquals(countIn((name) => admit(name, { from: "10.1.1.200" })), 8);
  assertEquals(admit("10.1.1.1", { from: "10.1.1.1" }), "in", "a server that names itself");
  assertEquals(admit("10.1.1.2"), "in", "one of whom nobody knows who named it");
});

test("createAdmission lets the rejected give way first, and then who has been silent for a second", () => {
  const { admit, pass } = createCrowd();
  for (let count = 0; count < 16; count++) admit(`10.1.1.${count}`, {}, { isRejected: count === 7 });
  assertEquals([admit("10.1.2.1"), admit("10.1.2.2")], ["10.1.1.7", "out"]);
  pass(999);
  assertEquals(admit("10.1.2.3"), "out");
  pass(1);
  assertEquals([admit("10.1.2.4"), admit("10.1.2.5")], ["10.1.1.0", "10.1.1.1"]);
});

test("createAdmission lets nobody give way who has proven to be a router", () => {
  const { admit, pass } = createCrowd();
  for (let count = 0; count < 16; count++) admit(`10.1.1.${count}`, {}, { isProven: count !== 7 });
  pass(1_000);
  assertEquals([admit("10.1.2.1", {}, { isProven: true }), admit("10.1.2.2")], ["10.1.1.7", "out"]);
});

test("createAdmission admits no more than 32 of a source in a second, even if all are rejected", () => {
  const { admit, pass } = createCrowd();
  const admitAll = () =>
    Array.from({ length: 50 }, (_, index) => admit(`${index}`, {}, { isRejected: true })).filter((it) => it !== "out")
      .length;
  assertEquals(admitAll(), 32);
  pass(1_000);
  assertEquals(admitAll(), 32);
});
