import { assertEquals } from "@std/assert";
import { createReadiness } from "../../lib/control/readiness.ts";
import { createLog } from "../../lib/telemetry/log.ts";
import { createVirtualClock } from "../support/fakes/virtual_clock.ts";
import { test } from "../support/test.ts";

const REST_MS = 600_000;

/** A program whose router and whose clients are as the test says. */
function setUp() {
  const clock = createVirtualClock();
  const lines: string[] = [];
  const states: string[] = [];
  let state: "ready" | "suspect" = "ready";
  let changed = () => {};
  let served = Promise.resolve(true);
  let looks = 0;
  const readiness = createReadiness({
    resolver: {
      status: () => ({ state, router: undefined, confirmedAt: undefined, lastFailure: undefined }),
      onChange: (listener) => changed = listener,
    },
    isServed: () => (looks++, served),
    log: createLog((line) => void lines.push(line.replace(/^\S+ /, "").trim()), { level: "info", format: "text" }),
    clock,
  });
  readiness.onChange(() => states.push(readiness.belief().state));
  return {
    clock,
    lines,
    states,
    readiness,
    looks: () => looks,
    serve: (next: Promise<boolean>) => void (served = next),
    set(next: typeof state) {
      state = next;
      changed();
    },
  };
}

test("createReadiness looks every ten minutes, every second while nobody is served, and tells of changes alone", async () => {
  const scene = setUp();
  await scene.clock.run(REST_MS - 1);
  assertEquals(scene.looks(), 0);
  await scene.clock.run(1);
  assertEquals([scene.looks(), scene.states], [1, []]);
  scene.serve(Promise.resolve(false));
  await scene.clock.run(REST_MS + 3_000);
  assertEquals([scene.looks(), scene.states], [5, ["unserved"]]);
  scene.serve(Promise.resolve(true));
  await scene.clock.run(1_000 + REST_MS - 1);
  assertEquals([scene.looks(), scene.states], [6, ["unserved", "ready"]]);
  assertEquals(scene.lines, ["warn  the listen address is not served", "info  the listen address is served again"]);
  scene.readiness.close();
});

test("createReadiness says what is wrong with the router, whether clients are served or not", async () => {
  const scene = setUp();
  scene.set("suspect");
  scene.serve(Promise.resolve(false));
  assertEquals([await scene.readiness.look(), scene.readiness.belief().state], [false, "suspect"]);
  scene.set("ready");
  assertEquals(scene.states, ["suspect", "suspect", "unserved"]);
  scene.readiness.close();
});

test("createReadiness looks once for all who ask meanwhile", async () => {
  const scene = setUp();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  scene.serve(promise);
  const asking = [scene.readiness.look(), scene.readiness.look()];
  await scene.clock.run(REST_MS);
  resolve(false);
  assertEquals([await Promise.all(asking), scene.looks()], [[false, false], 1]);
  scene.readiness.close();
});

test("createReadiness tells nobody anything when it is closed, and does not look", async () => {
  const scene = setUp();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  scene.serve(promise);
  const asking = scene.readiness.look();
  scene.readiness.close();
  resolve(false);
  assertEquals([await asking, await scene.readiness.look()], [true, true]);
  scene.set("suspect");
  await scene.clock.run(2 * REST_MS);
  assertEquals([scene.looks(), scene.states, scene.lines], [1, [], []]);
});
