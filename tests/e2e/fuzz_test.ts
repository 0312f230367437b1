import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Host } from "../support/net/network.ts";
import { fromLatin1, latin1 } from "../support/latin1.ts";
import { createExchange } from "../support/net/http.ts";
import type { Process } from "../support/net/process.ts";
import { networkTest } from "../support/net/network_test.ts";
import { createScene } from "../support/scene.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import { GUEST } from "../support/servers/router.ts";
import { startScriptedRouter } from "../support/servers/scripted_router.ts";
import { composeRequest, createChance } from "./fuzz_requests.ts";

/** How many requests, and of which seed: printed when one fails. */
const REQUESTS = Number(Deno.env.get("MDPROXY4CS_FUZZ_REQUESTS") ?? "3000");
const SEED = Number(Deno.env.get("MDPROXY4CS_FUZZ_SEED") ?? "1");
const AT_ONCE = 25;
/** Both ends of each connection that the gate keeps to the server behind it. */
const KEPT_INSIDE = 2 * 16;

const PROXY = { address: "169.254.169.254", port: 39724 };
const OWN = `${PROXY.address}:${PROXY.port}`;
const LAST = `GET /latest/vm-id HTTP/1.1\r\nHost: ${OWN}\r\nConnection: close\r\n\r\n`;

/** What the program may send to a router, whatever it was sent. */
const HEAD =
  /^(GET|HEAD) \/[\x21-\x7e]* HTTP\/1\.1\r\nHost: 10\.1\.1\.1\r\n([!#$%&'*+.^_`|~\w-]+: ?[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n$/i;
const NEVER_SENT =
  /^(x-forwarded-[a-z]+|forwarded|via|x-real-ip|proxy|proxy-(authorization|connection|authenticate)|content-length|transfer-encoding|te|trailer|upgrade|expect):/im;

networkTest(
  "thousands of broken requests harm neither the program nor its router, and reach nobody else",
  {},
  async () => {
    //   guest 10.1.1.50 ---- lan ---- 10.1.1.1 router (a recorder)
    //                         |
    //                         ------- 10.1.1.99 bystander (a recorder); one more on the guest's own port 80
    await using scene = await createScene({ router: "none", args: "none" });
    const recorded = await startRecorder(await scene.addHost("router", "10.1.1.1"), "10.1.1.1");
    const unheard = [
      await startRecorder(await scene.addHost("bystander", "10.1.1.99")),
      await startRecorder(scene.guest),
    ];
    const program = await scene.startProgram([
      ...["--cache-ttl", "0", "--idle-timeout", "500ms", "--request-timeout", "5s", "--log-level", "debug"],
    ]);
    assertEquals((await scene.get("/latest/vm-id")).body, `vm-${GUEST.address}`);
    const descriptors = () => [...Deno.readDirSync(`/proc/${program.pid}/fd`)].length;
    const before = descriptors();

    const chance = createChance(SEED);
    let left = REQUESTS;
    const statuses: Record<string, number> = {};
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      while (left-- > 0) {
        const request = composeRequest(chance, { own: OWN, foreign: ["10.1.1.99", "127.0.0.1", "10.1.1.50"] });
        using connection = await scene.dial(PROXY.address, PROXY.port);
        const exchange = createExchange(connection);
        // A decent request comes behind each, so that the connection ends whatever was made of it. A program that has
        // refused already may have closed it by then.
        await exchange.send(fromLatin1(request + LAST)).catch(() => {});
        const answer = latin1(await exchange.rest());
        const status = /^HTTP\/1\.[01] (\d{3})/.exec(answer)?.[1] ?? "none";
        statuses[status] = (statuses[status] ?? 0) + 1;
      }
    }));
    console.log(`${REQUESTS} requests of seed ${SEED}: ${JSON.stringify(statuses)}, ${recorded.lines.length} passed`);

    const { status, body } = await scene.get("/latest/vm-id");
    assertEquals([status, body], [200, `vm-${GUEST.address}`], program.lines.slice(-5).join("\n"));
    for (const line of recorded.lines.filter((line) => line.startsWith("{"))) {
      const { head = "", rest = "" } = JSON.parse(line);
      assertEquals(rest, "", "a body or half a request reached the router");
      assertMatch(head, HEAD);
      assert(!NEVER_SENT.test(head), head);
    }
    for (const recorder of unheard) assertEquals(recorder.lines, ["router ready"]);
    for (const line of program.lines) {
      assertMatch(line, /^\d{4}-\d\d-\d\dT[\d:.]+Z (debug|info|warn|error) +[\x20-\x7e…]*$/);
    }
    assert(descriptors() <= before + AT_ONCE + KEPT_INSIDE + 8, `${before} descriptors became ${descriptors()}`);
  },
);

/** Starts a router that serves, or a mere listener on port 80; it tells every byte that it hears. */
function startRecorder(host: Host, address?: string): Promise<Process> {
  return startScriptedRouter(host, {
    address: address ?? "0.0.0.0",
    guests: [{ ...GUEST, metadata: sampleMetadata(GUEST.address) }],
    dhcp: address !== undefined,
    records: true,
  });
}
