import { assertEquals, assertRejects } from "@std/assert";
import { SourceError } from "../../../lib/discover/sources/source_error.ts";
import { SOURCES } from "../../../lib/discover/sources/sources.ts";
import { SOURCE_NAMES } from "../../../lib/config/words.ts";
import { test } from "../../support/test.ts";
import { ask, TWO_NICS } from "./ask.ts";

test("SOURCES has every source that can be configured", () => {
  assertEquals(Object.keys(SOURCES), [...SOURCE_NAMES]);
});

test("SOURCES are silent on a machine that has nothing for them", async () => {
  for (const source of SOURCE_NAMES) {
    if (source !== "server" && source !== "dhcp") assertEquals(await ask(source), [], source);
  }
});

test("server proposes the address that the program was told", async () => {
  assertEquals(await ask("server"), ["10.1.1.9"]);
});

test("dns proposes whoever has the name data-server, and is silent where nobody has", async () => {
  assertEquals(await ask("dns", { dataServer: "10.1.1.1" }), ["10.1.1.1"]);
  assertEquals(await ask("dns", { dataServer: new Error("failed to lookup address information") }), []);
});

test("gateway proposes the default routes' gateways over the interfaces, the preferred first", async () => {
  const routes = [
    { gateway: "10.1.1.254", dev: "eth0", metric: 200 },
    { gateway: "10.1.1.1", dev: "eth0", metric: 100 },
    { gateway: "10.2.2.1", dev: "eth1" },
    { dev: "tun0" },
  ];
  assertEquals(await ask("gateway", { ...TWO_NICS, routes }), ["10.1.1.1 eth0", "10.1.1.254 eth0"]);
});

test("sources fail with what keeps them from looking", async () => {
  const routes = [{ gateway: "10.1.1.1", dev: "eth0" }];
  const error = await assertRejects(() => ask("gateway", { routes, interfaces: [] }), SourceError);
  assertEquals([error.kind, error.message], ["no_address", "eth0 has no IPv4 address"]);
});
