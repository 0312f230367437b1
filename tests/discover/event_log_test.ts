import { assertEquals } from "@std/assert";
import { DiscoveryError } from "../../lib/discover/errors.ts";
import { createEventLog } from "../../lib/discover/event_log.ts";
import type { EventLog } from "../../lib/discover/event_log.ts";
import type { CandidateReport, SearchReport } from "../../lib/discover/report.ts";
import type { Router } from "../../lib/discover/router.ts";
import { SourceError } from "../../lib/discover/sources/source_error.ts";
import { UpstreamError } from "../../lib/http1/error.ts";
import { createLog } from "../../lib/telemetry/log.ts";
import { createRegistry } from "../../lib/telemetry/metrics.ts";
import { ROUTER as SAMPLE } from "../support/fakes/router.ts";
import { test } from "../support/test.ts";

const ROUTER: Router = { ...SAMPLE, elapsedMs: 41.6 };
const DRIVE: Router = { ...ROUTER, address: "config-drive", source: "config_drive", iface: undefined };

const OTHER: CandidateReport = {
  source: "dns",
  address: "10.1.1.2",
  iface: "eth0",
  isOnLink: true,
  identity: undefined,
  verdict: "invalid",
  elapsedMs: 1,
  cause: { source: "dns", kind: "refused", message: "10.1.1.2 is closed" },
};
const FOREIGN: CandidateReport = { ...OTHER, identity: "i-6-66-VM", verdict: "refused" };

function reportOf(router: Router | undefined, ...candidates: CandidateReport[]): SearchReport {
  return { router, elapsedMs: 2_000, sources: [], candidates };
}

/** What is logged of events, the time left out, and what is counted; `pass` lets time go by, in milliseconds. */
function listen(
  act: (events: EventLog, lines: string[], pass: (ms: number) => void) => void,
): { lines: string[]; metrics: string } {
  const lines: string[] = [];
  let time = 0;
  const metrics = createRegistry();
  const log = createLog((line) => lines.push(line.slice(25).trimEnd()), {
    level: "debug",
    format: "text",
    now: () => 0,
  });
  act(createEventLog({ log, metrics, now: () => time }), lines, (ms) => time += ms);
  return { lines, metrics: metrics.render() };
}

const FIELDS = "address=10.1.1.1 source=dhcp iface=eth0 searchMs=42";
type Was = Parameters<EventLog["found"]>[1];
const FOUND: readonly (readonly [what: string, router: Router, was: Partial<Was>, lines: string[]])[] = [
  ["the first router", ROUTER, { wasTrusted: false }, [`info  found the router ${FIELDS}`]],
  ["the same router after an outage", ROUTER, { before: ROUTER, wasTrusted: false }, [
    `info  the router is back ${FIELDS} outageMs=1235`,
  ]],
  ["nothing of the same router in force", ROUTER, { before: ROUTER }, []],
  ["another router", ROUTER, { before: { ...ROUTER, address: "10.1.1.9" } }, [
    `warn  the router moved ${FIELDS} from=10.1.1.9`,
  ]],
  ["a drive in the place of a router", DRIVE, { before: ROUTER }, [
    "warn  no router, serving the config drive address=config-drive source=config_drive searchMs=42 from=10.1.1.1",
  ]],
  ["another identity than before", ROUTER, { identity: "i-6-66-VM", before: ROUTER }, [
    `warn  the router serves another identity than before ${FIELDS} identity=i-2-50-VM before=i-6-66-VM`,
  ]],
  ["nothing of the same identity", ROUTER, { identity: "i-2-50-VM", before: ROUTER }, []],
];
for (const [what, router, was, expected] of FOUND) {
  test(`createEventLog.found tells ${what}`, () => {
    const { lines } = listen((events) =>
      events.found(router, { before: undefined, identity: undefined, wasTrusted: true, outageMs: 1_234.5, ...was })
    );
    assertEquals(lines, expected);
  });
}

const SEARCHED: readonly (readonly [what: string, report: SearchReport, lines: string[]])[] = [
  ["why it ignores a candidate", reportOf(ROUTER, OTHER), [
    'info  ignoring a candidate address=10.1.1.2 source=dns reason="10.1.1.2 is closed"',
  ]],
  [
    "that another is preferred",
    reportOf(ROUTER, { ...OTHER, verdict: "outranked", identity: ROUTER.identity, cause: undefined }),
    ['info  ignoring a candidate address=10.1.1.2 source=dns reason="10.1.1.1 is preferred"'],
  ],
  ["nothing of the router itself", reportOf(ROUTER, { ...OTHER, address: "10.1.1.1", cause: undefined }), []],
  ["nothing of candidates where there is no router", reportOf(undefined, OTHER), []],
  ["of one with another identity beside the router", reportOf(ROUTER, FOREIGN), [
    "warn  another router serves another identity address=10.1.1.2 source=dns identity=i-6-66-VM router=10.1.1.1 " +
    "routerIdentity=i-2-50-VM",
  ]],
  ["of one with another identity that is refused, and what accepts it", reportOf(undefined, FOREIGN), [
    "warn  refusing a router of another identity address=10.1.1.2 source=dns identity=i-6-66-VM " +
    'reason="10.1.1.2 is closed" accept="a reload (SIGHUP) or a restart, if it is right"',
  ]],
];
for (const [what, report, expected] of SEARCHED) {
  test(`createEventLog.searched tells ${what}, once`, () => {
    const { lines } = listen((events) => {
      events.searched(report);
      events.searched(report);
    });
    assertEquals(lines, expected);
  });
}

test("createEventLog.searched tells of a candidate again when it is another kind of none", () => {
  const { lines } = listen((events) => {
    for (const verdict of ["invalid", "undecided"] as const) events.searched(reportOf(ROUTER, { ...OTHER, verdict }));
  });
  assertEquals(lines.length, 2);
});

test("createEventLog.searched counts searches and what came of each source, and how long in seconds", () => {
  const { metrics } = listen((events) => {
    events.searched({ ...reportOf(ROUTER), sources: [{ source: "dhcp", outcome: "found", cause: undefined }] });
    events.searched({ ...reportOf(undefined), sources: [{ source: "dhcp", outcome: "silent", cause: undefined }] });
  });
  assertEquals(metrics.split("\n").filter((line) => /_total\{|_(sum|count)\{/.test(line)), [
    'mdproxy4cs_discovery_attempts_total{source="dhcp",outcome="found"} 1',
    'mdproxy4cs_discovery_attempts_total{source="dhcp",outcome="silent"} 1',
    'mdproxy4cs_discovery_seconds_sum{outcome="found"} 2',
    'mdproxy4cs_discovery_seconds_count{outcome="found"} 1',
    'mdproxy4cs_discovery_seconds_sum{outcome="failed"} 2',
    'mdproxy4cs_discovery_seconds_count{outcome="failed"} 1',
  ]);
});

test("createEventLog.trouble tells each trouble of a source once, and warns only of port 68", () => {
  const { lines } = listen((events) => {
    for (const message of ["a", "a", "b"]) events.trouble("dns", new Error(message));
    events.trouble("dhcp", new SourceError("client_port_unavailable", "a"));
    events.trouble("dhcp", new SourceError("no_answer", "c"));
  });
  assertEquals(lines.map((line) => line.split(" error=")[0]), [
    "info  a source has trouble source=dns",
    "info  a source has trouble source=dns",
    "warn  a source has trouble source=dhcp",
    "info  a source has trouble source=dhcp",
  ]);
});

test("createEventLog.substitute tells of each interface that stands in once", () => {
  const { lines } = listen((events) => {
    for (const using of ["eth1", "eth1", "eth2"]) events.substitute("eth0", { using, reason: "gone" });
  });
  assertEquals(lines, [
    "warn  using another interface iname=eth0 using=eth1 reason=gone",
    "warn  using another interface iname=eth0 using=eth2 reason=gone",
  ]);
});

test("createEventLog forgets what it said when there is more of it than anybody would read", () => {
  listen((events, lines) => {
    const say = (count: number) => events.trouble("dns", new Error(String(count)));
    for (let count = 0; count < 256; count++) say(count);
    say(0);
    assertEquals(lines.length, 256);
    say(256);
    say(0);
    assertEquals(lines.length, 258);
    say(0);
    assertEquals(lines.length, 258);
  });
});

test("createEventLog.failed warns once of an outage, and each time of a reload that found nobody", () => {
  const error = new DiscoveryError([]);
  const { lines } = listen((events) => {
    for (const failures of [1, 2]) events.failed(error, { failures, keeping: undefined });
    for (const failures of [1, 2]) events.failed(error, { failures, keeping: ROUTER });
  });
  const why = 'error="no source has anything to say"';
  assertEquals(lines, [
    `warn  no router found, searching on ${why}`,
    `debug no router found, searching on ${why} failures=2`,
    `warn  keeping the previous router address=10.1.1.1 ${why}`,
    `warn  keeping the previous router address=10.1.1.1 ${why}`,
  ]);
});

test("createEventLog tells what becomes of the router in force", () => {
  const { lines } = listen((events) => {
    events.suspected(ROUTER, new Error("reset"));
    events.answered(ROUTER, { outageMs: 1_234.5 });
    events.slow(ROUTER);
    events.renamed(ROUTER, "10.1.1.2");
    events.renamed(ROUTER, "10.1.1.2");
    events.forgot("it is no JSON");
  });
  assertEquals(lines, [
    "warn  the router is suspect reason=unexpected address=10.1.1.1 error=reset",
    "info  the router is back address=10.1.1.1 outageMs=1235",
    "info  the router is slow to answer address=10.1.1.1",
    "info  the router names another server address=10.1.1.1 server=10.1.1.2",
    'warn  ignoring what was known before the restart reason="it is no JSON"',
  ]);
});

test("createEventLog tells once a minute that a router is suspect for the same reason, and is back; an outage each time", () => {
  const REFUSED = new UpstreamError("refused", "closed");
  const { lines } = listen((events, lines, pass) => {
    const flap = (error: Error) => {
      events.suspected(ROUTER, error);
      events.answered(ROUTER, { outageMs: 1 });
    };
    for (let times = 0; times < 3; times++) flap(REFUSED);
    flap(new UpstreamError("reset", "reset"));
    lines.push("a long outage");
    events.suspected(ROUTER, REFUSED);
    events.failed(new DiscoveryError([]), { failures: 1, keeping: undefined });
    events.answered(ROUTER, { outageMs: 5_000 });
    lines.push("a minute later");
    pass(60_000);
    flap(REFUSED);
    lines.push("another router");
    events.found({ ...ROUTER, address: "10.1.1.2" }, {
      before: ROUTER,
      identity: undefined,
      wasTrusted: true,
      outageMs: 0,
    });
    flap(REFUSED);
  });
  assertEquals(
    lines.filter((line) => !line.startsWith("debug")).map((line) => line.replace(/ address=.*| error=.*/, "")),
    [
      "warn  the router is suspect reason=refused",
      "info  the router is back",
      "warn  the router is suspect reason=reset",
      "info  the router is back",
      "a long outage",
      "warn  no router found, searching on",
      "info  the router is back",
      "a minute later",
      "warn  the router is suspect reason=refused",
      "info  the router is back",
      "another router",
      "warn  the router moved",
      "warn  the router is suspect reason=refused",
      "info  the router is back",
    ],
  );
});
