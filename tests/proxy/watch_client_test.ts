import { assertEquals } from "@std/assert";
import type { ClientHead } from "../../lib/proxy/gate/request_head.ts";
import { createProxy } from "../../lib/proxy/proxy.ts";
import { SILENT } from "../../lib/telemetry/log.ts";
import { createRegistry } from "../../lib/telemetry/metrics.ts";
import { proxyConfig } from "../support/fakes/config.ts";
import { bodyOf, createFakeClient, createFakeUpstream } from "../support/fakes/upstream_fakes.ts";
import { createVirtualClock, settle } from "../support/fakes/virtual_clock.ts";
import { test } from "../support/test.ts";

const HEAD = { method: "GET", target: "/latest/vm-id", headers: [], minor: 0, persistent: true } as const;
const PASSWORD: ClientHead = { ...HEAD, headers: [["domu_request", "send_my_password"]] };

/** A proxy on a clock that stands still, and requests that tell whether their client is watched. */
function setUp() {
  const clock = createVirtualClock();
  const client = createFakeClient();
  const listen = { hostname: "127.0.0.1", port: 39724 };
  const proxy = createProxy(proxyConfig({ listen, passwordService: true }), {
    upstream: createFakeUpstream("10.1.1.1", { onReport: "same" }),
    client,
    log: SILENT,
    metrics: createRegistry(),
    inFlight: () => 0,
    clock,
  });
  const ask = (head: ClientHead = HEAD) => {
    const leaving = new AbortController();
    const state = { watched: 0, listeners: 0 };
    const served = {
      pass() {},
      get signal() {
        state.watched++;
        return {
          get aborted() {
            return leaving.signal.aborted;
          },
          addEventListener(_: "abort", leave: () => void) {
            state.listeners++;
            leaving.signal.addEventListener("abort", leave);
          },
          removeEventListener: () => void state.listeners--,
        } as unknown as AbortSignal;
      },
    };
    const response = Promise.resolve(proxy.handle(head, served));
    return { response, state, leave: () => leaving.abort() };
  };
  return { clock, client, proxy, ask };
}

test("proxy watches no client whose answer is a usual one", async () => {
  const { clock, client, proxy, ask } = setUp();
  const { response, state } = ask();
  await clock.run(20);
  client.asked[0]!.answer(200, bodyOf("i-1"));
  assertEquals((await response).status, 200);
  await clock.run(1_000);
  assertEquals(state, { watched: 0, listeners: 0 });
  proxy.close();
});

test("proxy watches a client whose answer takes longer, until it has it", async () => {
  const { clock, client, proxy, ask } = setUp();
  const { response, state } = ask();
  await clock.run(200);
  assertEquals(state, { watched: 1, listeners: 1 });
  client.asked[0]!.answer(200, bodyOf("i-1"));
  assertEquals((await response).status, 200);
  assertEquals(state, { watched: 1, listeners: 0 });
  proxy.close();
});

test("proxy gives up what it asks for a client that goes away, also one that had before it was watched", async () => {
  for (const [leavesAt, head] of [[20, HEAD], [250, HEAD], [20, PASSWORD], [250, PASSWORD]] as const) {
    const { clock, client, proxy, ask } = setUp();
    const { response, leave } = ask(head);
    await clock.run(leavesAt);
    leave();
    await clock.run(200);
    assertEquals([(await response).status, client.asked[0]!.aborted], [499, true]);
    proxy.close();
  }
});

test("proxy ends what is waited for when the program stops", async () => {
  for (const head of [HEAD, PASSWORD]) {
    const { clock, client, proxy, ask } = setUp();
    const { response } = ask(head);
    await clock.run(10);
    proxy.abort();
    await settle();
    assertEquals([(await response).status, client.asked[0]!.aborted], [503, true]);
    proxy.close();
  }
});
