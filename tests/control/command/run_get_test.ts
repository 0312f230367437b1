import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ConfigError } from "../../../lib/config/config_error.ts";
import { runGet } from "../../../lib/control/command/run_get.ts";
import { startScriptedServer } from "../../support/servers/scripted_server.ts";
import type { Script } from "../../support/servers/scripted_server.ts";
import { controlTest, documentOf } from "../control_case.ts";
import type { Case } from "../control_case.ts";

const LIMITS = { responseTimeoutMs: 5_000, idleTimeoutMs: 5_000, maxHeaderBytes: 8_192 };

/** Gets a path from a service that answers as the script says. */
async function get(
  at: Case,
  path: string,
  { script, isAsked = false }: { readonly script: Script; readonly isAsked?: boolean },
) {
  await using server = startScriptedServer(script);
  const listen = { hostname: "127.0.0.1", port: isAsked ? 1 : server.port };
  if (isAsked) at.start(documentOf("ready", `127.0.0.1:${server.port}`));
  const pieces: Uint8Array[] = [];
  const writeBytes = (bytes: Uint8Array) => pieces.push(bytes.slice()) > 0;
  const code = await runGet(path, { listen, limits: LIMITS, writeBytes }, at.environment);
  const body = new TextDecoder().decode(await new Blob(pieces as BlobPart[]).arrayBuffer());
  return { code, body, heads: [...server.heads], port: server.port };
}

const answer = (status: number, body: string, headers = "") => async ({ write }: Parameters<Script>[0]) => {
  await write(`HTTP/1.1 ${status} X\r\n${headers}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`);
  return "close" as const;
};

for (const [path, target] of [["user-data", "/latest/user-data"], ["/latest/x?y=1", "/latest/x?y=1"]] as const) {
  controlTest(`runGet prints what is at ${path}`, async (at) => {
    const { code, body, heads, port } = await get(at, path, { script: answer(200, "data\n") });
    assertEquals([code, body, at.said], [0, "data\n", []]);
    assertEquals(heads, [`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`]);
  });
}

controlTest("runGet asks where the running service says that it listens", async (at) => {
  const { code, body } = await get(at, "user-data", { script: answer(200, "data"), isAsked: true });
  assertEquals([code, body], [0, "data"]);
});

for (const [status, code] of [[200, 0], [204, 0], [299, 0], [300, 3], [302, 3], [404, 4], [503, 5]] as const) {
  controlTest(`runGet exits with ${code} for a status of ${status}`, async (at) => {
    const got = await get(at, "x", { script: answer(status, status === 204 ? "" : "body") });
    assertEquals([got.code, got.body], [code, status < 204 || status === 299 ? "body" : ""]);
    assertEquals(at.said, code === 0 ? [] : [`mdproxy4cs: error: /latest/x has status ${status}`]);
  });
}

controlTest("runGet fetches a token where one is asked for, and shows it", async (at) => {
  const script: Script = (heard) => {
    if (heard.head.startsWith("PUT")) return answer(200, "tok")(heard);
    return (heard.head.includes("X-aws-ec2-metadata-token: tok\r\n") ? answer(200, "secret") : answer(401, "none"))(
      heard,
    );
  };
  const { code, body, heads } = await get(at, "x", { script });
  assertEquals([code, body, heads.length], [0, "secret", 3]);
  assertMatch(
    heads[1]!,
    /^PUT \/latest\/api\/token HTTP\/1\.1\r\nHost: 127\.0\.0\.1:\d+\r\nX-aws-ec2-metadata-token-ttl-seconds: 60\r\n/,
  );
});

controlTest("runGet exits with 4 where a token is asked for and none is given", async (at) => {
  const { code, heads } = await get(at, "x", { script: answer(401, "") });
  assertEquals([code, heads.length], [4, 2]);
});

controlTest("runGet takes no book for a token", async (at) => {
  const script: Script = (heard) =>
    heard.head.startsWith("PUT") ? answer(200, "t".repeat(1_025))(heard) : answer(401, "")(heard);
  const { code, body } = await get(at, "x", { script });
  assertEquals([code, body], [1, ""]);
  assertMatch(at.said[0]!, /its token is longer than 1024 bytes$/);
});

controlTest("runGet refuses a path that no request can have", async (at) => {
  for (const path of ["user data", "a\r\nHost: x", "k\u00e9y", "a#b"]) {
    await assertRejects(() => get(at, path, { script: answer(200, "") }), ConfigError, `get: "${path}" must be a path`);
  }
});

controlTest("runGet exits with 1 where nobody answers, or not to the end", async (at) => {
  const cut = await get(at, "x", {
    script: async ({ write }) => {
      await write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
      return "close" as const;
    },
  });
  assertEquals(cut.code, 1);
  const said =
    `mdproxy4cs: error: no answer from 127.0.0.1:${cut.port}: The server closed the connection within its answer`;
  assertEquals(at.said, [said]);
  const listen = { hostname: "::1", port: 1 };
  assertEquals(await runGet("x", { listen, limits: LIMITS, writeBytes: () => true }, at.environment), 1);
  assertMatch(at.said[1]!, /no answer from \[::1\]:1: /);
});

controlTest("runGet ends with 0 as soon as nobody reads what it prints, and lets the service know", async (at) => {
  const { promise: hasGone, resolve: go } = Promise.withResolvers<void>();
  await using server = startScriptedServer(async ({ write }) => {
    await write("HTTP/1.1 200 X\r\nConnection: close\r\n\r\n");
    try {
      for (;;) await write("x".repeat(65_536));
    } catch {
      go();
    }
    return "close" as const;
  });
  const listen = { hostname: "127.0.0.1", port: server.port };
  let times = 0;
  const writeBytes = () => ++times < 2;
  assertEquals(await runGet("x", { listen, limits: LIMITS, writeBytes }, at.environment), 0);
  await hasGone;
  assertEquals([times, at.said], [2, []]);
});
