import { assert, assertEquals } from "@std/assert";
import { SOURCE_NAMES } from "../../../lib/config/options.ts";
import type { SourceName } from "../../../lib/config/options.ts";
import type { CauseKind } from "../../../lib/discover/errors.ts";
import { diagnose } from "../../../lib/discover/command/diagnose.ts";
import { test } from "../../support/test.ts";

/** What failed, as "source kind", and the one that explains it, with a word of the advice. */
const CASES: readonly (readonly [causes: readonly string[], expected: string, advice: RegExp])[] = [
  [["dhcp no_interface", "gateway no_interface"], "dhcp no_interface", /--iname/],
  [["dhcp no_address", "networkd silent"], "dhcp no_address", /ip address/],
  [["dhcp no_answer", "dhcp link_down"], "dhcp link_down", /ip link set/],
  [["dhcp not_allowed", "dns silent"], "dhcp not_allowed", /--allow-server/],
  [["dhcp no_answer", "gateway not_allowed"], "dhcp no_answer", /MAC address/],
  [["dhcp unknown_guest", "gateway refused"], "dhcp unknown_guest", /address/],
  [["networkd empty", "dhcp no_answer"], "networkd empty", /curl/],
  [["dhcp not_metadata"], "dhcp not_metadata", /curl/],
  [["dhcp refused", "gateway refused"], "dhcp refused", /web server/],
  [["dhcp timeout"], "dhcp timeout", /firewall/],
  [["dhcp connect_timeout"], "dhcp connect_timeout", /firewall/],
  [["dhcp unreachable"], "dhcp unreachable", /firewall/],
  [["dhcp client_port_unavailable", "gateway refused"], "dhcp client_port_unavailable", /CAP_NET_BIND_SERVICE/],
  [["dhcp network", "gateway silent"], "dhcp network", /ip link/],
  [["dhcp no_answer", "gateway refused"], "dhcp no_answer", /router runs/],
  [["gateway refused"], "gateway refused", /web server/],
];
for (const [causes, expected, advice] of CASES) {
  test(`diagnose finds "${expected}" in ${causes.join(", ")}`, () => {
    const { cause, next } = diagnose({
      sources: SOURCE_NAMES,
      causes: causes.map((text) => {
        const [source, kind] = text.split(" ");
        return { source: source as SourceName, kind: kind as CauseKind, message: text };
      }),
    });
    assertEquals(cause, expected);
    assert(advice.test(next), next);
  });
}

test("diagnose has advice where every source was silent", () => {
  const causes = [{ source: "dns", kind: "silent", message: "has nothing to say" }] as const;
  assert(diagnose({ sources: ["dhcp", "dns"], causes }).next.includes("--server"));
  assert(diagnose({ sources: ["dns"], causes }).next.includes("add dhcp to --discovery"));
});
