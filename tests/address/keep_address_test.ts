import { assertEquals } from "@std/assert";
import { keepAddress } from "../../lib/address/keep_address.ts";
import { CommandError } from "../../lib/system/run_ip.ts";
import { createLog, SILENT } from "../../lib/telemetry/log.ts";
import { createVirtualClock } from "../support/fakes/virtual_clock.ts";
import { test } from "../support/test.ts";

const ADDRESS = "169.254.169.254";
/** When it begins to listen, and has looked once. */
const START_MS = 1_100;

/**
 * A machine whose address can be taken away, and whose `ip` adds it again unless `failure` says otherwise, when the keeper
 * has begun to listen.
 */
async function setUp({ address = ADDRESS, failure }: { readonly address?: string; readonly failure?: Error } = {}) {
  const clock = createVirtualClock();
  const commands: string[] = [];
  const lines: string[] = [];
  let there = [{ name: "lo", address: "127.0.0.1" }, { name: "lo", address }];
  let changes = 0;
  let monitor: { change: () => void; end: (error?: Error) => void } | undefined;
  const keeper = keepAddress(address, {
    interfaces: () => there,
    runIp(args) {
      commands.push(args.join(" "));
      if (failure !== undefined) return Promise.reject(failure);
      there = [...there, { name: "lo", address }];
      return Promise.resolve("");
    },
    monitorIp(args, { signal, onChange }) {
      commands.push(args.join(" "));
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      monitor = { change: onChange, end: (error) => error === undefined ? resolve() : reject(error) };
      signal.addEventListener("abort", () => resolve());
      return promise;
    },
    onChange: () => changes++,
    clock,
    log: createLog((line) => void lines.push(line.replace(/^\S+ /, "").trim()), { level: "info", format: "text" }),
  });
  let lost: Error | undefined;
  keeper.lost.then((error) => lost = error);
  await clock.run(START_MS);
  return {
    clock,
    commands,
    lines,
    keeper,
    get monitor() {
      return monitor!;
    },
    get changes() {
      return changes;
    },
    get lost() {
      return lost;
    },
    take: () => void (there = there.filter((entry) => entry.address !== address)),
    async close() {
      const closed = keeper.close();
      await clock.run(0);
      await closed;
    },
  };
}

test("keepAddress adds the address again when it is taken away, a moment after the change", async () => {
  const scene = await setUp();
  scene.take();
  assertEquals(scene.keeper.isPresent(), false);
  for (let burst = 0; burst < 5; burst++) scene.monitor.change();
  await scene.clock.run(99);
  assertEquals(scene.commands, ["monitor link address"]);
  await scene.clock.run(1);
  assertEquals(scene.commands, ["monitor link address", "address add 169.254.169.254/32 dev lo"]);
  assertEquals(scene.keeper.isPresent(), true);
  assertEquals(scene.changes, 3, "the look at the start, the change, and what became of it");
  assertEquals(scene.lines, [
    "warn  the listen address is gone address=169.254.169.254",
    "warn  added the listen address again address=169.254.169.254 interface=lo",
  ]);
  scene.take();
  scene.monitor.change();
  await scene.clock.run(100);
  assertEquals([scene.commands.length, scene.lost], [3, undefined]);
  await scene.close();
});

test("keepAddress does nothing about changes elsewhere, and wakes up for nothing else", async () => {
  const scene = await setUp();
  scene.monitor.change();
  await scene.clock.run(3_600_000);
  assertEquals([scene.commands, scene.lines], [["monitor link address"], []]);
  await scene.close();
});

test("keepAddress gives the address up for lost with the reason when it may not add it", async () => {
  const failure = new CommandError("Cannot run", { kind: "not_permitted", stderr: "Operation not permitted" });
  const scene = await setUp({ failure });
  scene.take();
  scene.monitor.change();
  await scene.clock.run(100);
  assertEquals(scene.lost?.message.includes("CAP_NET_ADMIN"), true);
  assertEquals(scene.keeper.isPresent(), false);
  await scene.close();
});

test("keepAddress listens again when listening ends, and then looks at what it missed", async () => {
  for (const error of [undefined, new Error("no ip")]) {
    const scene = await setUp();
    scene.monitor.end(error);
    await scene.clock.run(4_999);
    scene.take();
    assertEquals(scene.commands, ["monitor link address"]);
    await scene.clock.run(1);
    assertEquals(scene.commands.slice(1), ["monitor link address"]);
    await scene.clock.run(100);
    assertEquals(scene.commands.slice(2), ["address add 169.254.169.254/32 dev lo"]);
    await scene.close();
  }
});

test("keepAddress leaves a start its first second, and looks at what it missed", async () => {
  const clock = createVirtualClock();
  const calls: string[] = [];
  let there = [{ name: "lo", address: ADDRESS }];
  const keeper = keepAddress(ADDRESS, {
    interfaces: () => there,
    runIp(args) {
      calls.push(args.join(" "));
      return Promise.resolve("");
    },
    monitorIp: (_, { signal }) =>
      new Promise((resolve) => {
        calls.push("monitor");
        signal.addEventListener("abort", () => resolve());
      }),
    onChange() {},
    clock,
    log: SILENT,
  });
  await clock.run(999);
  there = [];
  assertEquals(calls, []);
  await clock.run(1);
  assertEquals(calls, ["monitor"]);
  await clock.run(100);
  assertEquals(calls, ["monitor", "address add 169.254.169.254/32 dev lo"]);
  const closed = keeper.close();
  await clock.run(0);
  await closed;
});

test("keepAddress leaves alone what it is told when it was closed", async () => {
  const scene = await setUp();
  scene.take();
  scene.monitor.change();
  await scene.close();
  await scene.clock.run(1_000);
  assertEquals(scene.commands, ["monitor link address"]);
});

test("keepAddress takes any address that is not link-local to exist", async () => {
  const scene = await setUp({ address: "127.0.0.1" });
  scene.take();
  assertEquals([scene.keeper.isPresent(), scene.commands], [true, []]);
  await scene.close();
});
