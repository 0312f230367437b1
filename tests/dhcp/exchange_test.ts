import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { createExchange } from "../../lib/dhcp/exchange.ts";
import type { DatagramSocket, Endpoint, ExchangeOptions } from "../../lib/dhcp/exchange.ts";
import { decodeMessage, encodeMessage } from "../../lib/dhcp/message.ts";
import type { Message } from "../../lib/dhcp/message.ts";
import { encodeAddress, OPTION, readByte } from "../../lib/dhcp/options.ts";
import { createRegistry } from "../../lib/telemetry/metrics.ts";
import { createSocket } from "../support/fakes/datagram_socket.ts";
import { createVirtualClock } from "../support/fakes/virtual_clock.ts";
import { test } from "../support/test.ts";

const ETH0 = { name: "eth0", address: "10.1.1.50", mac: "02:00:4c:9f:00:0a" };
const ETH1 = { name: "eth1", address: "10.2.2.50", mac: "02:00:4c:9f:00:0b" };

interface Sent {
  readonly at: number;
  readonly from: string;
  readonly to: string;
  readonly message: Message;
  /** The sockets that there were. */
  readonly sockets: readonly string[];
}

/** A bench with sockets that note what is sent and receive what they are given. */
function createBench() {
  const clock = createVirtualClock();
  const startedAt = clock.now();
  const metrics = createRegistry();
  const sent: Sent[] = [];
  const sockets = new Map<string, { receive: (bytes: Uint8Array) => void }>();
  const failures = new Map<string, Error>();
  const buffers: Uint8Array[] = [];
  const listen = ({ hostname, port, reuseAddress }: Endpoint & { reuseAddress?: boolean }): DatagramSocket => {
    const name = `${hostname}:${port}${reuseAddress ? " shared" : ""}`;
    const failure = failures.get(`listen ${name}`);
    if (failure !== undefined) throw failure;
    const socket = createSocket({
      onSend(bytes, to) {
        const failure = failures.get(`send ${name}`) ?? failures.get(`send to ${to.hostname}`);
        if (failure !== undefined) throw failure;
        sent.push({
          at: clock.now() - startedAt,
          from: name,
          to: `${to.hostname}:${to.port}`,
          message: decodeMessage(bytes),
          sockets: [...sockets.keys()],
        });
      },
      onReceive: (buffer) => void buffers.push(buffer),
      onClose: () => sockets.delete(name),
    });
    sockets.set(name, {
      receive: (bytes) => socket.deliver(bytes, { transport: "udp", hostname: "10.1.1.9", port: 67 }),
    });
    return socket;
  };
  const exchange = createExchange({ listen, clock, metrics });
  const stop = new AbortController();
  return {
    clock,
    metrics,
    sent,
    sockets,
    failures,
    buffers,
    stop,
    run: (options: Partial<ExchangeOptions>) =>
      exchange({ clients: [ETH0], retryMs: 1_500, signal: stop.signal, onReply() {}, ...options }),
    async finish(done: Promise<void>) {
      stop.abort();
      await clock.run(0);
      await done;
      assertEquals([...sockets.keys()], [], "every socket is closed");
    },
  };
}

/** What a server at this address would answer. */
function answer(question: Message, server: string, type = 5): Uint8Array {
  return encodeMessage({
    ...question,
    op: 2,
    options: new Map([[OPTION.messageType, Uint8Array.of(type)], [OPTION.serverIdentifier, encodeAddress(server)]]),
  });
}

test("createExchange sends both messages from the interface's own address, a DISCOVER from port 68, which it shares", async () => {
  const bench = createBench();
  const done = bench.run({});
  await bench.clock.run(0);
  assertEquals([...bench.sockets.keys()], ["10.1.1.50:0", "0.0.0.0:68 shared"]);
  assertEquals(
    bench.sent.map(({ from, to, message }) => [from, to, readByte(message.options, OPTION.messageType)]),
    [["10.1.1.50:68 shared", "255.255.255.255:67", 1], ["10.1.1.50:0", "255.255.255.255:67", 8]],
  );
  // An INFORM is answered to port 68 of the address, where nobody else may listen then.
  assertEquals(bench.sent[1]!.sockets, ["10.1.1.50:0", "0.0.0.0:68 shared"]);
  await bench.finish(done);
});

test("createExchange repeats with doubling, jittered, capped delays, the same xid and growing secs", async () => {
  const bench = createBench();
  const done = bench.run({ broadcast: false, servers: ["10.1.1.1"] });
  await bench.clock.run(10_000);
  const delays = bench.sent.slice(1).map(({ at }, index) => at - bench.sent[index]!.at);
  for (const [index, nominal] of [750, 1_500, 1_500, 1_500].entries()) {
    const delay = delays[index]!;
    assert(delay >= nominal * 0.75 && delay <= nominal * 1.25, `delay ${index} is ${delay} ms`);
  }
  assertEquals(new Set(bench.sent.map(({ message }) => message.xid)).size, 1);
  assertEquals(bench.sent.map(({ message }) => message.secs), bench.sent.map(({ at }) => Math.floor(at / 1_000)));
  await bench.finish(done);
});

test("createExchange asks servers by address besides or instead of the broadcast", async () => {
  for (const broadcast of [true, false]) {
    const bench = createBench();
    const done = bench.run({ broadcast, servers: ["10.1.1.1"] });
    await bench.clock.run(0);
    assertEquals(bench.sent.map(({ to }) => to), [
      ...(broadcast ? ["255.255.255.255:67", "255.255.255.255:67"] : []),
      "10.1.1.1:67",
    ]);
    await bench.finish(done);
  }
});

test("createExchange hands on every reply, on either socket, with the interface it belongs to", async () => {
  const bench = createBench();
  const answers: string[] = [];
  const done = bench.run({
    clients: [ETH0, ETH1],
    onReply: ({ server, client }) => void answers.push(`${server} ${client.name}`),
  });
  await bench.clock.run(0);
  const [one, two] = [bench.sent[0]!.message, bench.sent[1]!.message];
  assert(one.xid !== two.xid);
  bench.sockets.get("10.1.1.50:0")!.receive(answer(one, "10.1.1.1"));
  bench.sockets.get("0.0.0.0:68 shared")!.receive(answer(two, "10.2.2.1", 2));
  bench.sockets.get("0.0.0.0:68 shared")!.receive(answer(one, "10.1.1.66", 2));
  await bench.clock.run(0);
  assertEquals(answers, ["10.1.1.1 eth0", "10.2.2.1 eth1", "10.1.1.66 eth0"]);
  await bench.finish(done);
});

test("createExchange passes over other machines' replies and garbage, and counts them", async () => {
  const bench = createBench();
  const done = bench.run({ onReply: () => assert(false, "nothing here is a reply") });
  await bench.clock.run(0);
  const socket = bench.sockets.get("0.0.0.0:68 shared")!;
  socket.receive(answer({ ...bench.sent[0]!.message, xid: 1 }, "10.1.1.1"));
  socket.receive(answer({ ...bench.sent[0]!.message, chaddr: ETH1.mac }, "10.1.1.1"));
  socket.receive(Uint8Array.of(1, 2, 3));
  await bench.clock.run(0);
  const text = bench.metrics.render();
  assert(text.includes('mdproxy4cs_dhcp_received_total{outcome="ignored"} 2'), text);
  assert(text.includes('mdproxy4cs_dhcp_received_total{outcome="not_dhcp"} 1'), text);
  assert(text.includes('mdproxy4cs_dhcp_sent_total{type="inform"} 1'), text);
  await bench.finish(done);
});

test("createExchange goes on with DHCPINFORM alone when port 68 cannot be had", async () => {
  const bench = createBench();
  const denied = new Error("Permission denied");
  bench.failures.set("listen 0.0.0.0:68 shared", denied);
  const unavailable: Error[] = [];
  const done = bench.run({ onPortUnavailable: (error) => void unavailable.push(error) });
  await bench.clock.run(5_000);
  assertEquals(unavailable, [denied]);
  assertEquals(new Set(bench.sent.map(({ message }) => readByte(message.options, OPTION.messageType))), new Set([8]));
  await bench.finish(done);
});

test("createExchange rejects when nothing can be sent, and leaves no socket open", async () => {
  const bench = createBench();
  for (const from of ["10.1.1.50:0", "10.1.1.50:68 shared"]) {
    bench.failures.set(`send ${from}`, new Error("Network is unreachable"));
  }
  await assertRejects(() => bench.run({}), Error, "Network is unreachable");
  assertEquals(bench.sockets.size, 0);
});

test("createExchange goes on listening where there is nothing to send", async () => {
  const bench = createBench();
  const done = bench.run({ broadcast: false });
  await bench.clock.run(5_000);
  assertEquals([bench.sent.length, bench.sockets.size], [0, 2]);
  await bench.finish(done);
});

test("createExchange rejects when an interface's address is gone, and leaves no socket open", async () => {
  const bench = createBench();
  bench.failures.set("listen 10.2.2.50:0", new Error("Cannot assign requested address"));
  await assertRejects(() => bench.run({ clients: [ETH0, ETH1] }), Error, "Cannot assign requested address");
  assertEquals(bench.sockets.size, 0);
});

test("createExchange goes on when one interface of two cannot send", async () => {
  const bench = createBench();
  for (const from of ["10.1.1.50:0", "10.1.1.50:68 shared"]) {
    bench.failures.set(`send ${from}`, new Error("Network is down"));
  }
  const done = bench.run({ clients: [ETH0, ETH1] });
  await bench.clock.run(3_000);
  assertEquals(new Set(bench.sent.map(({ from }) => from)), new Set(["10.2.2.50:0", "10.2.2.50:68 shared"]));
  await bench.finish(done);
});

test("createExchange receives the largest datagram there is, into one buffer for each socket", async () => {
  const bench = createBench();
  const servers: string[] = [];
  const done = bench.run({ onReply: ({ server }) => void servers.push(server) });
  await bench.clock.run(0);
  const small = answer(bench.sent[0]!.message, "10.1.1.1");
  const large = new Uint8Array(65_507);
  large.set(small);
  for (const bytes of [small, large]) {
    bench.sockets.get("10.1.1.50:0")!.receive(bytes);
    await bench.clock.run(0);
  }
  assertEquals(servers, ["10.1.1.1", "10.1.1.1"]);
  assertEquals([new Set(bench.buffers).size, ...new Set(bench.buffers.map(({ length }) => length))], [2, 65_535]);
  await bench.finish(done);
});

test("createExchange tells which replies it heard and did not believe, from whom and why", async () => {
  const bench = createBench();
  const heard: string[] = [];
  const done = bench.run({
    onReply: () => assert(false, "nothing here is to be believed"),
    onDisbelieved: ({ sender, reason, client }) => void heard.push(`${sender} ${reason} ${client?.name}`),
  });
  await bench.clock.run(0);
  const question = bench.sent[0]!.message;
  const reply = (options: [number, number[]][]) =>
    encodeMessage({
      ...question,
      op: 2,
      options: new Map(options.map(([code, bytes]) => [code, Uint8Array.from(bytes)])),
    });
  const socket = bench.sockets.get("10.1.1.50:0")!;
  for (
    const bytes of [
      reply([[53, [6]]]),
      reply([[53, [5]]]),
      reply([[54, [10, 1, 1, 1]]]),
      reply([[53, [5]], [54, [127, 0, 0, 1]]]),
      reply([[53, [4]]]),
      reply([[53, [5]], [54, [10, 1, 1]]]),
      Uint8Array.of(1, 2, 3),
      answer({ ...question, xid: 1 }, "10.1.1.1"),
    ]
  ) {
    socket.receive(bytes);
    await bench.clock.run(0);
  }
  assertEquals(heard, [
    "10.1.1.9 nak eth0",
    "10.1.1.9 no_server_identifier eth0",
    "10.1.1.9 bootp eth0",
    "10.1.1.9 unusable_identifier eth0",
    "10.1.1.9 other_type eth0",
    "10.1.1.9 malformed eth0",
    "10.1.1.9 not_dhcp undefined",
  ]);
  assertStringIncludes(bench.metrics.render(), 'mdproxy4cs_dhcp_received_total{outcome="nak"} 1');
  await bench.finish(done);
});

test("createExchange takes a late reply to an exchange before it, for half a minute", async () => {
  for (const [restMs, isTaken] of [[30_000, true], [30_001, false]] as const) {
    const bench = createBench();
    const first = new AbortController();
    const ended = bench.run({ signal: first.signal });
    await bench.clock.run(0);
    const question = bench.sent[0]!.message;
    first.abort();
    await bench.clock.run(restMs);
    await ended;

    const replies: string[] = [];
    const moved = { ...ETH0, address: "10.1.1.51" };
    const done = bench.run({
      clients: [ETH1, moved],
      onReply: ({ server, client }) => void replies.push(`${server} ${client.address}`),
    });
    await bench.clock.run(0);
    bench.sockets.get("0.0.0.0:68 shared")!.receive(answer(question, "10.1.1.1"));
    await bench.clock.run(0);
    assertEquals(replies, isTaken ? ["10.1.1.1 10.1.1.51"] : []);
    assertEquals(bench.metrics.render().includes('{outcome="late"} 1'), isTaken);
    await bench.finish(done);
  }
});

test("createExchange tells the address that a server offers", async () => {
  const bench = createBench();
  const offered: (string | undefined)[] = [];
  const done = bench.run({ onReply: (reply) => void offered.push(reply.offered) });
  await bench.clock.run(0);
  const question = { ...bench.sent[0]!.message, yiaddr: "10.1.1.60" };
  bench.sockets.get("10.1.1.50:0")!.receive(answer(question, "10.1.1.1", 2));
  await bench.clock.run(0);
  bench.sockets.get("10.1.1.50:0")!.receive(answer(question, "10.1.1.1", 5));
  await bench.clock.run(0);
  assertEquals(offered, ["10.1.1.60", undefined]);
  await bench.finish(done);
});

test("createExchange asks likely servers by address in the second round and every third after it", async () => {
  const bench = createBench();
  let asked = 0;
  const done = bench.run({
    clients: [ETH0, ETH1],
    servers: ["10.1.1.7"],
    likely: () => {
      asked += 1;
      return Promise.resolve([{ address: "10.1.1.1", iface: "eth0" }, { address: "10.1.1.7" }, {
        address: "192.0.2.1",
      }]);
    },
  });
  await bench.clock.run(0);
  assertEquals(asked, 0, "whoever answers at once costs no look at anything else");
  await bench.clock.run(8_000);
  const unicast = bench.sent.filter(({ to }) => to !== "255.255.255.255:67" && to !== "10.1.1.7:67");
  const rounds = [...new Set(bench.sent.map(({ at }) => at))];
  assertEquals(
    unicast.map(({ at, from, to }) => `${rounds.indexOf(at)} ${from.split(":")[0]} ${to}`).sort(),
    [1, 4].flatMap((round) => [
      `${round} 10.1.1.50 10.1.1.1:67`,
      `${round} 10.1.1.50 192.0.2.1:67`,
      `${round} 10.2.2.50 192.0.2.1:67`,
    ]),
  );
  assertEquals(unicast.every(({ message }) => readByte(message.options, OPTION.messageType) === 8), true);
  assertEquals(asked, 2);
  await bench.finish(done);
});

test("createExchange tells what could not be sent while something could", async () => {
  const bench = createBench();
  const blocked = new Error("Operation not permitted (os error 1)");
  bench.failures.set("send to 255.255.255.255", blocked);
  const errors: Error[] = [];
  const done = bench.run({ servers: ["10.1.1.1"], onSendError: (error) => void errors.push(error) });
  await bench.clock.run(0);
  assertEquals(errors, [blocked, blocked]);
  assertEquals(bench.sent.map(({ to }) => to), ["10.1.1.1:67"]);
  await bench.finish(done);
});

test("createExchange ends when the interfaces are no longer as they were", async () => {
  const bench = createBench();
  let isCurrent = true;
  const done = bench.run({ isCurrent: () => isCurrent });
  await bench.clock.run(0);
  isCurrent = false;
  await bench.clock.run(1_000);
  await done;
  assertEquals([bench.sent.length, bench.sockets.size], [2, 0]);
});
