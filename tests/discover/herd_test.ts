import { assert, assertEquals } from "@std/assert";
import { test } from "../support/test.ts";
import { playFleet } from "../support/fakes/fleet.ts";
import type { Second } from "../support/fakes/fleet.ts";

const GUESTS = 20;
const TIMES = { guests: GUESTS, healthyMs: 60_000, outageMs: 600_000, recoveryMs: 60_000 };

/** How many of each a guest sends per second, on average over some seconds. */
function rates(seconds: readonly Second[]): Second {
  const average = (key: keyof Second) =>
    seconds.reduce((sum, second) => sum + second[key], 0) / seconds.length / GUESTS;
  return { dhcp: average("dhcp"), validations: average("validations"), requests: average("requests") };
}

test("createResolver asks rarely in a fleet that lost its router and is seldom asked for it", async () => {
  const { seconds, recoveredMs } = await playFleet({ ...TIMES, askEveryMs: 3_600_000 });
  const late = rates(seconds.slice(360, 660));
  assert(late.dhcp < 0.35, `${late.dhcp} DHCP packets per guest and second`);
  assert(late.validations < 0.2, `${late.validations} validations per guest and second`);
  assertEquals(recoveredMs.length, GUESTS, "everyone has it again within a minute of its return");
});

test("createResolver asks at most about once a second in a fleet where requests wait for the router", async () => {
  const { seconds, recoveredMs } = await playFleet({ ...TIMES, askEveryMs: 5_000 });
  const outage = rates(seconds.slice(120, 660));
  assert(outage.dhcp < 1, `${outage.dhcp} DHCP packets per guest and second`);
  assert(outage.validations < 0.7, `${outage.validations} validations per guest and second`);
  const waitedMs = recoveredMs[Math.floor(GUESTS * 0.75)]!;
  assert(waitedMs <= 2_000, `a quarter of the fleet waited for more than ${waitedMs} ms`);
  const back = rates(seconds.slice(660, 720));
  assert(back.validations * 60 < 2, `${back.validations * 60} validations per guest for the router's return`);
});

test("createResolver sends a tenth of a DHCP packet per guest and second while all is well, at most", async () => {
  const { seconds } = await playFleet({ ...TIMES, outageMs: 0, recoveryMs: 0, askEveryMs: 10_000 });
  const healthy = rates(seconds.slice(10, 60));
  assert(healthy.dhcp < 0.1, `${healthy.dhcp} DHCP packets per guest and second`);
  assertEquals(healthy.validations, 0);
});
