import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Host } from "../support/net/network.ts";
import { fromLatin1, latin1 } from "../support/latin1.ts";
import { createExchange, createReader } from "../support/net/http.ts";
import type { Process } from "../support/net/process.ts";
import { networkTest } from "../support/net/network_test.ts";
import { createScene } from "../support/scene.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import { GUEST } from "../support/servers/router.ts";
import { startScriptedRouter } from "../support/servers/scripted_router.ts";
import { isMark, markOf } from "./fuzz_answers.ts";
import { composeRequest, createChance } from "./fuzz_requests.ts";

/** How many requests, and of which seed: printed when one fails. */
const REQUESTS = Number(Deno.env.get("MDPROXY4CS_FUZZ_REQUESTS") ?? "3000");
const SEED = Number(Deno.env.get("MDPROXY4CS_FUZZ_SEED") ?? "1");
const AT_ONCE = 25;
/** Broken answers are waited for, as long as a request may take: fewer of them, and more at once. */
const ANSWERS = Math.ceil(REQUESTS / 2);
const ANSWERS_AT_ONCE = 140;
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

networkTest(
  "thousands of broken answers harm nobody: each client gets its own answer or none, and the next one is right",
  {},
  async () => {
    //   guest 10.1.1.50 ---- lan ---- 10.1.1.1 router, whose answers are broken on some paths
    await using scene = await createScene({ router: "none", args: "none" });
    await startScriptedRouter(await scene.addHost("router", "10.1.1.1"), {
      address: "10.1.1.1",
      guests: [{ ...GUEST, metadata: sampleMetadata(GUEST.address) }],
      fuzzSeed: SEED,
    });
    const program = await scene.startProgram([
      ...["--cache-ttl", "0", "--stale-if-error", "0", "--idle-timeout", "500ms", "--response-timeout", "500ms"],
      ...["--request-timeout", "1s", "--max-requests", "160"],
    ]);
    assertEquals((await scene.get("/latest/vm-id")).body, `vm-${GUEST.address}`);
    const descriptors = () => [...Deno.readDirSync(`/proc/${program.pid}/fd`)].length;
    const before = descriptors();

    let number = 0;
    const statuses: Record<string, number> = {};
    await Promise.all(Array.from({ length: ANSWERS_AT_ONCE }, async () => {
      while (number < ANSWERS) {
        const own = number++;
        using connection = await scene.dial(PROXY.address, PROXY.port);
        const exchange = createExchange(connection);
        await exchange.send(`GET /latest/fuzz?${own} HTTP/1.1\r\nHost: ${OWN}\r\n\r\n${LAST}`).catch(() => {});
        const bytes = await exchange.rest();
        assertEquals(bytes.find((byte) => isMark(byte) && byte !== markOf(own)), undefined, `another's answer: ${own}`);
        const answer = latin1(bytes);
        const status = /^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1];
        assert(status !== undefined, `no answer to ${own} of seed ${SEED}`);
        // Behind a whole answer comes the right one to the decent request, or on a busy machine, where the router may be
        // late, word of that; behind one that was cut, nothing.
        const outcome = answer.endsWith(LAST_BODY) ? status : LATE.test(answer) ? "late" : "cut";
        assert(outcome !== "cut" || !await isWhole(bytes), `${own} of seed ${SEED}: ${answer.slice(-300)}`);
        statuses[outcome] = (statuses[outcome] ?? 0) + 1;
      }
    }));
    console.log(`${ANSWERS} answers of seed ${SEED}: ${JSON.stringify(statuses)}`);
    assert((statuses.late ?? 0) <= ANSWERS / 100, `${statuses.late} decent requests found the router late`);

    const { status, body } = await scene.getUntilGood("/latest/vm-id");
    assertEquals([status, body], [200, `vm-${GUEST.address}`], program.lines.slice(-5).join("\n"));
    assert(!program.lines.some((line) => /Uncaught|panicked|cannot serve a request/.test(line)));
    assert(
      descriptors() <= before + 2 * ANSWERS_AT_ONCE + KEPT_INSIDE + 8,
      `${before} descriptors became ${descriptors()}`,
    );
  },
);

/** What the decent request gets: nothing that a broken answer has. */
const LAST_BODY = `\r\n\r\nvm-${GUEST.address}`;

/** What the decent request gets in its place when the router has not answered that in time. */
const LATE = /.\s*HTTP\/1\.1 504 Gateway Timeout\r\ncontent-length: 0\r\ndate: .*\r\nconnection: close\r\n\r\n$/;

/** Whether an answer says that the connection goes on behind it, and has ended as it says. */
async function isWhole(bytes: Uint8Array): Promise<boolean> {
  let left = bytes;
  const read = (buffer: Uint8Array) => {
    const piece = left.subarray(0, buffer.length);
    left = left.subarray(piece.length);
    buffer.set(piece);
    return Promise.resolve(piece.length || null);
  };
  const answer = await createReader({ read, close() {} }).receive().catch(() => undefined);
  return answer?.headers.every(([name, value]) => name !== "connection" || value !== "close") ?? false;
}

/** Starts a router that serves, or a mere listener on port 80; it tells every byte that it hears. */
function startRecorder(host: Host, address?: string): Promise<Process> {
  return startScriptedRouter(host, {
    address: address ?? "0.0.0.0",
    guests: [{ ...GUEST, metadata: sampleMetadata(GUEST.address) }],
    dhcp: address !== undefined,
    records: true,
  });
}
