import { assert, assertEquals } from "@std/assert";
import type { Host } from "../support/net/network.ts";
import { startNobodysScript } from "../support/net/nobody.ts";
import { PATIENCE_MS } from "../support/net/process.ts";
import type { Process } from "../support/net/process.ts";
import { PROXY } from "../support/net/program.ts";
import { startScript } from "../support/net/script.ts";
import { networkTest } from "../support/net/network_test.ts";
import { memoryOf } from "../support/net/usage.ts";
import { createScene, SERVERS } from "../support/scene.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import { GUEST } from "../support/servers/router.ts";
import type { Router } from "../support/servers/router.ts";
import type { Act } from "./abuse_acts.ts";
import type { SoakOptions, SoakReport } from "./soak_client.ts";
import { pause } from "../support/pause.ts";

//   guest eth0 10.1.1.50 ---- lan ---- eth0 router (dnsmasq, nginx), which restarts and moves

/** How many requests; a longer soak sets more. */
const REQUESTS = Number(Deno.env.get("MDPROXY4CS_SOAK_REQUESTS") ?? "20000");
const WARM_UP = 3_000;
const CONNECTIONS = 50;
/** How many idle connections to the router the program may keep: more of them than before is no leak. */
const KEPT = 32;

/** Takes all the connections that there are, and begins anew. */
const ABUSE: Act = { connections: 600, text: "GET /latest/user-data HT", again: true };

const METADATA = { ...sampleMetadata(GUEST.address), "user-data": "0123456789abcdef".repeat(4_096) };
const EXPECTED = Object.fromEntries(
  Object.entries(METADATA).map(([key, value]) => [`/latest/${key === "user-data" ? key : `meta-data/${key}`}`, value]),
);

networkTest(
  "thousands of requests while the router moves, the program reloads and nobody abuses it: none is lost, no leak",
  SERVERS,
  async () => {
    await using scene = await createScene({
      router: { metadata: { [GUEST.address]: METADATA } },
      args: ["--idle-timeout", "5s"],
    });
    const { guest, router, program } = scene;
    assertEquals((await scene.get("/latest/user-data")).status, 200);

    await soak(guest, WARM_UP).report;
    const before = await settled(program);
    const abuser = await startNobodysScript(guest, "../e2e/abuse_acts.ts", [JSON.stringify(ABUSE)]);
    const { client, report } = soak(guest, REQUESTS);
    const [{ statuses, failures, failureCount, wrong, wrongCount, slowestMs, totalMs }] = await Promise.all([
      report,
      disturb(router, client, () => program.kill("SIGHUP")),
    ]);
    await abuser.stop("SIGKILL");
    const after = await settled(program);

    console.log(
      `${REQUESTS} requests in ${(totalMs / 1_000).toFixed(1)} s, slowest ${slowestMs} ms, statuses ${
        JSON.stringify(statuses)
      }, ${failureCount} failed`,
    );
    console.log(`before: ${JSON.stringify(before)}\nafter:  ${JSON.stringify(after)}`);
    assertEquals(wrong, [], `${wrongCount} wrong answers`);
    // A body that is on its way when its router vanishes is lost, and nothing else is.
    assert(failureCount <= CONNECTIONS, failures.join("\n"));
    assert((statuses[200] ?? 0) > REQUESTS * 0.9, "hardly any request was served");
    assert(after.descriptors <= before.descriptors + KEPT, "descriptors leak");
    assert(after.residentKb <= before.residentKb * 1.25 + 8_192, "memory grows");
  },
);

networkTest(
  "memory that load took is given back when nobody asks",
  SERVERS,
  async () => {
    await using scene = await createScene({
      router: { metadata: { [GUEST.address]: METADATA } },
      args: ["--idle-timeout", "1s", "--log-level", "debug"],
    });
    const { guest, program } = scene;
    await soak(guest, WARM_UP).report;
    const before = await memoryOf(program.pid);
    await program.waitForLine(/ gave memory back$/);
    const after = await memoryOf(program.pid);
    console.log(`after ${WARM_UP} requests: ${JSON.stringify(before)}\nat rest: ${JSON.stringify(after)}`);
    assert(after.privateMib < before.privateMib * 0.9, "hardly any memory was given back");
    assertEquals((await scene.get("/latest/user-data")).status, 200);
  },
);

function soak(guest: Host, requests: number): { readonly client: Process; readonly report: Promise<SoakReport> } {
  const options: SoakOptions = { origin: PROXY, requests, connections: CONNECTIONS, expected: EXPECTED };
  const client = startScript(guest, "../e2e/soak_client.ts", [JSON.stringify(options)]);
  return { client, report: client.waitForLine(/^\{/, { timeoutMs: 60_000 + requests * 5 }).then(JSON.parse) };
}

/** Reloads, restarts the router and moves it by turns, each time the client has come an eighth further. */
async function disturb(router: Router, client: Process, reload: () => void): Promise<void> {
  for (let eighth = 1; eighth < 8; eighth++) {
    const due = Math.floor(REQUESTS * eighth / 8);
    await client.waitForLine(new RegExp(`^progress ${due - due % 250}$`), { timeoutMs: 60_000 + REQUESTS * 5 });
    reload();
    await router.stop();
    await router.start(eighth % 2 === 0 ? `10.1.1.${1 + eighth}` : router.address);
  }
}

/** What the program holds once the connections of its clients are gone: read until it no longer falls. */
async function settled(program: Process): Promise<{ readonly descriptors: number; readonly residentKb: number }> {
  const count = () => [...Deno.readDirSync(`/proc/${program.pid}/fd`)].length;
  const deadline = performance.now() + PATIENCE_MS;
  let descriptors = count();
  for (let same = 0; same < 5 && performance.now() < deadline;) {
    await pause(100);
    const now = count();
    same = now < descriptors ? 0 : same + 1;
    descriptors = now;
  }
  const status = await Deno.readTextFile(`/proc/${program.pid}/status`);
  return { descriptors, residentKb: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) };
}
