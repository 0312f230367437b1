import { assertEquals } from "@std/assert";
import { createIdentity } from "../../lib/discover/identity.ts";
import { test } from "../support/test.ts";

test("createIdentity takes whoever comes at a cold start, and nobody else after that", () => {
  const identity = createIdentity("pinned", undefined);
  assertEquals(identity.wanted(), undefined);
  identity.adopt("i-1");
  assertEquals(identity.wanted(), { id: "i-1", mayChange: false });
});

test("createIdentity accepts a change after a reload, until a router is found", () => {
  const identity = createIdentity("pinned", undefined);
  identity.adopt("i-1");
  identity.allowChange();
  assertEquals(identity.wanted(), { id: "i-1", mayChange: true });
  identity.adopt("i-2");
  assertEquals(identity.wanted(), { id: "i-2", mayChange: false });
});

test("createIdentity looks for the remembered one after a restart, and accepts a change", () => {
  assertEquals(createIdentity("pinned", "i-1").wanted(), { id: "i-1", mayChange: true });
});

test("createIdentity wants nobody in particular under any", () => {
  const identity = createIdentity("any", "i-1");
  identity.adopt("i-2");
  assertEquals(identity.wanted(), undefined);
});
