/**
 * What a router sees of a fleet that loses it for ten minutes: this program's own resolver, a thousand times on a clock of
 * its own, beside what the Go program would have sent.
 *
 * ```
 *   deno run tools/bench/herd.ts [GUESTS]
 * ```
 *
 * @module
 */

import { playFleet } from "../../tests/support/fakes/fleet.ts";
import type { FleetOptions, FleetResult, Second } from "../../tests/support/fakes/fleet.ts";

const HEALTHY_MS = 120_000;
const OUTAGE_MS = 600_000;
const RECOVERY_MS = 120_000;

/** The spans of time the table is divided into, in seconds from the beginning. */
const SPANS: readonly (readonly [name: string, from: number, to: number])[] = [
  ["router there", 60, 120],
  ["outage, first minute", 120, 180],
  ["outage, the rest", 180, 720],
  ["back, first 5 s", 720, 725],
  ["back, first minute", 725, 780],
];

const SCENARIOS: readonly (readonly [name: string, Pick<FleetOptions, "program" | "askEveryMs">])[] = [
  ["this program, each guest asks once an hour", { program: "this", askEveryMs: 3_600_000 }],
  ["the Go program, each guest asks once an hour", { program: "go", askEveryMs: 3_600_000 }],
  ["this program, each guest asks once a minute", { program: "this", askEveryMs: 60_000 }],
  ["the Go program, each guest asks once a minute", { program: "go", askEveryMs: 60_000 }],
];

const guests = Number(Deno.args[0] ?? 1_000);
console.log(`${guests} guests lose one router for ten minutes; packets and connections per second, average (peak)\n`);
for (const [name, scenario] of SCENARIOS) {
  const result = await playFleet({
    guests,
    healthyMs: HEALTHY_MS,
    outageMs: OUTAGE_MS,
    recoveryMs: RECOVERY_MS,
    ...scenario,
  });
  console.log(format(name, result));
}

function format(name: string, { seconds, recoveredMs, failures }: FleetResult): string {
  const lines = SPANS.map(([span, from, to]) => {
    const slice = seconds.slice(from, to);
    const cells = (["dhcp", "validations", "requests"] as const).map((key) => formatRate(slice, key).padStart(16));
    return `  ${span.padEnd(22)}${cells.join("")}`;
  });
  const within = (share: number) => {
    const ms = recoveredMs[Math.ceil(guests * share) - 1];
    return ms === undefined ? "-" : `${(ms / 1_000).toFixed(1)} s`;
  };
  const heading = `  ${"".padEnd(22)}${
    ["DHCP packets", "validations", "requests"].map((it) => it.padStart(16)).join("")
  }`;
  const recovery = recoveredMs.length === 0
    ? "  remembers no router"
    : `  router known again to half the fleet after ${within(0.5)}, to 99% after ${within(0.99)}, to all after ${
      within(1)
    }`;
  return [name, heading, ...lines, recovery, `  errors the agents got: ${failures}`, ""].join("\n");
}

function formatRate(slice: readonly Second[], key: keyof Second): string {
  const values = slice.map((second) => second[key]);
  const average = values.reduce((sum, value) => sum + value, 0) / values.length;
  return `${average < 10 ? average.toFixed(1) : Math.round(average)} (${Math.max(...values)})`;
}
