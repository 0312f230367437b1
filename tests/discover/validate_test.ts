import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { createValidate } from "../../lib/discover/validate.ts";
import { createClient } from "../../lib/http1/client.ts";
import { UpstreamError } from "../../lib/http1/error.ts";
import { startScriptedServer } from "../support/servers/scripted_server.ts";
import { test } from "../support/test.ts";

const NEVER = new AbortController().signal;
const encode = (text: string) => Uint8Array.from(new TextEncoder().encode(text));

/** Validates against a router that answers with this status and these chunks. */
async function validate(
  status: number,
  chunks: readonly (string | Uint8Array<ArrayBuffer>)[],
  headers: [name: string, value: string][] = [],
) {
  const asked: unknown[] = [];
  let isCancelled = false;
  const rest = [...chunks];
  const check = createValidate({
    request(address, { method, target }, { fresh }) {
      asked.push({ address, method, target, fresh });
      const read = () => {
        const chunk = rest.shift();
        return Promise.resolve(typeof chunk === "string" ? encode(chunk) : chunk);
      };
      const body = { length: undefined, read, takeWhole: () => undefined, cancel: () => void (isCancelled = true) };
      return Promise.resolve({ status, headers, body });
    },
  });
  const error = await check("10.1.1.1", NEVER).then(() => undefined, (error: Error & { kind: string }) => error);
  return { asked, kind: error?.kind, message: error?.message, isOver: isCancelled || rest.length === 0 };
}

test("createValidate asks for the instance-id over a new connection", async () => {
  const { asked } = await validate(200, ["i-2-50-VM"]);
  assertEquals(asked, [
    { address: "10.1.1.1", method: "GET", target: "/latest/meta-data/instance-id", fresh: true },
  ]);
});

const ANSWERS:
  readonly (readonly [what: string, status: number, chunks: readonly string[], kind: string | undefined])[] = [
    ["an instance-id", 200, ["i-2-50-VM"], undefined],
    ["an instance-id in pieces, with a newline", 200, ["i-2", "-50-", "VM\n"], undefined],
    ["an empty body", 200, [], "empty"],
    ["a body of blanks", 200, [" \n"], "empty"],
    ["a page of HTML", 200, ["\n<!DOCTYPE html>", "<html>"], "not_metadata"],
    ["an endless body", 200, Array.from({ length: 100 }, () => "x".repeat(1_000)), "not_metadata"],
    ["204", 204, [], "status"],
    ["the longest instance-id", 200, ["1".repeat(255)], undefined],
    ["a longer one", 200, ["1".repeat(256)], "not_metadata"],
    ["several choices", 300, [], "redirect"],
    ["a redirect", 302, [], "redirect"],
    ["404", 404, ["not found"], "unknown_guest"],
    ["401", 401, [], "unknown_guest"],
    ["403", 403, [], "unknown_guest"],
    ["400", 400, [], "status"],
    ["500", 500, ["oops"], "server_error"],
    ["a greeting", 200, ["OK"], "not_metadata"],
    ["an error in JSON", 200, ['{"error":"login"}'], "not_metadata"],
    ["a request to log in", 200, ["Please log in"], "not_metadata"],
  ];
for (const [what, status, chunks, kind] of ANSWERS) {
  test(`createValidate ${kind === undefined ? "accepts" : "rejects"} ${what}`, async () => {
    const result = await validate(status, chunks);
    assertEquals([result.kind, result.isOver], [kind, true], "and reads or gives up the whole body");
  });
}

const QUOTED: readonly (readonly [what: string, Parameters<typeof validate>, words: string])[] = [
  ["a status", [400, []], "has status 400"],
  [
    "where a redirect leads",
    [302, [], [["server", "x"], ["location", "http://portal/"]]],
    "status 302 (to http://portal/)",
  ],
  [
    "the beginning of where it leads",
    [302, [], [["location", `http://portal/${"x".repeat(8_000)}`]]],
    `status 302 (to http://portal/${"x".repeat(106)}…)`,
  ],
  ["what it is instead", [200, ["x".repeat(40)]], `no instance-id but "${"x".repeat(40)}": it has no digit`],
  ["no more than its beginning", [200, ["x".repeat(41)]], `no instance-id but "${"x".repeat(40)}…": it has no digit`],
  ["a letter that came in two pieces", [200, [Uint8Array.of(0xc3), Uint8Array.of(0xa9)]], 'no instance-id but "é"'],
  ["the longest body", [200, ["x".repeat(4_096)]], "it is longer than 255 characters"],
  ["one that is longer", [200, ["x".repeat(4_097)]], "is longer than 4096 bytes"],
];
for (const [what, response, words] of QUOTED) {
  test(`createValidate says of a failure ${what}`, async () => {
    assertStringIncludes((await validate(...response)).message!, words);
  });
}

test("createValidate lets the client's errors through", async () => {
  const error = new UpstreamError("refused", "The server refused the connection");
  const check = createValidate({ request: () => Promise.reject(error) });
  assertEquals(await assertRejects(() => check("10.1.1.1", NEVER)), error);
});

test("createValidate listens to nobody any more who lets an answer trickle when its time is over", async () => {
  const limits = { connectTimeoutMs: 2_000, responseTimeoutMs: 2_000, idleTimeoutMs: 2_000, maxHeaderBytes: 8_192 };
  await using server = startScriptedServer(async ({ write, closed }) => {
    await write("HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\ni");
    await closed;
  });
  const connect = ({ signal }: { signal: AbortSignal }) =>
    Deno.connect({ hostname: "127.0.0.1", port: server.port, signal });
  const client = createClient(limits, connect);
  const over = new AbortController();
  const check = createValidate({
    async request(...asked) {
      const response = await client.request(...asked);
      setTimeout(() => over.abort());
      return response;
    },
  });
  const { message } = await assertRejects(() => check("10.1.1.1", over.signal), Error);
  assertEquals(message.includes("stood still"), false, message);
  await server.untilOpen(0);
  client.close();
});
