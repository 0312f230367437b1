import { assertEquals, assertThrows } from "@std/assert";
import { formatRemembered, parseRemembered } from "../../lib/discover/remembered.ts";
import { test } from "../support/test.ts";

const KNOWN = { iname: "eth0", address: "10.1.1.1", source: "dhcp", iface: "eth0", identity: "i-2-50-VM" } as const;

test("parseRemembered reads what formatRemembered writes", () => {
  assertEquals(
    formatRemembered(KNOWN),
    '{"version":1,"iname":"eth0","address":"10.1.1.1","source":"dhcp","interface":"eth0","identity":"i-2-50-VM"}\n',
  );
  for (const known of [KNOWN, { ...KNOWN, iface: undefined }, { ...KNOWN, address: "config-drive" }]) {
    assertEquals(parseRemembered(formatRemembered(known)), known);
  }
});

const STRANGE: readonly (readonly [what: string, change: Readonly<Record<string, unknown>>, message: string])[] = [
  ["another version", { version: 2 }, "it has another version"],
  ["no address", { address: 7 }, "it names no address of a router"],
  ["a loopback address", { address: "127.0.0.1" }, "it names no address of a router"],
  ["a name", { address: "router.example" }, "it names no address of a router"],
  ["an unknown source", { source: "rumour" }, "it names no source"],
  ["an interface with a slash", { interface: "../eth0" }, "it names no interface"],
  ["no interface that was searched on", { iname: "" }, "it names no interface"],
  ["a long interface", { interface: "e".repeat(128) }, "it names no interface"],
  ["no id", { identity: "OK" }, "it holds no instance-id"],
  ["an id with a blank around it", { identity: "i-1 " }, "it holds no instance-id"],
  ["a number for an id", { identity: 1 }, "it holds no instance-id"],
];
for (const [what, change, message] of STRANGE) {
  test(`parseRemembered refuses ${what}`, () => {
    const { iface, ...rest } = KNOWN;
    const text = JSON.stringify({ version: 1, ...rest, interface: iface, ...change });
    assertThrows(() => parseRemembered(text), TypeError, message);
  });
}

test("parseRemembered refuses what is no JSON object", () => {
  for (const text of ["", "{", "null", "7", '"x"']) assertThrows(() => parseRemembered(text), TypeError);
});
