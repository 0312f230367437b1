import { assertEquals } from "@std/assert";
import { networkTest } from "../support/net/network_test.ts";
import { createScene, SERVERS } from "../support/scene.ts";
import type { Scene, SceneOptions } from "../support/scene.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import { GUEST } from "../support/servers/router.ts";

//   guest eth0, one day 10.1.1.50 ---- lan ---- 10.1.1.1 eth0 router

const LATE: readonly {
  readonly what: string;
  readonly scene: SceneOptions;
  readonly arrive: (scene: Scene) => Promise<void>;
}[] = [
  {
    what: "the interface does not exist yet",
    scene: { guest: "unplugged" },
    arrive: ({ guest, lan }) => lan.attach(guest, { iface: "eth0", mac: GUEST.mac, address: `${GUEST.address}/24` }),
  },
  {
    what: "the interface has no address yet",
    scene: { guest: "unaddressed" },
    arrive: ({ guest }) => guest.ip(`address add ${GUEST.address}/24 dev eth0`),
  },
  {
    what: "the link is down",
    scene: { prepare: ({ guest }) => guest.ip("link set eth0 down") },
    arrive: ({ guest }) => guest.ip("link set eth0 up"),
  },
];

for (const { what, scene: options, arrive } of LATE) {
  networkTest(
    `mdproxy4cs that starts when ${what} answers 503, and serves by itself once the network is there`,
    SERVERS,
    async () => {
      await using scene = await createScene({
        ...options,
        args: ["--request-timeout", "2s", "--discovery-timeout", "2s"],
      });
      const { status, body } = await scene.get("/latest/meta-data/instance-id");
      assertEquals([status, body], [503, ""]);

      await arrive(scene);
      const answer = await scene.getUntilGood("/latest/meta-data/instance-id");
      assertEquals(answer.body, sampleMetadata(GUEST.address)["instance-id"]);
      console.log(`found ${answer.totalMs} ms after the network came up`);
    },
  );
}
