import { assertEquals, assertMatch } from "@std/assert";
import type { Host } from "../support/net/network.ts";
import type { Process } from "../support/net/process.ts";
import type { Answer } from "../support/net/program.ts";
import { networkTest } from "../support/net/network_test.ts";
import { createScene, NO_SERVERS } from "../support/scene.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import { GUEST } from "../support/servers/router.ts";
import { setMode, startScriptedRouter } from "../support/servers/scripted_router.ts";

//   guest 10.1.1.50 ---- lan ---- 10.1.1.1 router that fails on demand

const METADATA = { ...sampleMetadata(GUEST.address), fine: "fine" };

/** Deadlines short enough for a test, and in the same order as the real ones. */
const DEADLINES = [
  ...["--connect-timeout", "500ms", "--response-timeout", "1s", "--idle-timeout", "3s", "--request-timeout", "2500ms"],
  ...["--cache-ttl", "0", "--stale-if-error", "0"],
];

/** What a client gets: this status with no body, `fine`, or a body that visibly ends too early. */
type Outcome = number | "fine" | "cut";

/** What curl says of a body that ended early or was reset; not that it had enough of waiting. */
const CUT = /^curl: \((18|56)\)/;

/** By the path that makes the router fail. */
const PATHS: Readonly<Record<string, Outcome>> = {
  "/latest/reset": 502,
  "/latest/close": 502,
  "/latest/hang": 504,
  "/latest/half-a-head": 502,
  "/latest/half-a-head-then-nothing": 504,
  "/latest/garbage": 502,
  "/latest/banner-then-nothing": 502,
  "/latest/bare-lf-then-nothing": 502,
  "/latest/huge-head": 502,
  "/latest/many-fields": 502,
  "/latest/two-lengths": 502,
  // Small bodies are taken in before anything is said.
  "/latest/cut-short": 502,
  "/latest/cut-short-chunk": 502,
  "/latest/broken-chunk": 502,
  "/latest/cut-short-large": "cut",
  "/latest/cut-short-behind-its-head": "cut",
  "/latest/stalled": "cut",
  "/latest/too-long": "fine",
  "/latest/drip": "fine",
  "/latest/busy-for-a-moment": "fine",
  "/latest/always-busy": 503,
};

/** By what is done to the router; undone afterwards. */
type Conditions = Readonly<
  Record<string, { readonly strike: Strike; readonly heal: Strike; readonly outcome: Outcome }>
>;
type Strike = (host: Host, router: Process) => unknown;

const CONDITIONS: Conditions = {
  "nobody listens": {
    strike: (_, router) => setMode(router, "refuse"),
    heal: (_, router) => setMode(router, "serve"),
    outcome: 502,
  },
  "it is stopped in its tracks": {
    strike: (_, router) => router.kill("SIGSTOP"),
    heal: (_, router) => router.kill("SIGCONT"),
    outcome: 504,
  },
};

const LINK_CONDITIONS: Conditions = {
  "its answers are lost on the way": {
    strike: (host) => host.ip("route add blackhole 10.1.1.50/32"),
    heal: (host) => host.ip("route del blackhole 10.1.1.50/32"),
    outcome: 504,
  },
  "it is switched off": {
    strike: (host) => host.ip("link set eth0 down"),
    heal: (host) => host.ip("link set eth0 up"),
    outcome: 504,
  },
};

for (
  const [what, needs, paths, conditions] of [
    ["whatever a router does wrong", NO_SERVERS, PATHS, CONDITIONS],
    ["whatever becomes of the link to a router", {}, {}, LINK_CONDITIONS],
  ] as const
) {
  networkTest(
    `${what}, the client gets an empty error or a visibly cut body, in time, and the next is served`,
    needs,
    async (context) => {
      await using scene = await createScene({ router: "none", args: "none" });
      const host = await scene.addHost("router", "10.1.1.1");
      const router = await startScriptedRouter(host, {
        address: "10.1.1.1",
        guests: [{ ...GUEST, metadata: METADATA }],
      });
      // At any other level one way to fail is a line once a minute.
      const program = await scene.startProgram([...DEADLINES, "--log-level", "debug"]);
      assertEquals((await scene.get("/latest/fine")).body, "fine");

      const table: string[] = [];
      let logged = 0;
      const judge = (what: string, answer: Answer, outcome: Outcome) => {
        const { status, body, elapsedMs, error } = answer;
        const got = status === 200
          ? (error === "" ? `200 ${body}` : `200, cut after ${body.length} bytes`)
          : `${status}`;
        table.push(`  ${what.padEnd(36)} ${got.padEnd(24)} ${String(elapsedMs).padStart(6)} ms`);
        const said = `${what}: ${JSON.stringify(answer)}\n${program.lines.slice(-5).join("\n")}`;
        if (outcome === "fine") assertEquals([status, body, error], [200, "fine", ""], said);
        else if (outcome === "cut") assertEquals([status, CUT.test(error)], [200, true], said);
        else assertEquals([status, body], [outcome, ""], said);
        const failed = program.lines.slice(logged).filter((line) => line.includes("request failed"));
        logged = program.lines.length;
        // What a router says itself is no failure of it; what was begun is another line.
        const isFailure = typeof outcome === "number" && outcome !== 503;
        assertEquals(failed.length, isFailure ? 1 : 0, said);
        if (isFailure) assertMatch(failed[0]!, new RegExp(`status=${outcome} error="10\\.1\\.1\\.1 failed`));
      };
      const isServedAgain = async () => {
        const answer = await scene.get("/latest/fine");
        assertEquals([answer.status, answer.body], [200, "fine"], program.lines.slice(-10).join("\n"));
      };

      for (const [path, outcome] of Object.entries(paths)) {
        await context.step(`${path.slice("/latest/".length).replaceAll("-", " ")}`, async () => {
          judge(path, await scene.get(path), outcome);
          await isServedAgain();
        });
      }
      for (const [what, { strike, heal, outcome }] of Object.entries(conditions)) {
        await context.step(what, async () => {
          await strike(host, router);
          judge(what, await scene.get("/latest/fine"), outcome);
          await heal(host, router);
          await isServedAgain();
        });
      }
      console.log(["  what the router does                 what the client gets      after", ...table, ""].join("\n"));
    },
  );
}

networkTest("answers in 60,000 chunks of a byte each arrive whole, many at once", NO_SERVERS, async () => {
  await using scene = await createScene({ router: "none", args: "none" });
  const host = await scene.addHost("router", "10.1.1.1");
  await startScriptedRouter(host, { address: "10.1.1.1", guests: [{ ...GUEST, metadata: METADATA }] });
  await scene.startProgram(["--cache-ttl", "0"]);
  // Each is held until it is whole: as pieces they would be more than V8's heap.
  const answers = await Promise.all(Array.from({ length: 16 }, () => scene.get("/latest/chunks-of-one-byte")));
  for (const { status, body } of answers) assertEquals([status, body === "x".repeat(60_000)], [200, true]);
  assertEquals((await scene.get("/latest/fine")).body, "fine");
});
