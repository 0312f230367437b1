import { assert, assertEquals, assertRejects } from "@std/assert";
import { createExchange } from "../../lib/dhcp/exchange.ts";
import type { DatagramSocket, Endpoint, ExchangeOptions } from "../../lib/dhcp/exchange.ts";
import { decodeMessage, encodeMessage } from "../../lib/dhcp/message.ts";
import type { Message } from "../../lib/dhcp/message.ts";
import { encodeAddress, OPTION, readByte } from "../../lib/dhcp/options.ts";
import { createRegistry } from "../../lib/telemetry/metrics.ts";
import { createVirtualClock } from "../support/fakes/virtual_clock.ts";
import { test } from "../support/test.ts";

const ETH0 = { name: "eth0", address: "10.1.1.50", mac: "02:00:4c:9f:00:0a" };
const ETH1 = { name: "eth1", address: "10.2.2.50", mac: "02:00:4c:9f:00:0b" };

interface Sent {
  readonly at: number;
  readonly from: string;
  readonly to: string;
  readonly message: Message;
}

/** A bench with sockets that note what is sent and receive what they are given. */
function createBench() {
  const clock = createVirtualClock();
  const metrics = createRegistry();
  const sent: Sent[] = [];
  const sockets = new Map<string, { receive: (bytes: Uint8Array) => void }>();
  const failures = new Map<string, Error>();
  const listen = ({ hostname, port, reuseAddress }: Endpoint & { reuseAddress?: boolean }): DatagramSocket => {
    const name = `${hostname}:${port}${reuseAddress ? " shared" : ""}`;
    const failure = failures.get(`listen ${name}`);
    if (failure !== undefined) throw failure;
    const queue: Uint8Array[] = [];
    let waiting: PromiseWithResolvers<readonly [Uint8Array, unknown]> | undefined;
    sockets.set(name, {
      receive(bytes) {
        if (waiting === undefined) queue.push(bytes);
        else waiting.resolve([bytes, undefined]);
        waiting = undefined;
      },
    });
    return {
      send(bytes, to) {
        const failure = failures.get(`send ${name}`);
        if (failure !== undefined) return Promise.reject(failure);
        sent.push({ at: clock.now(), from: name, to: `${to.hostname}:${to.port}`, message: decodeMessage(bytes) });
        return Promise.resolve(bytes.length);
      },
      receive() {
        const bytes = queue.shift();
        if (bytes !== undefined) return Promise.resolve([bytes, undefined]);
        waiting = Promise.withResolvers();
        return waiting.promise;
      },
      close() {
        sockets.delete(name);
        waiting?.reject(new Error("closed"));
      },
    };
  };
  const exchange = createExchange({ listen, clock, metrics });
  const stop = new AbortController();
  return {
    clock,
    metrics,
    sent,
    sockets,
    failures,
    stop,
    run: (options: Partial<ExchangeOptions>) =>
      exchange({ askers: [ETH0], retryMs: 1_500, signal: stop.signal, onAnswer() {}, ...options }),
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

test("createExchange asks both questions from the interface's own address and shares port 68", async () => {
  const bench = createBench();
  const done = bench.run({});
  await bench.clock.run(0);
  assertEquals([...bench.sockets.keys()], ["10.1.1.50:0", "0.0.0.0:68 shared"]);
  assertEquals(
    bench.sent.map(({ from, to, message }) => [from, to, readByte(message.options, OPTION.messageType)]),
    [["10.1.1.50:0", "255.255.255.255:67", 8], ["10.1.1.50:0", "255.255.255.255:67", 1]],
  );
  await bench.finish(done);
});

test("createExchange repeats with doubling, jittered, capped delays, the same xid and growing secs", async () => {
  const bench = createBench();
  const done = bench.run({ broadcast: false, servers: ["10.1.1.1"] });
  await bench.clock.run(10_000);
  const delays = bench.sent.slice(1).map(({ at }, index) => at - bench.sent[index]!.at);
  for (const [index, nominal] of [400, 800, 1_500, 1_500, 1_500].entries()) {
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

test("createExchange hands on every answer, on either socket, with the interface it belongs to", async () => {
  const bench = createBench();
  const answers: string[] = [];
  const done = bench.run({
    askers: [ETH0, ETH1],
    onAnswer: ({ server, asker }) => void answers.push(`${server} ${asker.name}`),
  });
  await bench.clock.run(0);
  const [one, two] = [bench.sent[0]!.message, bench.sent[2]!.message];
  assert(one.xid !== two.xid);
  bench.sockets.get("10.1.1.50:0")!.receive(answer(one, "10.1.1.1"));
  bench.sockets.get("0.0.0.0:68 shared")!.receive(answer(two, "10.2.2.1", 2));
  bench.sockets.get("0.0.0.0:68 shared")!.receive(answer(one, "10.1.1.66", 2));
  await bench.clock.run(0);
  assertEquals(answers, ["10.1.1.1 eth0", "10.2.2.1 eth1", "10.1.1.66 eth0"]);
  await bench.finish(done);
});

test("createExchange passes over other machines' answers and garbage, and counts them", async () => {
  const bench = createBench();
  const done = bench.run({ onAnswer: () => assert(false, "nothing here is an answer") });
  await bench.clock.run(0);
  const socket = bench.sockets.get("0.0.0.0:68 shared")!;
  socket.receive(answer({ ...bench.sent[0]!.message, xid: 1 }, "10.1.1.1"));
  socket.receive(answer({ ...bench.sent[0]!.message, chaddr: ETH1.mac }, "10.1.1.1"));
  socket.receive(Uint8Array.of(1, 2, 3));
  await bench.clock.run(0);
  const text = bench.metrics.render();
  assert(text.includes('mdproxy4cs_dhcp_received_total{outcome="ignored"} 2'), text);
  assert(text.includes('mdproxy4cs_dhcp_received_total{outcome="malformed"} 1'), text);
  assert(text.includes('mdproxy4cs_dhcp_sent_total{question="inform"} 1'), text);
  await bench.finish(done);
});

test("createExchange goes on with DHCPINFORM alone when port 68 cannot be had", async () => {
  const bench = createBench();
  const denied = new Error("Permission denied");
  bench.failures.set("listen 0.0.0.0:68 shared", denied);
  const deaf: Error[] = [];
  const done = bench.run({ onDeaf: (error) => void deaf.push(error) });
  await bench.clock.run(5_000);
  assertEquals(deaf, [denied]);
  assertEquals(new Set(bench.sent.map(({ message }) => readByte(message.options, OPTION.messageType))), new Set([8]));
  await bench.finish(done);
});

test("createExchange rejects when nothing can be sent, and leaves no socket open", async () => {
  const bench = createBench();
  bench.failures.set("send 10.1.1.50:0", new Error("Network is unreachable"));
  await assertRejects(() => bench.run({}), Error, "Network is unreachable");
  assertEquals(bench.sockets.size, 0);
});

test("createExchange rejects when an interface's address is gone, and leaves no socket open", async () => {
  const bench = createBench();
  bench.failures.set("listen 10.2.2.50:0", new Error("Cannot assign requested address"));
  await assertRejects(() => bench.run({ askers: [ETH0, ETH1] }), Error, "Cannot assign requested address");
  assertEquals(bench.sockets.size, 0);
});

test("createExchange goes on when one interface of two cannot send", async () => {
  const bench = createBench();
  bench.failures.set("send 10.1.1.50:0", new Error("Network is down"));
  const done = bench.run({ askers: [ETH0, ETH1] });
  await bench.clock.run(3_000);
  assertEquals(new Set(bench.sent.map(({ from }) => from)), new Set(["10.2.2.50:0"]));
  await bench.finish(done);
});
