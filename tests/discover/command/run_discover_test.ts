import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { DiscoveryConfig } from "../../../lib/config/config.ts";
import { runDiscover } from "../../../lib/discover/command/run_discover.ts";
import type { DiscoverOptions } from "../../../lib/discover/command/run_discover.ts";
import type { ServiceBelief } from "../../../lib/discover/command/overview.ts";
import { LEASE_SOURCES } from "../../../lib/discover/sources/lease_sources.ts";
import { createConfigDrive } from "../../../lib/config_drive/config_drive.ts";
import { SILENT } from "../../../lib/telemetry/log.ts";
import { UpstreamError } from "../../../lib/http1/error.ts";
import { test } from "../../support/test.ts";
import { discoveryConfig } from "../../support/fakes/config.ts";
import { createLan, interfaceAt, linkAt } from "../../support/fakes/lan.ts";
import type { GuestOptions, Lan } from "../../support/fakes/lan.ts";
import { createVirtualClock } from "../../support/fakes/virtual_clock.ts";

/** Runs the command on a network of one's making. */
async function discover(
  furnish: (lan: Lan) => void,
  { config = {}, guest = {}, userData, drive, json = false, isColored = false, show, service }: {
    readonly config?: Partial<DiscoveryConfig>;
    readonly guest?: Partial<GuestOptions>;
    /** Why they do not come. */
    readonly userData?: Error;
    /** What there is in the place of a network. */
    readonly drive?: DiscoverOptions["drive"];
    readonly json?: boolean;
    readonly isColored?: boolean;
    readonly show?: (text: string) => void;
    /** What runs beside the command. */
    readonly service?: ServiceBelief;
  } = {},
): Promise<{ code: number; output: string }> {
  const clock = createVirtualClock();
  const lan = createLan(clock);
  furnish(lan);
  let output = "";
  let isClosed = false;
  const request: typeof lan.client.request = (address, head, options) =>
    userData !== undefined && head.target === "/latest/user-data"
      ? Promise.reject(userData)
      : lan.client.request(address, head, options);
  const exit = runDiscover(discoveryConfig({ timeoutMs: 5_000, ...config }), {
    json,
    write: (text) => void (output += text),
    drive: drive ?? createConfigDrive({ folder: undefined, savedPath: undefined, log: SILENT }),
    ...(drive === undefined ? { client: { request, close: () => void (isClosed = true) } } : {}),
    clock,
    isColored,
    listen: { hostname: "169.254.169.254", port: 39724 },
    ...(show === undefined ? {} : { show }),
    host: lan.createGuest(guest).host,
    askService: () =>
      service === undefined ? Promise.reject(new Error("No service answers")) : Promise.resolve(service),
  });
  await clock.run(10_000);
  const code = await exit;
  assertEquals(isClosed, drive === undefined);
  return { code, output };
}

test("runDiscover prints a table of all sources and the router it found", async () => {
  const { code, output } = await discover((lan) => {
    lan.add({ address: "10.1.1.1" });
    lan.add({ address: "10.1.1.66", web: { status: 404, body: "" } });
    lan.add({ address: "192.0.2.1", dhcp: false });
  }, { guest: { dataServer: "192.0.2.1", routes: [{ gateway: "10.1.1.1", dev: "eth0" }] } });
  assertEquals(code, 0);
  assertEquals(
    output,
    `\
interface  eth0, 10.1.1.50, 02:00:4c:9f:00:0a
gateway    10.1.1.1 on eth0
listen     169.254.169.254:39724 (the address is not on lo)
service    No service answers

SOURCE   CANDIDATE  ON-LINK  VALIDATED  TIME  VERDICT
dhcp     10.1.1.1   yes      yes        2 ms  the router
dhcp     10.1.1.66  yes      no         4 ms  serves no metadata
dns      192.0.2.1  no       yes        2 ms  valid, another is preferred
gateway  10.1.1.1   yes      yes        2 ms  the router
nothing to say: ${Object.keys(LEASE_SOURCES).join(", ")}

dhcp: 10.1.1.66 serves no metadata: /latest/meta-data/instance-id has status 404
The router is 10.1.1.1, found by dhcp on eth0.
`,
  );
});

for (
  const [kind, says] of [
    ["response_timeout", /but its large answers do not come: .*nothing came \(so it is\)\. Next: .*MTU/],
    ["idle_timeout", /but its large answers do not come: .*MTU/],
    [
      "reset",
      /but its user-data do not come: .*nothing came \(so it is\)\. Next: look for a firewall or a missing route/,
    ],
    ["cut_short", /but its user-data do not come: .*\. Next: its web server is overloaded or broken/],
  ] as const
) {
  test(`runDiscover says what to try where user-data fail: ${kind}`, async () => {
    const userData = new UpstreamError(kind, "so it is");
    const { output } = await discover((lan) => lan.add({ address: "10.1.1.1" }), { userData });
    assertMatch(output, says);
  });
}

test("runDiscover says the most likely cause and what to try when there is no router", async () => {
  const denied = Object.assign(new Error("Permission denied"), { name: "PermissionDenied" });
  const { code, output } = await discover(() => {}, { guest: { port68: denied } });
  assertEquals(code, 1);
  assertEquals(
    output,
    `\
interface  eth0, 10.1.1.50, 02:00:4c:9f:00:0a
gateway    none
listen     169.254.169.254:39724 (the address is not on lo)
service    No service answers

SOURCE  CANDIDATE  ON-LINK  VALIDATED  TIME  VERDICT
dhcp    -          -        -          -     failed
nothing to say: ${Object.keys(LEASE_SOURCES).join(", ")}, dns, gateway

dhcp: no DHCP server answered on eth0 (10.1.1.50, 02:00:4c:9f:00:0a): cannot listen on port 68 (needs CAP_NET_BIND_SERVICE): Permission denied
No router found. Most likely: no DHCP server answered on eth0 (10.1.1.50, 02:00:4c:9f:00:0a): cannot listen on port 68 \
(needs CAP_NET_BIND_SERVICE): Permission denied. \
Next: run as root or with CAP_NET_BIND_SERVICE, and see who holds the port with \`ss -ulpn sport = :68\`.
`,
  );
});

test("runDiscover notices that the link is down", async () => {
  const { output } = await discover(() => {}, { guest: { links: [linkAt(2, "eth0", { flags: ["BROADCAST"] })] } });
  assertMatch(output, /\nNo router found. Most likely: eth0 is down. Next: bring it up/);
});

test("runDiscover writes the same as JSON, with a version and the words of the status document", async () => {
  const { code, output } = await discover((lan) => lan.add({ address: "10.1.1.1" }), { json: true });
  assertEquals(code, 0);
  const {
    version,
    router,
    interfaces,
    listeners,
    service,
    serviceFailure,
    sources,
    candidates,
    userData,
    notes,
    advice,
  } = JSON.parse(
    output,
  );
  assertEquals(version, 1);
  assertEquals(router, {
    kind: "router",
    address: "10.1.1.1",
    source: "dhcp",
    interface: "eth0",
    identity: "i-2-50-VM",
    since: "2024-12-10T00:00:01.004Z",
    searchMs: router.searchMs,
  });
  assertEquals(interfaces, [{ name: "eth0", address: "10.1.1.50", mac: "02:00:4c:9f:00:0a", isUp: true }]);
  assertEquals([listeners, service], [{ metadata: "169.254.169.254:39724" }, null]);
  assertEquals(serviceFailure, "No service answers");
  assertEquals(
    sources.map(({ source }: { source: string }) => source),
    discoveryConfig().sources.filter((source) => source !== "server"),
  );
  assertEquals([candidates[0].verdict, candidates[0].interface, candidates[0].cause], ["router", "eth0", null]);
  assertEquals([userData, notes, advice], [{ status: 404, bytes: 0, length: null, failure: null }, [], null]);

  const failed = await discover(() => {}, { json: true, guest: { interfaces: [] } });
  assertEquals(failed.code, 1);
  const document = JSON.parse(failed.output);
  assertEquals([document.router, document.userData, document.elsewhere], [null, null, null]);
  assertEquals(document.advice.cause, "eth0 has no IPv4 address");
});

test("runDiscover says that the service refuses the router that was found, for its instance-id, and what accepts it", async () => {
  const router = { kind: "router", address: "10.1.1.1", source: "dhcp" };
  const result = async (state: ServiceBelief["state"], identity: string | undefined) => {
    const service = {
      program: { version: "2.1.0", pid: 412 },
      state,
      router: identity === undefined ? null : { ...router, identity },
      lastFailedSearch: null,
      listeners: { metadata: "169.254.169.254:39724" },
    };
    const { code, output } = await discover((lan) => lan.add({ address: "10.1.1.66" }), { service });
    return [code, output.trimEnd().split("\n").at(-1)];
  };
  const found = "The router is 10.1.1.66, found by dhcp on eth0";
  assertEquals(await result("suspect", "i-6-66-VM"), [
    0,
    `${found}, but the service refuses it: it serves the metadata of i-2-50-VM, this machine's is i-6-66-VM. ` +
    "Next: if that identity is right, `systemctl reload mdproxy4cs` or a restart accepts it.",
  ]);
  assertEquals(await result("suspect", "i-2-50-VM"), [0, `${found}.`]);
  assertEquals(await result("searching", undefined), [0, `${found}.`]);
  for (const state of ["ready", "unserved"] as const) {
    assertEquals(await result(state, "i-6-66-VM"), [0, `${found}.`]);
  }
});

test("runDiscover says which address a router offers where it knows the machine by another one", async () => {
  const { output } = await discover((lan) => lan.add({ address: "10.1.1.1", web: { status: 403, body: "" } }), {
    guest: { interfaces: [interfaceAt("10.1.1.60")] },
  });
  assertMatch(
    output,
    /Most likely: 10\.1\.1\.1 serves no metadata: .* has status 403\. Next: 10\.1\.1\.1 offers 10\.1\.1\.50/,
  );
  assertMatch(output, /but eth0 has 10\.1\.1\.60: give the interface the address/);
});

test("runDiscover asks a config drive with a client of its own", async () => {
  const state = { isPresent: () => true, problem: () => undefined };
  const id = [Uint8Array.from(new TextEncoder().encode("i-2-50-VM"))];
  const body = { length: 9, read: () => Promise.resolve(id.shift()), takeWhole: () => undefined, cancel() {} };
  const { code, output } = await discover(() => {}, {
    config: { sources: ["config_drive"] },
    guest: { drive: state },
    drive: { ...state, respond: () => ({ status: 200, headers: [], body }) },
  });
  assertEquals(code, 0);
  assertMatch(output, /\nThe router is config-drive, found by config_drive\.\n/);
});

test("runDiscover shows what others said as text, and nothing that a terminal would obey", async () => {
  const state = { isPresent: () => false, problem: () => "of \u009b31m\u001b]0;x\n" };
  for (const json of [false, true]) {
    const { code, output } = await discover(() => {}, {
      json,
      config: { sources: ["config_drive"] },
      guest: { drive: state },
      drive: {
        ...state,
        respond: () => {
          throw new Error("nobody is to be asked");
        },
      },
    });
    assertEquals(code, 1);
    assertStringIncludes(output, json ? "of \\u009b31m\\u001b]0;x\\n" : "of \\u009b31m\\u001b]0;x\\u000a");
    // deno-lint-ignore no-control-regex
    assertEquals(output.match(/[\0-\x09\x0b-\x1f\x7f-\x9f]/), null);
  }
});

test("runDiscover says from where a router was asked that does not know the machine", async () => {
  const { output } = await discover((lan) => lan.add({ address: "10.1.1.1", web: { status: 404, body: "" } }));
  assertMatch(output, /requests leave from 10\.1\.1\.50 \(eth0, 02:00:4c:9f:00:0a\)\.\n$/);
});

test("runDiscover writes colours only where they are wanted", async () => {
  const furnish = (lan: Lan) => void lan.add({ address: "10.1.1.1" });
  const { output } = await discover(furnish, { isColored: true });
  const plain = await discover(furnish);
  assertEquals(output.includes("\x1b[32mdhcp"), true);
  assertEquals(output.includes("\x1b[1mThe router is 10.1.1.1"), true);
  // deno-lint-ignore no-control-regex
  assertEquals(output.replace(/\x1b\[\d*m/g, ""), plain.output);
});

test("runDiscover shows what it waits for, and takes it away", async () => {
  const shown: string[] = [];
  await discover(() => {}, { show: (text) => void shown.push(text) });
  assertMatch(shown[0]!, /searching, 0 of 5 s: waiting for dhcp/);
  assertEquals(shown.at(-1), "\r\x1b[K");
});
