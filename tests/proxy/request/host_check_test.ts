import { assertEquals } from "@std/assert";
import { createHostCheck } from "../../../lib/proxy/request/client_request.ts";
import { test } from "../../support/test.ts";

const isOwn = createHostCheck({ hostname: "169.254.169.254", port: 39724 }, ["metadata", "metadata.internal"]);

const HOSTS: readonly (readonly [authority: string, own: boolean])[] = [
  ["169.254.169.254:39724", true],
  ["169.254.169.254", true],
  ["169.254.169.254:80", true],
  ["localhost", true],
  ["LocalHost:39724", true],
  ["127.0.0.1", true],
  ["127.0.0.1:39724", true],
  ["127.1.2.3:9", true],
  ["[::1]:39724", true],
  ["[::1]", true],
  ["metadata:39724", true],
  ["Metadata.Internal", true],
  ["169.254.169.253", false],
  ["10.1.1.1", false],
  ["127.0.0.1.evil.example", false],
  ["127.evil.example", false],
  ["127.0.0.256", false],
  ["localhost.evil.example", false],
  ["evil.example:39724", false],
  ["evil.example@127.0.0.1", false],
  ["127.0.0.1@evil.example", false],
  ["localhost, evil.example", false],
  ["localhost/evil.example", false],
  ["localhost:", false],
  ["localhost:123456", false],
  ["localhost:x", false],
  [" localhost", false],
  ["[::2]", false],
  ["::1", false],
  ["", false],
];

for (const [authority, own] of HOSTS) {
  test(`createHostCheck ${own ? "knows" : "does not know"} ${JSON.stringify(authority)}`, () => {
    assertEquals(isOwn(authority), own);
  });
}

test("createHostCheck knows a listen address in IPv6 by its brackets", () => {
  assertEquals(createHostCheck({ hostname: "::1", port: 39724 }, [])("[::1]:39724"), true);
});

test("createHostCheck knows a name that was allowed with a port by that port alone, however it is written", () => {
  const isAllowed = createHostCheck({ hostname: "169.254.169.254", port: 39724 }, ["metadata.internal:8080"]);
  assertEquals(
    ["metadata.internal:8080", "Metadata.Internal:8080", "metadata.internal:80", "metadata.internal"].map(isAllowed),
    [true, true, false, false],
  );
});
