import { assertEquals } from "@std/assert";
import { networkTest } from "../support/net/network_test.ts";
import { reverseProxy } from "../../tools/bench/lab.ts";
import type { Needs } from "../support/net/network_test.ts";
import { createScene, LISTEN, SERVERS } from "../support/scene.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import { GUEST } from "../support/servers/router.ts";
import { startScriptedRouter } from "../support/servers/scripted_router.ts";
import { createLab, judge, requestOf } from "./abuse_lab.ts";
import type { PlannedAct, Position } from "./abuse_lab.ts";
import type { Act } from "./abuse_acts.ts";

// tests/README says which test shows the acts that are not here.

/** With the program's own limits of time, instead of ones that make the test short; and nginx in its place as well. */
const IS_WHOLE = Deno.env.get("MDPROXY4CS_ABUSE") === "whole";
const ARGS = ["--log-level", "debug", ...IS_WHOLE ? [] : ["--idle-timeout", "2s"]];

const HALF = `GET /latest/user-data HTTP/1.1\r\nHost: 169.254.169.254:39724\r\nX: `;
const HTTP2 = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

const SILENCE: Act = { connections: 1_100, text: "" };
const ENDLESS_HEADS: Act = { connections: 560, text: HALF, padding: 400_000 };
const UNREAD: Act = { connections: 600, text: requestOf("/latest/user-data"), times: 100 };
const DOWNLOADS: Act = { connections: 300, text: requestOf("/latest/large") };

const plan = (name: string, act: Act, ...from: Position[]): PlannedAct[] => from.map((from) => ({ name, from, act }));

/** What clients do. */
const CLIENTS_ACTS: readonly PlannedAct[] = [
  ...plan("A1: connections that say nothing", SILENCE, "nobody", "container", "neighbour"),
  ...plan("A1: the same, again and again", { ...SILENCE, connections: 600, again: true }, "nobody"),
  ...plan("A2: heads of 400 kB that never end", ENDLESS_HEADS, "nobody", "container", "neighbour"),
  ...plan("A2: heads as large as they may be, without an end", { ...ENDLESS_HEADS, padding: 16_000 }, "nobody"),
  ...plan("A5: HTTP/2", { connections: 100, text: HTTP2 }, "nobody", "container let in"),
  ...plan("A5: stored answers that nobody takes", UNREAD, "nobody", "container", "container let in"),
  ...plan("A6: downloads that nobody takes", DOWNLOADS, "nobody", "container let in"),
  ...plan("A12: tokens", { connections: 100, text: tokenRequest(), times: 100 }, "nobody"),
  ...plan("requests for what is not there", { ...UNREAD, text: requestOf("/latest/nothing"), times: 20 }, "nobody"),
];

/** What clients do where there are fewer descriptors than connections. */
const SCARCE_ACTS: readonly PlannedAct[] = [
  ...plan("A1: connections that say nothing, 100 files", SILENCE, "nobody"),
  ...plan("A1: the same, again and again, 100 files", { ...SILENCE, connections: 600, again: true }, "nobody"),
  ...plan("A6: downloads that nobody takes, 100 files", DOWNLOADS, "nobody"),
];

/** What a router answers, to whoever asks for it. */
const ROUTERS_ACTS: readonly PlannedAct[] = [
  ...plan("A4: 60,000 chunks of a byte", asking("/latest/chunks-of-one-byte?#", 32), "nobody"),
  ...plan("A4: 84 answers of 3,900 fields", asking("/latest/many-fields?#", 84), "nobody"),
  ...plan("answers without an end", asking("/latest/endless?#", 100), "nobody"),
  ...plan("answers without an end that nobody takes", { ...asking("/latest/endless?#", 100), reads: false }, "nobody"),
  ...plan("heads without an end", asking("/latest/endless-head?#", 84), "nobody"),
  ...plan("what unpacks to a thousand times as much", asking("/latest/gzip-bomb?#", 84), "nobody"),
];

function asking(path: string, connections: number): Act {
  return { connections, text: requestOf(path), reads: true };
}

function tokenRequest(): string {
  return "PUT /latest/api/token HTTP/1.1\r\nHost: 169.254.169.254:39724\r\nX-aws-ec2-metadata-token-ttl-seconds: 60\r\n\r\n";
}

const NEEDS: Needs = { ...SERVERS, programs: ["perl"] };

const METADATA = {
  ...sampleMetadata(GUEST.address),
  "user-data": "x".repeat(32_000),
  large: new Uint8Array(20_000_000),
};

networkTest("no act of a client ends the program, fills it, keeps others out or takes its port", NEEDS, async () => {
  await using stack = new AsyncDisposableStack();
  const scene = stack.use(await createScene({ router: { metadata: { [GUEST.address]: METADATA } }, args: "none" }));
  const lab = await createLab(scene, { args: ARGS }, stack);
  judge(await lab.perform(CLIENTS_ACTS));
});

networkTest("a want of descriptors, too, keeps nobody out for long, and ends nothing", NEEDS, async () => {
  await using stack = new AsyncDisposableStack();
  const scene = stack.use(await createScene({ router: { metadata: { [GUEST.address]: METADATA } }, args: "none" }));
  const lab = await createLab(scene, { args: ARGS, files: 100 }, stack);
  judge(await lab.perform(SCARCE_ACTS));
});

networkTest(
  "no answer of a router ends the program, fills it or keeps others out",
  { programs: ["perl"] },
  async () => {
    await using stack = new AsyncDisposableStack();
    const scene = stack.use(await createScene({ router: "none", args: "none" }));
    const metadata = sampleMetadata(GUEST.address);
    const host = await scene.addHost("router", "10.1.1.1");
    await startScriptedRouter(host, { address: "10.1.1.1", guests: [{ ...GUEST, metadata }] });
    const lab = await createLab(scene, { args: ARGS }, stack);
    judge(await lab.perform(ROUTERS_ACTS));

    const { bytes } = await scene.guest.run([
      ...["curl", "--silent", "--fail", "--retry", "10", "--retry-all-errors", "--retry-delay", "1"],
      ...["--header", "Accept-Encoding: gzip", "http://169.254.169.254:39724/latest/gzip-bomb"],
    ]);
    assertEquals([...bytes.subarray(0, 2)], [0x1f, 0x8b], "what is packed is passed as it is");
  },
);

if (IS_WHOLE) {
  networkTest("the same acts of clients, with nginx in the place of the program", NEEDS, async () => {
    await using stack = new AsyncDisposableStack();
    const scene = stack.use(await createScene({ router: { metadata: { [GUEST.address]: METADATA } }, args: "none" }));
    await scene.guest.ip(`address add ${LISTEN.hostname}/32 dev lo`);
    const lab = await createLab(
      scene,
      { name: "nginx", argv: reverseProxy(scene.network.folder, `${LISTEN.port}`) },
      stack,
    );
    // It admits everybody and knows no tokens: one position is enough.
    const acts = CLIENTS_ACTS.filter(({ name, from }) => from === "nobody" && /^A[1256]: (?!.*again)/.test(name));
    await lab.perform(acts);
  });
}
