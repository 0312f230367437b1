import { assert, assertEquals, assertMatch } from "@std/assert";
import { SOURCE_NAMES } from "../../../lib/config/words.ts";
import type { SourceName } from "../../../lib/config/words.ts";
import { diagnose } from "../../../lib/discover/command/diagnose.ts";
import type { FailedSearch } from "../../../lib/discover/command/diagnose.ts";
import { REMEDIES } from "../../../lib/discover/command/remedies.ts";
import type { Cause, CauseKind } from "../../../lib/discover/errors.ts";
import { test } from "../../support/test.ts";

/** Causes written as "source kind", which is also what they say. */
function causesOf(texts: readonly string[]): Cause[] {
  return texts.map((text) => {
    const [source, kind] = text.split(" ");
    return { source: source as SourceName, kind: kind as CauseKind, message: text };
  });
}

function diagnoseAll(texts: readonly string[], search: Partial<FailedSearch> = {}) {
  return diagnose({ sources: SOURCE_NAMES, hasCandidates: true, causes: causesOf(texts), ...search });
}

/** What failed, as "source kind", and the one that explains it, with a word of the advice. */
const CASES: readonly (readonly [causes: readonly string[], expected: string, advice: RegExp])[] = [
  [["dhcp exhausted", "gateway no_interface"], "dhcp exhausted", /LimitNOFILE/],
  [["dhcp no_interface", "gateway no_interface"], "dhcp no_interface", /--iname/],
  [["dhcp no_address", "networkd silent"], "dhcp no_address", /ip address/],
  [["dhcp no_answer", "dhcp link_down"], "dhcp link_down", /ip link set/],
  [["dhcp no_answer", "gateway command"], "dhcp no_answer", /MAC address/],
  [["dhcp command"], "dhcp command", /iproute2/],
  [["dhcp not_allowed", "dns silent"], "dhcp not_allowed", /--allow-server/],
  [["dhcp no_answer", "gateway not_allowed"], "dhcp no_answer", /MAC address/],
  [["dhcp no_answer", "server unusable"], "server unusable", /correct --server/],
  [["dhcp own_address"], "dhcp own_address", /ip address/],
  [["dhcp other_identity", "dhclient refused"], "dhcp other_identity", /reload/],
  [["dhcp refused", "dhcp unknown_guest", "gateway refused"], "dhcp unknown_guest", /address and MAC/],
  [["dhcp redirect"], "dhcp redirect", /portal/],
  [["dhcp server_error"], "dhcp server_error", /broken or still starting/],
  [["networkd empty", "dhcp no_answer"], "networkd empty", /curl/],
  [["dhcp not_metadata"], "dhcp not_metadata", /curl/],
  [["dhcp malformed", "dhcp timeout"], "dhcp malformed", /something else than a web server/],
  [["dhcp refused", "gateway refused"], "dhcp refused", /web server/],
  [["dhcp connect_timeout", "dhcp response_timeout"], "dhcp response_timeout", /accepts connections/],
  [["dhcp timeout", "dhcp connect_timeout"], "dhcp connect_timeout", /drops/],
  [["dhcp timeout"], "dhcp timeout", /firewall/],
  [["dhcp unreachable"], "dhcp unreachable", /route/],
  [["dhcp firewall", "dhcp no_answer"], "dhcp firewall", /nft list ruleset/],
  [["dhcp client_port_unavailable", "dhcp not_believed"], "dhcp not_believed", /--server/],
  [["dhcp client_port_unavailable", "gateway refused"], "dhcp client_port_unavailable", /CAP_NET_BIND_SERVICE/],
  [["dhcp network", "gateway silent"], "dhcp network", /ip link/],
  [["dhcp no_answer", "gateway refused"], "dhcp no_answer", /router runs/],
  [["dhcp no_answer", "dhclient unreadable"], "dhcp no_answer", /router runs/],
  [["gateway refused"], "gateway refused", /web server/],
];
for (const [causes, expected, advice] of CASES) {
  test(`diagnose finds "${expected}" in ${causes.join(", ")}`, () => {
    const { cause, next } = diagnoseAll(causes);
    assertEquals(cause, expected);
    assert(advice.test(next), next);
  });
}

test("diagnose has advice for every kind of cause", () => {
  for (const kind of Object.keys(REMEDIES) as CauseKind[]) {
    const { cause, next } = diagnoseAll([`dhcp ${kind}`]);
    if (kind !== "silent") assertEquals([cause, next.startsWith(REMEDIES[kind])], [`dhcp ${kind}`, true]);
    assertMatch(REMEDIES[kind], /^[a-z`].*[^.]$/, kind);
  }
});

test("diagnose names both addresses where the router knows the machine by another one", () => {
  const causes = [
    ...causesOf(["dhcp unknown_guest"]),
    { source: "dhcp", kind: "other_address", message: "10.1.1.1 offers 10.1.1.50, but eth0 has 10.1.1.60" } as const,
  ];
  const { next } = diagnose({ sources: SOURCE_NAMES, hasCandidates: true, causes });
  assertMatch(next, /^10\.1\.1\.1 offers 10\.1\.1\.50, but eth0 has 10\.1\.1\.60: give the interface the address/);
});

test("diagnose says where requests leave from where the router knows no better", () => {
  const searchedOn = "10.1.1.50 (eth0, 02:00:4c:9f:00:0a)";
  assertMatch(diagnoseAll(["dhcp unknown_guest"], { searchedOn }).next, /leave from 10\.1\.1\.50 \(eth0, 02:00:4c/);
  assertEquals(diagnoseAll(["dhcp refused"], { searchedOn }).next.includes("leave from"), false);
});

test("diagnose names the interface that has the route where nobody answered", () => {
  const elsewhere = { gateway: "10.2.2.1", iface: "eth1" };
  for (const kind of ["no_answer", "firewall"]) {
    assertMatch(diagnoseAll([`dhcp ${kind}`], { elsewhere }).next, /default route is over eth1.*--iname eth1/);
  }
  assertEquals(diagnoseAll(["dhcp refused"], { elsewhere }).next.includes("eth1"), false);
});

test("diagnose asks for a config drive where nobody was named at all", () => {
  assertMatch(diagnoseAll(["dhcp no_answer"], { hasCandidates: false }).next, /is a config drive attached\?/);
  assertEquals(diagnoseAll(["dhcp no_answer"]).next.includes("config drive"), false);
});

test("diagnose has advice where every source was silent", () => {
  const silent = { causes: causesOf(["dns silent"]), hasCandidates: false };
  const { cause, next } = diagnose({ sources: ["dhcp", "dns"], ...silent });
  assertEquals(cause, "no source had anything to say");
  assertMatch(next, /--server.*is a config drive attached\?/);
  assertMatch(diagnose({ sources: ["dns"], ...silent }).next, /add dhcp to --discovery/);
});
