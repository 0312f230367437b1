import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { UpstreamError } from "../../../lib/http1/error.ts";
import { openInnerServer } from "../../../lib/proxy/server/inner_server.ts";
import { createErrorResponder } from "../../../lib/proxy/server/own_response.ts";
import { createLog } from "../../../lib/telemetry/log.ts";
import { test } from "../../support/test.ts";

const REQUEST = new TextEncoder().encode("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

/** How a server can be found gone. */
const FATES: Readonly<Record<string, (path: string) => Promise<void>>> = {
  "listens no more": async (path) => {
    // A listener takes away what it made, at the place where it made it.
    const listener = Deno.listen({ transport: "unix", path: `${path}.closed` });
    await Deno.rename(`${path}.closed`, path);
    listener.close();
  },
  "has lost its socket": (path) => Deno.remove(path),
  "has lost its folder": (path) => Deno.remove(path.replace(/\/[^/]*$/, ""), { recursive: true }),
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

test("openInnerServer fails where no other can be had, says so once, and tries again when one is needed", async () => {
  const folder = await Deno.makeTempDir({ prefix: "mdproxy4cs-test-" });
  const path = `${folder}/own/inner.sock`;
  await Deno.mkdir(`${folder}/own`);
  const lines: string[] = [];
  const log = createLog((line) => lines.push(line), { level: "info", format: "journal" });
  const inner = openInnerServer(() => new Response("served"), { path, onError: createErrorResponder(log), log });
  assert(inner.isServing());
  await Deno.remove(folder, { recursive: true });
  assert(!inner.isServing());
  for (let times = 0; times < 3; times++) await assertRejects(() => inner.connect(), Deno.errors.NotFound);
  assert(!inner.isServing());
  assertMatch(lines.join(""), /^<4>cannot restart the server behind the gate error=[^\n]*\n$/);
  await Deno.mkdir(folder);
  assert(inner.isServing());
  (await inner.connect()).close();
  await inner.shutdown();
  await Deno.remove(folder, { recursive: true });
  await assertRejects(() => inner.connect(), Deno.errors.NotFound);
  assertEquals(lines.length, 1);
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
