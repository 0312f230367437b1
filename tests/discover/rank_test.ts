import { assertEquals } from "@std/assert";
import type { Proposal } from "../../lib/discover/candidate.ts";
import { canBeOutranked, compareCandidates } from "../../lib/discover/rank.ts";
import type { Ranked } from "../../lib/discover/rank.ts";
import { test } from "../support/test.ts";

const ORDER = ["server", "dhcp", "dns", "gateway", "config_drive"];

/** A candidate as "address source[@interface][?][ source...]", on-link unless it begins with 192; `?` is remembered. */
function candidate(text: string): Ranked {
  const [address = "", ...sources] = text.split(" ");
  const proposals = sources.map((source): Proposal => {
    const [, name, iface] = /^(\w+)(?:@(\w+))?/.exec(source)!;
    return { source: name as Proposal["source"], iface, isRemembered: source.endsWith("?") };
  });
  return { address, isOnLink: !address.startsWith("192"), proposals };
}

function compare(a: string, b: string): number {
  return Math.sign(compareCandidates(candidate(a), candidate(b), {
    priority: ({ source }) => ORDER.indexOf(source),
    interfaceRank: (iface) => Math.max(0, ["eth0", "eth1"].indexOf(iface ?? "")),
    gateways: new Set(["10.1.1.254"]),
  }));
}

const BETTER: readonly (readonly [why: string, better: string, worse: string])[] = [
  ["the operator's word", "192.0.2.1 server", "10.1.1.254 dhcp"],
  ["a router before a drive", "192.0.2.1 gateway@eth1", "config-drive config_drive"],
  ["the better interface, even off-link", "192.0.2.1 dhcp@eth0", "10.2.2.1 dhcp@eth1"],
  ["on-link", "10.1.1.9 dns", "192.0.2.1 dhcp"],
  ["the gateway that is known as one", "10.1.1.254 dns", "10.1.1.1 dhcp"],
  ["the gateway that the source named", "10.1.1.9 dns gateway", "10.1.1.1 dhcp"],
  ["named now rather than remembered", "10.1.1.9 dns", "10.1.1.1 dhcp?"],
  ["the more trusted source", "10.1.1.9 dhcp", "10.1.1.1 dns"],
  ["the lower address, as a number", "10.1.1.9 dhcp", "10.1.1.10 dhcp"],
];
for (const [why, better, worse] of BETTER) {
  test(`compareCandidates prefers ${why}`, () => {
    assertEquals([compare(better, worse), compare(worse, better), compare(better, better)], [-1, 1, 0]);
  });
}

/** Whether it can be outranked at a start with one default gateway, unless it is said otherwise. */
function canBe(text: string, { gateways = ["10.1.1.254"], server, sources = ORDER }: {
  readonly gateways?: readonly string[];
  readonly server?: string;
  readonly sources?: readonly string[];
} = {}) {
  return canBeOutranked(candidate(text), {
    interfaceRank: (iface) => Math.max(0, ["eth0", "eth1"].indexOf(iface ?? "")),
    gateways: new Set(gateways),
    server,
    sources: sources as readonly Proposal["source"][],
  });
}

const OUTRANKED: readonly (readonly [what: string, expected: boolean, ...Parameters<typeof canBe>])[] = [
  ["the only default gateway, on-link", false, "10.1.1.254 dhcp@eth0"],
  ["the operator's", false, "192.0.2.1 server", { server: "192.0.2.1", gateways: [] }],
  ["the gateway where the operator named another", true, "10.1.1.254 dhcp@eth0", { server: "10.1.1.9" }],
  ["the gateway where the operator's is not asked for", false, "10.1.1.254 dhcp", {
    server: "10.1.1.9",
    sources: ["dhcp"],
  }],
  ["the gateway on another interface", true, "10.1.1.254 dhcp@eth1"],
  ["a gateway off-link", true, "192.0.2.1 dhcp@eth0", { gateways: ["192.0.2.1"] }],
  ["one of two gateways", true, "10.1.1.254 dhcp@eth0", { gateways: ["10.1.1.254", "10.1.1.253"] }],
  ["one that is no gateway", true, "10.1.1.1 dhcp@eth0"],
  ["one where no gateway is known", true, "10.1.1.254 dhcp@eth0", { gateways: [] }],
  ["the gateway where a drive goes first", true, "10.1.1.254 dhcp@eth0", { sources: ["config_drive", "dhcp"] }],
];
for (const [what, expected, ...given] of OUTRANKED) {
  test(`canBeOutranked is ${expected} for ${what}`, () => {
    assertEquals(canBe(...given), expected);
  });
}
