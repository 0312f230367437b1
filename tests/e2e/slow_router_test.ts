import { assert, assertEquals } from "@std/assert";
import { networkTest } from "../support/net/network_test.ts";
import { createScene, NO_SERVERS } from "../support/scene.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import { GUEST } from "../support/servers/router.ts";
import { startScriptedRouter } from "../support/servers/scripted_router.ts";

//   guest 10.1.1.50 ---- lan ---- 10.1.1.1 a router that takes its time over every answer

const VM_ID = "/latest/meta-data/vm-id";
const DELAYS_MS = [500, 1_000, 2_000, 5_000, 8_000];
const REQUESTS = 3;

/** What one slow router was asked, and what its guest got. */
interface Seen {
  readonly delayMs: number;
  /** The first request, which found no router known, and those after it. */
  readonly statuses: readonly number[];
  readonly elapsedMs: readonly number[];
  /** What requests take without the program, curl's own start included as well. */
  readonly directMs: readonly number[];
  /** Requests for metadata and DHCP questions after the first request was answered. */
  readonly gets: number;
  readonly questions: number;
  readonly warnings: readonly string[];
}

async function askSlowRouter(delayMs: number): Promise<Seen> {
  await using scene = await createScene({ router: "none", args: "none" });
  const host = await scene.addHost("router", "10.1.1.1");
  const router = await startScriptedRouter(host, {
    address: "10.1.1.1",
    guests: [{ ...GUEST, metadata: sampleMetadata(GUEST.address) }],
    delayMs,
  });
  const program = await scene.startProgram(["--cache-ttl", "0", "--stale-if-error", "0"]);
  const answers = [await scene.get(VM_ID)];
  const from = router.lines.length;
  for (let count = 0; count < REQUESTS; count++) answers.push(await scene.get(VM_ID));
  assert(countQuestions(router.lines) > 0, "the router never said what it heard");
  const later = router.lines.slice(from);
  const direct = [];
  for (let count = 0; count < REQUESTS; count++) direct.push(await scene.get(`http://10.1.1.1${VM_ID}`));
  return {
    delayMs,
    statuses: answers.map(({ status }) => status),
    elapsedMs: answers.map(({ elapsedMs }) => elapsedMs),
    directMs: direct.map(({ elapsedMs }) => elapsedMs),
    gets: later.filter((line) => line.includes('"GET ')).length,
    questions: countQuestions(later),
    warnings: program.lines.filter((line) => / (warn|error) /.test(line)),
  };
}

function countQuestions(lines: readonly string[]): number {
  return lines.filter((line) => /^heard DHCP/.test(line)).length;
}

networkTest(
  "a slow router is found, answers every request, and is hardly asked anything besides",
  NO_SERVERS,
  async () => {
    const seen = await Promise.all(DELAYS_MS.map(askSlowRouter));
    console.log(
      "  router's delay   first and later requests, ms     direct ones, ms          more GETs   DHCP questions",
    );
    for (const { delayMs, elapsedMs, directMs, gets, questions } of seen) {
      const times = `${elapsedMs.join(" ").padEnd(32)}${directMs.join(" ").padEnd(25)}`;
      console.log(`${String(delayMs).padStart(16)}   ${times}${gets - REQUESTS}           ${questions}`);
    }
    for (const { delayMs, statuses, gets, questions, warnings } of seen) {
      assertEquals(statuses, Array(1 + REQUESTS).fill(200), `${delayMs} ms`);
      assert(gets <= REQUESTS + 1, `${delayMs} ms: ${gets} GETs for ${REQUESTS} requests`);
      assert(questions <= 2, `${delayMs} ms: ${questions} DHCP questions`);
      assert(warnings.length <= 1, warnings.join("\n"));
    }
  },
);
