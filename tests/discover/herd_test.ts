import { assert, assertEquals } from "@std/assert";
import { test } from "../support/test.ts";
import { playFleet } from "../support/fakes/fleet.ts";
import type { FleetOptions, Second } from "../support/fakes/fleet.ts";

const GUESTS = 20;
const TIMES = { guests: GUESTS, healthyMs: 60_000, outageMs: 600_000, recoveryMs: 60_000 };
/** Ten minutes in which the router is there. */
const CALM = { healthyMs: 600_000, outageMs: 0, recoveryMs: 0, askEveryMs: 10_000 };

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

/** What a fleet may ask of its router, per guest and minute: DHCP packets, and proofs. What 2.0.0 asked in the same play. */
const PLAYS: readonly (readonly [
  what: string,
  play: Partial<FleetOptions> & { readonly askEveryMs: number },
  dhcp: number,
  proofs: number,
])[] = [
  ["hardly asked, in an outage", { ...TIMES, askEveryMs: 3_600_000 }, 13.91, 6.06],
  ["asked every 5 s, in an outage", { ...TIMES, askEveryMs: 5_000 }, 46.05, 27.55],
  [
    "asked by agents that give up after 1 s, in an outage",
    {
      ...TIMES,
      askEveryMs: 5_000,
      abandonAfterMs: 1_000,
    },
    39.63,
    23.39,
  ],
  ["whose router takes 1 s", { ...CALM, delayMs: 1_000 }, 22.93, 11.25],
  ["whose router takes 2 s", { ...CALM, delayMs: 2_000 }, 28.07, 10.14],
  ["whose router takes 5 s", { ...CALM, delayMs: 5_000 }, 48.53, 17.45],
  ["whose router takes 8 s", { ...CALM, delayMs: 8_000 }, 48.49, 8.61],
  [
    "whose router takes 2 s, and agents that give up after 1 s",
    {
      ...CALM,
      delayMs: 2_000,
      abandonAfterMs: 1_000,
    },
    55.23,
    20,
  ],
  [
    "whose router takes 5 s, and agents that give up after 1 s",
    {
      ...CALM,
      delayMs: 5_000,
      abandonAfterMs: 1_000,
    },
    36.52,
    12.6,
  ],
  ["whose router takes 2 s, in an outage", { ...TIMES, askEveryMs: 5_000, delayMs: 2_000 }, 55.13, 30.94],
  [
    "whose router takes 2 s, in an outage, and agents that give up after 1 s",
    {
      ...TIMES,
      askEveryMs: 5_000,
      delayMs: 2_000,
      abandonAfterMs: 1_000,
    },
    50.6,
    27.46,
  ],
];
for (const [what, play, dhcp, proofs] of PLAYS) {
  test(`createResolver asks no more than 2.0.0 in a fleet ${what}`, async () => {
    const { seconds } = await playFleet({ ...TIMES, ...play });
    const asked = rates(seconds);
    console.log(
      `dhcp ${(asked.dhcp * 60).toFixed(1)} (${dhcp}), proofs ${(asked.validations * 60).toFixed(1)} (${proofs})`,
    );
    assert(asked.dhcp * 60 <= dhcp, `${asked.dhcp * 60} DHCP packets per guest and minute, ${dhcp} before`);
    assert(asked.validations * 60 <= proofs, `${asked.validations * 60} proofs per guest and minute, ${proofs} before`);
  });
}
