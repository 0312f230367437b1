import { assertEquals, assertStringIncludes } from "@std/assert";
import { CONFIG_DRIVE } from "../../lib/config_drive/address.ts";
import { formatStatus, summarizeStatus } from "../../lib/control/format_status.ts";
import { readTotals } from "../../lib/control/read_totals.ts";
import { describeBelief, describeStatus } from "../../lib/control/status.ts";
import type { Resolved, StatusSources } from "../../lib/control/status.ts";
import { createRegistry } from "../../lib/telemetry/metrics.ts";
import { test } from "../support/test.ts";

const AT = Date.UTC(2026, 10, 25, 4);
const ROUTER = {
  address: "10.1.1.1",
  source: "dhcp",
  iface: "eth0",
  identity: "i-2-10-VM",
  since: AT + 31,
  elapsedMs: 12.4,
};

function believe(resolved: Partial<Resolved> = {}, isServed = true) {
  const usual = { state: "ready", router: ROUTER, confirmedAt: AT + 120_000, lastFailure: undefined } as const;
  return describeBelief({ ...usual, ...resolved }, { isServed });
}

function sources(resolved: Partial<Resolved> = {}, more: Partial<StatusSources> = {}): StatusSources {
  return {
    build: { version: "2.1.0", commit: "abc", deno: "2.9.6", target: "x86_64-unknown-linux-gnu" },
    pid: 412,
    startedAt: AT,
    belief: believe(resolved),
    recent: [],
    metrics: "",
    listeners: { metadata: "169.254.169.254:39724", admin: null, control: "/run/mdproxy4cs/control.sock" },
    ...more,
  };
}

test("describeStatus shows everything under the names that its page promises", () => {
  const metrics = createRegistry();
  const answered = metrics.counter("mdproxy4cs_requests_total", "");
  for (const status of ["2xx", "2xx", "4xx"]) answered.increment({ class: status });
  metrics.counter("mdproxy4cs_upstream_errors_total", "").increment({ kind: "refused" });
  metrics.counter("mdproxy4cs_cache_total", "").increment({ outcome: "hit" });
  metrics.gauge("mdproxy4cs_requests_in_flight", "", () => [{ value: 1 }]);
  const problem = { time: "2026-11-25T04:00:00.000Z", level: "warn", message: "odd", fields: {} } as const;
  const lastFailure = { at: AT, message: "dhcp: silent" };
  assertEquals(describeStatus(sources({ lastFailure }, { metrics: metrics.render(), recent: [problem] })), {
    version: 1,
    program: {
      name: "mdproxy4cs",
      version: "2.1.0",
      commit: "abc",
      deno: "2.9.6",
      target: "x86_64-unknown-linux-gnu",
      pid: 412,
      startedAt: "2026-11-25T04:00:00.000Z",
    },
    state: "ready",
    router: {
      kind: "router",
      address: "10.1.1.1",
      source: "dhcp",
      interface: "eth0",
      identity: "i-2-10-VM",
      since: "2026-11-25T04:00:00.031Z",
      searchMs: 12,
      confirmedAt: "2026-11-25T04:02:00.000Z",
    },
    lastFailedSearch: { at: "2026-11-25T04:00:00.000Z", message: "dhcp: silent" },
    lastProblems: [problem],
    requests: { inFlight: 1, answered: { "2xx": 2, "4xx": 1 }, upstreamErrors: { refused: 1 } },
    cache: { hit: 1 },
    listeners: { metadata: "169.254.169.254:39724", admin: null, control: "/run/mdproxy4cs/control.sock" },
  });
});

test("describeStatus says null for what is not known, and tells a drive from a router", () => {
  const none = describeStatus(sources({ state: "searching", router: undefined, confirmedAt: undefined }));
  assertEquals([none.router, none.lastFailedSearch, none.requests.inFlight], [null, null, 0]);
  const drive = describeStatus(sources({ router: { ...ROUTER, address: CONFIG_DRIVE, iface: undefined } }));
  assertEquals([drive.router?.kind, drive.router?.interface], ["drive", null]);
});

test("readTotals reads one series and none that begins alike", () => {
  const text = '# TYPE a counter\na{x="one"} 1\na{x="two"} 2.5\na 7\na_b{x="one"} 9\na{x="one",y="two"} 4\n';
  assertEquals(readTotals(text, "a"), { one: 1, two: 2.5, "": 7 });
  assertEquals(readTotals(text, "none"), {});
});

const SUMMARIES: readonly [what: string, resolved: Partial<Resolved>, says: string][] = [
  ["a router", {}, "ready: serving the metadata of 10.1.1.1, found by dhcp"],
  [
    "a drive",
    { router: { ...ROUTER, address: CONFIG_DRIVE, source: "config_drive" } },
    "ready: serving the metadata of the config drive",
  ],
  [
    "a router in doubt",
    { state: "suspect" },
    "not ready: 10.1.1.1, found by dhcp does not answer as it should, searching",
  ],
  [
    "a router in doubt for which a search has failed",
    { state: "suspect", lastFailure: { at: AT + 120_001, message: "dhcp: silent" } },
    "not ready: 10.1.1.1, found by dhcp does not answer as it should, searching: dhcp: silent",
  ],
  [
    "a router in doubt, and no search that failed before it was confirmed,",
    { state: "suspect", lastFailure: { at: AT + 119_999, message: "dhcp: silent" } },
    "not ready: 10.1.1.1, found by dhcp does not answer as it should, searching",
  ],
  ["no router", { state: "searching", router: undefined }, "not ready: searching for the virtual router"],
  [
    "a failed search",
    { state: "searching", router: undefined, lastFailure: { at: AT, message: "dhcp: deaf" } },
    "not ready: searching for the virtual router: dhcp: deaf",
  ],
  [
    "a failed search, and no control character of a stranger's,",
    { state: "searching", router: undefined, lastFailure: { at: AT, message: "\u001b[2J\n\u202e" } },
    "not ready: searching for the virtual router: \\u001b[2J\\u000a\\u202e",
  ],
];

for (const [what, resolved, says] of SUMMARIES) {
  test(`summarizeStatus names ${what} in a line`, () => {
    assertEquals(summarizeStatus(describeStatus(sources(resolved))), says);
  });
}

test("summarizeStatus names what is wrong with the router, and else that nobody can ask for its metadata", () => {
  const unserved = believe({}, false);
  assertEquals([unserved.state, unserved.router?.address], ["unserved", "10.1.1.1"]);
  assertEquals(summarizeStatus(unserved), "not ready: the listen address is not served");
  assertEquals(
    summarizeStatus(believe({ state: "searching", router: undefined }, false)),
    "not ready: searching for the virtual router",
  );
});

test("formatStatus shows people the same, and no control character of a stranger's", () => {
  const recent = [1, 2, 3, 4, 5, 6].map((n) => ({
    time: `2026-11-25T04:00:0${n}.000Z`,
    level: "warn" as const,
    message: `trouble ${n}`,
    fields: n === 6 ? { reason: "a\u001b[31m" } : {},
  }));
  const router = { ...ROUTER, identity: "i\u0007d" };
  assertEquals(
    formatStatus(describeStatus(sources({ router }, { recent }))),
    `program:   mdproxy4cs 2.1.0, pid 412, since 2026-11-25T04:00:00.000Z
state:     ready: serving the metadata of 10.1.1.1, found by dhcp
router:    10.1.1.1, found by dhcp on eth0 in 12 ms, since 2026-11-25T04:00:00.031Z
identity:  i\\u0007d
confirmed: 2026-11-25T04:02:00.000Z
requests:  0 in flight; answered: none
upstream:  errors: none
cache:     none
listening: metadata 169.254.169.254:39724, control /run/mdproxy4cs/control.sock
last problems:
  2026-11-25T04:00:02.000Z trouble 2
  2026-11-25T04:00:03.000Z trouble 3
  2026-11-25T04:00:04.000Z trouble 4
  2026-11-25T04:00:05.000Z trouble 5
  2026-11-25T04:00:06.000Z trouble 6 reason="a\\u001b[31m"
`,
  );
});

test("formatStatus has no router's lines without one, and counts by name", () => {
  const metrics = 'mdproxy4cs_requests_total{class="2xx"} 3\nmdproxy4cs_requests_total{class="5xx"} 1\n';
  const searching = formatStatus(describeStatus(sources({ state: "searching", router: undefined }, { metrics })));
  assertStringIncludes(searching, "state:     not ready: searching for the virtual router\nrequests:");
  assertStringIncludes(searching, "requests:  0 in flight; answered: 2xx 3, 5xx 1\n");
  const drive = { ...ROUTER, address: CONFIG_DRIVE, source: "config_drive", iface: undefined };
  const text = formatStatus(describeStatus(sources({ router: drive })));
  assertStringIncludes(text, "\ndrive:     found by config_drive in 12 ms, since 2026-11-25T04:00:00.031Z\n");
});
