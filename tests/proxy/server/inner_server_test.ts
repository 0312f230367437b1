import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { UpstreamError } from "../../../lib/http1/error.ts";
import { createErrorResponder, openInnerServer } from "../../../lib/proxy/server/inner_server.ts";
import { createLog } from "../../../lib/telemetry/log.ts";
import { SYSTEM_CLOCK } from "../../../lib/time/clock.ts";
import { createVirtualClock } from "../../support/fakes/virtual_clock.ts";
import { test } from "../../support/test.ts";
import { pause } from "../../support/pause.ts";

const REQUEST = new TextEncoder().encode("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

const aMoment = () => pause(1);

/** How a server can be found gone. */
const FATES: Readonly<Record<string, (path: string) => Promise<void>>> = {
  "listens no more": async (path) => {
    // A listener takes away what it made, at the place where it made it.
    const listener = Deno.listen({ transport: "unix", path: `${path}.closed` });
    await Deno.rename(`${path}.closed`, path);
    listener.close();
  },
  "has lost its socket": (path) => Deno.remove(path),
};

for (const [fate, strike] of Object.entries(FATES)) {
  test(`openInnerServer replaces a server that ${fate}, once for however many find it gone`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "mdproxy4cs-test-" });
    const path = `${folder}/inner.sock`;
    const lines: string[] = [];
    const log = createLog((line) => lines.push(line), { level: "debug", format: "text" });
    const inner = openInnerServer(() => new Response("served"), {
      path,
      onError: createErrorResponder(log),
      log,
      clock: SYSTEM_CLOCK,
    });
    try {
      await strike(path);
      const connections = await Promise.all(Array.from({ length: 10 }, () => inner.connect()));
      assertEquals(lines.filter((line) => line.includes("was restarted")).length, 1);
      for (const connection of connections) {
        await connection.write(REQUEST);
        const answer = await new Response(connection.readable).text();
        assertEquals([answer.slice(0, 15), answer.endsWith("served")], ["HTTP/1.1 200 OK", true]);
      }
    } finally {
      await inner.shutdown();
      await Deno.remove(folder, { recursive: true });
    }
  });
}

test("openInnerServer tries again, and says so, where it cannot be replaced; and is not replaced when it is over", async () => {
  const folder = await Deno.makeTempDir({ prefix: "mdproxy4cs-test-" });
  const path = `${folder}/inner.sock`;
  const lines: string[] = [];
  const log = createLog((line) => lines.push(line), { level: "debug", format: "journal" });
  const clock = createVirtualClock();
  const inner = openInnerServer(() => new Response("served"), { path, onError: createErrorResponder(log), log, clock });
  await Deno.remove(folder, { recursive: true });
  const connecting = inner.connect();
  while (lines.length === 0) await aMoment();
  await clock.run(300);
  assertEquals(lines.map((line) => line.slice(0, 66)), Array(4).fill(lines[0]!.slice(0, 66)));
  assertMatch(lines[0]!, /^<4>cannot restart the server behind the gate, trying again error=/);
  await Deno.mkdir(folder);
  await clock.run(100);
  (await connecting).close();
  assertEquals(lines.slice(4), ["<7>the server behind the gate was restarted\n"]);
  await inner.shutdown();
  await assertRejects(() => inner.connect(), Deno.errors.NotFound);
  assertEquals(lines.length, 5);
  await Deno.remove(folder, { recursive: true });
});

test("createErrorResponder answers 500, and speaks of no error that has a kind: that was said where it arose", () => {
  const lines: string[] = [];
  const respond = createErrorResponder(createLog((line) => lines.push(line), { level: "debug", format: "journal" }));
  assertEquals(respond(new UpstreamError("cut_short", "said before")).status, 500);
  assertEquals(lines, []);
  for (const error of [new Error("a fault"), "a text", { kind: "no error" }]) assertEquals(respond(error).status, 500);
  assertEquals(
    lines,
    ["a fault", "a text", "[object Object]"].map((text) => `<3>cannot serve a request error="${text}"\n`),
  );
});
