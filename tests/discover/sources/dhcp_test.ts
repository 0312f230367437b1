import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { ExchangeOptions } from "../../../lib/dhcp/exchange.ts";
import type { LikelyServer } from "../../../lib/dhcp/round.ts";
import { SourceError } from "../../../lib/discover/sources/source_error.ts";
import { createNetwork } from "../../../lib/discover/sources/network.ts";
import type { Ask } from "../../../lib/discover/sources/source.ts";
import { dhcp } from "../../../lib/discover/sources/dhcp.ts";
import { createLan, interfaceAt } from "../../support/fakes/lan.ts";
import { createVirtualClock } from "../../support/fakes/virtual_clock.ts";
import { test } from "../../support/test.ts";
import { ask, dhclientLease } from "./ask.ts";

const CLIENT = { name: "eth0", address: "10.1.1.50", mac: "02:00:4c:9f:00:0a" };

test("dhcp proposes every server that answers, with the interface", async () => {
  const proposed = await ask("dhcp", {}, { routers: ["10.1.1.1", "10.1.1.66"] });
  assertEquals(new Set(proposed), new Set(["10.1.1.1 eth0", "10.1.1.66 eth0"]));
});

test("dhcp says who did not answer to whom", async () => {
  const error = await assertRejects(() => ask("dhcp"), SourceError);
  assertEquals([error.kind, error.message], [
    "no_answer",
    "no DHCP server answered on eth0 (10.1.1.50, 02:00:4c:9f:00:0a)",
  ]);
});

const PORT_68 = [
  ["AddrInUse", "cannot listen on port 68 (another program holds it and does not share it)"],
  ["PermissionDenied", "cannot listen on port 68 (needs CAP_NET_BIND_SERVICE)"],
  ["Error", "cannot listen on port 68 (it cannot be bound)"],
] as const;
for (const [name, message] of PORT_68) {
  test(`dhcp notes that port 68 cannot be had on ${name}, and blames it for hearing nothing`, async () => {
    const port68 = Object.assign(new Error("os error"), { name });
    assertEquals(await ask("dhcp", { port68 }, { routers: ["10.1.1.1"] }).then((said) => said.slice(0, 2)), [
      message,
      "10.1.1.1 eth0",
    ]);
    const error = await assertRejects(() => ask("dhcp", { port68 }), SourceError);
    assertEquals([error.kind, (error.cause as Error).message], ["client_port_unavailable", message]);
  });
}

const CANNOT_SEND = "cannot send on eth0 (10.1.1.50, 02:00:4c:9f:00:0a)";
const BLOCKED =
  "a firewall of this machine drops what is sent to DHCP servers (UDP port 67) on eth0 (10.1.1.50, 02:00:4c:9f:00:0a)";
const SEND_ERRORS = [
  ["Network is down (os error 100)", "network", CANNOT_SEND],
  ["Permission denied (os error 13)", "network", CANNOT_SEND],
  ["Operation not permitted (os error 1)", "firewall", BLOCKED],
] as const;
for (const [message, kind, words] of SEND_ERRORS) {
  test(`dhcp takes "${message}" on a send for a trouble of the kind ${kind}`, async () => {
    const error = await assertRejects(() => ask("dhcp", { sendError: new Error(message) }), SourceError);
    assertEquals([error.kind, error.message, (error.cause as Error).message], [kind, words, message]);
  });
}

/** Has the source hear what a test hands it. */
async function hear(feed: (options: ExchangeOptions) => unknown, options: Partial<Ask> = {}): Promise<string[]> {
  const { host } = createLan(createVirtualClock()).createGuest();
  const said: string[] = [];
  const { signal } = new AbortController();
  await dhcp({
    network: createNetwork({ iname: "eth0", isInameChosen: true, host, signal }),
    server: undefined,
    known: undefined,
    retryMs: 1_000,
    signal,
    propose: (address, by) => void said.push(`${address} ${typeof by === "string" ? by : by?.iface}`),
    note: ({ kind, message }) => void said.push(`${kind}: ${message}`),
    ...options,
    host: {
      ...(options.host ?? host),
      exchange: async (asked) => {
        await feed(asked);
      },
    },
  }).catch(({ kind, message }) => said.push(`failed ${kind}: ${message}`));
  return said;
}

const DISBELIEVED = [
  ["nak", undefined, "with a NAK (it refuses this machine's address)"],
  ["no_server_identifier", undefined, "without a server identifier (option 54)"],
  ["unusable_identifier", "127.0.0.1", "with the server identifier 127.0.0.1, which no router can have"],
  ["bootp", undefined, "with plain BOOTP (no message type)"],
  ["malformed", "Cannot decode", "with options that cannot be read (Cannot decode)"],
  ["not_dhcp", "too short", "with no DHCP message (too short)"],
  ["other_type", "4", "with a message of type 4, neither an offer nor an acknowledgement"],
] as const;
for (const [reason, detail, words] of DISBELIEVED) {
  test(`dhcp says who answered ${words}, and how often, and has the sender prove itself`, async () => {
    const reply = { sender: "10.1.1.1", reason, detail, client: reason === "not_dhcp" ? undefined : CLIENT };
    const said = await hear(({ onDisbelieved }) => {
      for (let count = 0; count < 3; count++) onDisbelieved!(reply);
      onDisbelieved!({ ...reply, sender: undefined });
    });
    assertEquals(said, [
      `not_believed: 10.1.1.1 answered ${words}`,
      ...(reply.client === undefined ? [] : Array(3).fill("10.1.1.1 eth0")),
      `not_believed: somebody answered ${words}`,
      `failed not_believed: 10.1.1.1 answered 3 times ${words}; somebody answered once ${words}`,
    ]);
  });
}

test("dhcp lets nobody fill the log with made-up senders", async () => {
  const said = await hear(({ onDisbelieved }) => {
    for (let at = 0; at < 20; at++) {
      onDisbelieved!({ sender: `10.1.1.${at}`, reason: "not_dhcp", detail: undefined, client: undefined });
    }
  });
  assertEquals(said.filter((line) => line.startsWith("not_believed")).length, 8);
});

test("dhcp lets nobody fill the log with made-up offers", async () => {
  const said = await hear(({ onReply }) => {
    for (let at = 0; at < 20; at++) onReply({ server: "10.1.1.1", offered: `10.1.2.${at}`, client: CLIENT });
  });
  assertEquals(said.filter((line) => line.startsWith("other_address")).length, 8);
});

test("dhcp says once which address a server offers where it is another one, and is content with a reply", async () => {
  const said = await hear(({ onReply, onDisbelieved }) => {
    onReply({ server: "10.1.1.1", offered: "10.1.1.50", client: CLIENT });
    onReply({ server: "10.1.1.1", offered: undefined, client: CLIENT });
    onReply({ server: "10.1.1.1", offered: "10.1.1.60", client: CLIENT });
    onReply({ server: "10.1.1.1", offered: "10.1.1.60", client: CLIENT });
    onDisbelieved!({ sender: "10.1.1.9", reason: "nak", detail: undefined, client: undefined });
  });
  assertEquals(said.filter((line) => line !== "10.1.1.1 eth0"), [
    "other_address: 10.1.1.1 offers 10.1.1.60 to 02:00:4c:9f:00:0a, but eth0 has 10.1.1.50",
    "not_believed: 10.1.1.9 answered with a NAK (it refuses this machine's address)",
  ]);
});

test("dhcp has a server that calls itself by this machine's own address prove itself by the one it answers from", async () => {
  const said = await hear(({ onReply }) => {
    onReply({ server: "10.1.1.50", sender: "10.1.1.7", offered: undefined, client: CLIENT });
    onReply({ server: "10.1.1.9", sender: "10.1.1.7", offered: undefined, client: CLIENT });
  });
  assertEquals(said, ["10.1.1.50 eth0", "10.1.1.7 eth0", "10.1.1.9 eth0"]);
});

test("dhcp blames a firewall that drops some of what is sent, and nothing else that fails", async () => {
  const [blocked] = await hear(({ onSendError }) => onSendError!(new Error("Operation not permitted (os error 1)")));
  assertEquals(blocked, `failed firewall: ${BLOCKED}`);
  const [other] = await hear(({ onSendError }) => onSendError!(new Error("Network is unreachable (os error 101)")));
  assertMatch(other!, /^failed no_answer: no DHCP server answered on eth0/);
});

test("dhcp blames this machine where it has no descriptor left to ask with", async () => {
  const want = Object.assign(new Error("Too many open files (os error 24)"), { code: "EMFILE" });
  assertEquals(await hear(() => Promise.reject(want)), [
    `failed exhausted: cannot send on eth0 (10.1.1.50, 02:00:4c:9f:00:0a)`,
  ]);
  assertEquals(await hear(({ onPortUnavailable }) => onPortUnavailable!(want)), [
    "exhausted: cannot listen on port 68 (it cannot be bound)",
    `failed exhausted: no DHCP server answered on eth0 (10.1.1.50, 02:00:4c:9f:00:0a)`,
  ]);
});

test("dhcp asks by address whoever is likely: the first of the network, gateways, the servers of leases", async () => {
  const { host } = createLan(createVirtualClock()).createGuest({
    routes: [
      { gateway: "10.1.1.254", dev: "eth0" },
      { gateway: "10.2.2.1", dev: "eth1" },
      { gateway: "10.1.1.50", dev: "eth0" },
    ],
    files: { "/var/lib/dhcp/dhclient.leases": dhclientLease("10.1.1.7") },
    neighbours: [{ dst: "10.1.1.8", dev: "eth0", lladdr: "02:00:00:00:00:08" }],
  });
  const { signal } = new AbortController();
  let likely: readonly LikelyServer[] = [];
  await hear(async ({ likely: list, servers }) => {
    assertEquals(servers, ["10.1.1.9"]);
    const found = list!();
    assert(list!() === found, "it is found out once");
    likely = await found;
  }, {
    host,
    known: "10.1.1.9",
    network: createNetwork({ iname: "eth0", isInameChosen: true, host, signal }),
  });
  assertEquals(likely.map(({ address, iface }) => `${address} ${iface}`), [
    "10.1.1.1 eth0",
    "10.1.1.254 eth0",
    "10.1.1.7 eth0",
  ]);
});

test("dhcp asks by address whoever else is on the link, last of all, where no router is known", async () => {
  const { host } = createLan(createVirtualClock()).createGuest({
    routes: [{ gateway: "10.1.1.254", dev: "eth0" }],
    neighbours: [
      { dst: "10.1.1.7", dev: "eth0", lladdr: "02:00:00:00:00:07", state: ["STALE"] },
      { dst: "10.1.1.8", dev: "eth0", state: ["FAILED"] },
      { dst: "10.2.2.7", dev: "eth1", lladdr: "02:00:00:00:00:09", state: ["REACHABLE"] },
      { dst: "10.1.1.254", dev: "eth0", lladdr: "02:00:00:00:00:fe", state: ["STALE"] },
    ],
  });
  const network = createNetwork({ iname: "eth0", isInameChosen: true, host, signal: new AbortController().signal });
  let likely: readonly LikelyServer[] = [];
  await hear(async ({ likely: list }) => void (likely = await list!()), { host, network });
  assertEquals(likely.map(({ address }) => address), ["10.1.1.1", "10.1.1.254", "10.1.1.7"]);
});

test("dhcp asks no more than eight by address", async () => {
  const files = {
    "/var/lib/dhcp/dhclient.leases": Array.from({ length: 20 }, (_, at) => dhclientLease(`10.1.1.${at + 100}`)).join(
      "",
    ),
  };
  const { host } = createLan(createVirtualClock()).createGuest({ files });
  const network = createNetwork({ iname: "eth0", isInameChosen: true, host, signal: new AbortController().signal });
  let count = 0;
  await hear(async ({ likely }) => void (count = (await likely!()).length), { host, network });
  assertEquals(count, 8);
});

for (
  const [what, changed] of [
    ["address", interfaceAt("10.1.1.51")],
    ["MAC", interfaceAt("10.1.1.50", { mac: "02:00:4c:9f:00:0b" })],
  ] as const
) {
  test(`dhcp looks anew, without a word, at an interface whose ${what} changed`, async () => {
    const { host } = createLan(createVirtualClock()).createGuest();
    let interfaces = host.interfaces();
    const seeing = { ...host, interfaces: () => interfaces };
    const { signal } = new AbortController();
    const said = await hear(({ isCurrent }) => {
      assertEquals(isCurrent!(), true);
      interfaces = [changed];
      assertEquals(isCurrent!(), false);
    }, {
      host: seeing,
      network: createNetwork({ iname: "eth0", isInameChosen: true, host: seeing, signal }),
    });
    assertEquals(said, []);
  });
}

test("dhcp looks anew at an interface that changed while it was looked at", async () => {
  const { host } = createLan(createVirtualClock()).createGuest();
  const second = interfaceAt("10.2.2.50", { name: "eth1", mac: "02:00:4c:9f:00:0c" });
  let interfaces = [...host.interfaces(), second];
  const changing: Ask["host"] = {
    ...host,
    interfaces: () => interfaces,
    runIp(args) {
      if (args.includes("route")) interfaces = [interfaceAt("10.1.1.50", { mac: "02:00:4c:9f:00:0b" }), second];
      return host.runIp(args);
    },
  };
  const { signal } = new AbortController();
  const network = createNetwork({ iname: "eth0", isInameChosen: false, host: changing, signal });
  const said = await hear(({ clients, isCurrent }) => {
    assertEquals(clients.map(({ mac }) => mac), ["02:00:4c:9f:00:0a"]);
    assertEquals(isCurrent!(), false);
  }, { host: changing, network });
  assertEquals(said, []);
});
