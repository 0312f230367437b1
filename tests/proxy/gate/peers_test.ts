import { assertEquals } from "@std/assert";
import { parseCidr } from "../../../lib/ipv4/ipv4.ts";
import { createPeerCheck } from "../../../lib/proxy/gate/peers.ts";
import { test } from "../../support/test.ts";

/** A client that came to the listen address. */
const from = (peer: string) => ({ peer, local: "169.254.169.254" });

const ownAddresses = () => ["127.0.0.1", "::1", "169.254.169.254", "10.1.1.50"];

test("createPeerCheck knows this machine by its addresses, and nobody else", () => {
  const isOwn = createPeerCheck({ allowed: [], ownAddresses });
  for (const address of ["127.0.0.1", "127.9.9.9", "169.254.169.254", "10.1.1.50", "::1"]) {
    assertEquals(isOwn(from(address)), true, address);
  }
  for (const address of ["10.1.1.51", "10.1.1.1", "169.254.169.253", "172.17.0.2", "fe80::1", ""]) {
    assertEquals(isOwn(from(address)), false, address);
  }
});

test("createPeerCheck lets in whom it was told to", () => {
  const isOwn = createPeerCheck({ allowed: [parseCidr("172.17.0.0/16")!], ownAddresses });
  assertEquals(isOwn(from("172.17.0.2")), true);
  assertEquals(isOwn(from("172.18.0.2")), false);
});

test("createPeerCheck notices an address that the machine got later", () => {
  const addresses = ["169.254.169.254"];
  const isOwn = createPeerCheck({ allowed: [], ownAddresses: () => addresses });
  assertEquals(isOwn(from("10.1.1.50")), false);
  addresses.push("10.1.1.50");
  assertEquals(isOwn(from("10.1.1.50")), true);
});

test("createPeerCheck notices an address that the machine has no more: a neighbour may have it now", () => {
  const addresses = ["169.254.169.254", "10.1.1.50"];
  const isOwn = createPeerCheck({ allowed: [], ownAddresses: () => addresses });
  assertEquals(isOwn(from("10.1.1.50")), true);
  addresses.pop();
  assertEquals(isOwn(from("10.1.1.50")), false);
});

test("createPeerCheck asks nobody about who comes from where it arrived, or from loopback", () => {
  const isOwn = createPeerCheck({
    allowed: [],
    ownAddresses() {
      throw new Error("asked");
    },
  });
  for (const ends of [from("169.254.169.254"), from("127.0.0.2"), { peer: "::1", local: "::1" }]) {
    assertEquals(isOwn(ends), true);
  }
});
