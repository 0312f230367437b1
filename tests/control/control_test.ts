import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { runGet } from "../../lib/control/command/run_get.ts";
import { runStatus } from "../../lib/control/command/run_status.ts";
import { runWait } from "../../lib/control/command/run_wait.ts";
import { askService, ControlError } from "../../lib/control/control_client.ts";
import { serveControl } from "../../lib/control/control_server.ts";
import { formatStatus } from "../../lib/control/format_status.ts";
import type { StatusDocument } from "../../lib/control/status.ts";
import { createLog } from "../../lib/telemetry/log.ts";
import { createVirtualClock } from "../support/fakes/virtual_clock.ts";
import { startScriptedServer } from "../support/servers/scripted_server.ts";
import type { Script } from "../support/servers/scripted_server.ts";
import { test } from "../support/test.ts";

const ROUTER = {
  kind: "router",
  address: "10.1.1.1",
  source: "dhcp",
  interface: "eth0",
  identity: "i-2-10-VM",
  since: "2026-11-25T04:00:00.000Z",
  searchMs: 12,
  confirmedAt: null,
} as const;

function documentOf(state: StatusDocument["state"], metadata = "169.254.169.254:39724"): StatusDocument {
  return {
    version: 1,
    program: {
      name: "mdproxy4cs",
      version: "2.1.0",
      commit: "c",
      deno: "2.9.6",
      target: "t",
      pid: 1,
      startedAt: "2026-11-25T04:00:00.000Z",
    },
    state,
    router: state === "searching" ? null : ROUTER,
    lastFailedSearch: null,
    lastProblems: [],
    requests: { inFlight: 0, answered: {}, upstreamErrors: {} },
    cache: {},
    listeners: { metadata, admin: null, control: null },
  };
}

interface Case {
  readonly socketPath: string;
  readonly out: string[];
  readonly said: string[];
  readonly logged: string[];
  readonly environment: { socketPath: string; write: (text: string) => void; say: (line: string) => void };
  /** Starts a service that is as the test says. */
  start(status: StatusDocument): { set(status: StatusDocument): void; close(): Promise<void> };
}

function controlTest(name: string, run: (at: Case) => Promise<void>): void {
  test(name, async () => {
    const folder = await Deno.makeTempDir();
    const socketPath = `${folder}/control.sock`;
    const [out, said, logged]: string[][] = [[], [], []];
    const log = createLog((line) => void logged!.push(line), { level: "debug", format: "text" });
    const closers: (() => Promise<void>)[] = [];
    try {
      await run({
        socketPath,
        out: out!,
        said: said!,
        logged: logged!,
        environment: { socketPath, write: (text) => void out!.push(text), say: (line) => void said!.push(line) },
        start(status) {
          let current = status;
          const server = serveControl(socketPath, { describe: () => current, log });
          closers.push(server.close);
          return {
            set(next) {
              current = next;
              server.changed();
            },
            close: server.close,
          };
        },
      });
    } finally {
      for (const close of closers) await close().catch(() => {});
      await Deno.remove(folder, { recursive: true });
    }
  });
}

const forever = () => new AbortController().signal;

controlTest(
  "serveControl gives the document once to `status`, in a file that only user and group may use",
  async (at) => {
    const service = at.start(documentOf("ready"));
    assertEquals((await Deno.stat(at.socketPath)).mode! & 0o777, 0o660);
    const got = await Array.fromAsync(askService(at.socketPath, "status", forever()));
    assertEquals(got, [documentOf("ready")]);
    await service.close();
  },
);

controlTest("serveControl tells `watch` of every change, and of the end", async (at) => {
  const service = at.start(documentOf("searching"));
  const states: string[] = [];
  for await (const { state } of askService(at.socketPath, "watch", forever())) {
    states.push(state);
    if (states.length === 1) service.set(documentOf("ready"));
    if (states.length === 2) service.set(documentOf("suspect"));
    if (states.length === 3) await service.close();
  }
  assertEquals(states, ["searching", "ready", "suspect"]);
});

controlTest("serveControl takes the place of a socket that a killed service left", async (at) => {
  const left = Deno.listen({ transport: "unix", path: at.socketPath });
  left.close();
  at.start(documentOf("ready"));
  assertEquals((await Array.fromAsync(askService(at.socketPath, "status", forever()))).length, 1);
  assertEquals(at.logged, []);
});

controlTest("serveControl does without where it cannot listen, and says so", async (at) => {
  await Deno.mkdir(at.socketPath);
  await Deno.writeTextFile(`${at.socketPath}/x`, "");
  const service = at.start(documentOf("ready"));
  assertMatch(at.logged.join("\n"), /cannot listen for commands/);
  service.set(documentOf("ready"));
  await service.close();
});

for (const question of ["nonsense\n", "status", "x".repeat(100), "status\0\n"]) {
  controlTest(`serveControl answers nothing to ${JSON.stringify(question.slice(0, 12))}`, async (at) => {
    at.start(documentOf("ready"));
    const connection = await Deno.connect({ transport: "unix", path: at.socketPath });
    await connection.write(new TextEncoder().encode(question));
    await connection.closeWrite();
    // The kernel says so with a reset where it was not read to its end.
    assertEquals(await connection.read(new Uint8Array(8)).catch(() => null), null);
    connection.close();
  });
}

controlTest("serveControl lets go of a client that says nothing, and turns away the seventeenth", async (at) => {
  const clock = createVirtualClock();
  const log = createLog(() => {}, { level: "debug", format: "text" });
  const server = serveControl(at.socketPath, { describe: () => documentOf("ready"), log, clock });
  const connect = () => Deno.connect({ transport: "unix", path: at.socketPath });
  const silent = [];
  for (let i = 0; i < 16; i++) silent.push(await connect());
  const turnedAway = await connect();
  assertEquals(await turnedAway.read(new Uint8Array(1)), null);
  turnedAway.close();
  await clock.run(4_999);
  const ends = silent.map((connection) => connection.read(new Uint8Array(1)));
  await clock.run(1);
  assertEquals(await Promise.all(ends), Array(16).fill(null));
  silent.forEach((connection) => connection.close());
  assertEquals((await Array.fromAsync(askService(at.socketPath, "status", forever()))).length, 1);
  await server.close();
});

controlTest("serveControl forgets a watcher that went away", async (at) => {
  const service = at.start(documentOf("searching"));
  for (let i = 0; i < 40; i++) {
    for await (const _ of askService(at.socketPath, "watch", forever())) break;
  }
  service.set(documentOf("ready"));
  assertEquals((await Array.fromAsync(askService(at.socketPath, "status", forever()))).length, 1);
});

controlTest("askService ends when its signal aborts, and asks nobody when it has", async (at) => {
  at.start(documentOf("searching"));
  const over = new AbortController();
  let count = 0;
  for await (const _ of askService(at.socketPath, "watch", over.signal)) if (++count === 1) over.abort();
  assertEquals(count, 1);
  assertEquals(await Array.fromAsync(askService(at.socketPath, "watch", AbortSignal.abort())), []);
});

controlTest("askService names a service that does not run, and one that is another program", async (at) => {
  const ask = () => Array.fromAsync(askService(at.socketPath, "status", forever()));
  const none = await assertRejects(ask, ControlError);
  assertEquals([none.kind, none.message], [
    "no_service",
    `No service answers at ${at.socketPath}: is mdproxy4cs running?`,
  ]);
  const stranger = Deno.listen({ transport: "unix", path: at.socketPath });
  const talking = stranger.accept().then(async (connection) => {
    await connection.write(new TextEncoder().encode("hello\n"));
    connection.close();
  });
  assertEquals((await assertRejects(ask, ControlError)).kind, "broken");
  await talking;
  stranger.close();
});

for (const [state, code] of [["ready", 0], ["suspect", 1], ["searching", 1]] as const) {
  controlTest(`runStatus of a service that is ${state} exits with ${code}`, async (at) => {
    at.start(documentOf(state));
    assertEquals(await runStatus({ json: false }, at.environment), code);
    assertEquals([at.out, at.said], [[formatStatus(documentOf(state))], []]);
    assertEquals(await runStatus({ json: true }, at.environment), code);
    assertEquals(JSON.parse(at.out[1]!), documentOf(state));
  });
}

controlTest("runStatus without a service exits with 3 and a sentence", async (at) => {
  assertEquals(await runStatus({ json: false }, at.environment), 3);
  assertEquals([at.out.length, at.said.length], [0, 1]);
  assertMatch(at.said[0]!, /^mdproxy4cs: No service answers at .*: is mdproxy4cs running\?$/);
});

controlTest("runStatus of a service that goes away or is another program says so", async (at) => {
  const stranger = Deno.listen({ transport: "unix", path: at.socketPath });
  for (const [says, code] of [["", 3], ["hello\n", 4]] as const) {
    const talking = stranger.accept().then(async (connection) => {
      await connection.write(new TextEncoder().encode(says));
      connection.close();
    });
    assertEquals([says, await runStatus({ json: true }, at.environment)], [says, code]);
    await talking;
  }
  stranger.close();
  assertEquals(at.out, []);
});

controlTest("runWait ends with 0 as soon as the service is ready, and shows what it waited for", async (at) => {
  const service = at.start(documentOf("searching"));
  const environment = {
    ...at.environment,
    say(line: string) {
      at.said.push(line);
      service.set(documentOf(at.said.length === 1 ? "suspect" : "ready"));
    },
  };
  assertEquals(await runWait({ timeoutMs: 60_000, isShown: true }, environment), 0);
  assertEquals(at.said, [
    "waiting: not ready: searching for the virtual router",
    "waiting: not ready: 10.1.1.1, found by dhcp does not answer as it should, searching",
  ]);
});

controlTest("runWait waits for a service to start, silently where nobody looks", async (at) => {
  const clock = createVirtualClock();
  const code = runWait({ timeoutMs: undefined, isShown: false, clock }, at.environment);
  await clock.run(0);
  at.start(documentOf("ready"));
  let done = false;
  code.then(() => done = true);
  while (!done) {
    await clock.run(500);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assertEquals([await code, at.said], [0, []]);
});

controlTest(
  "runWait says once that no service runs, and gives up at its timeout with the cause in a line",
  async (at) => {
    const clock = createVirtualClock();
    const startedAt = clock.now();
    let code: number | undefined;
    runWait({ timeoutMs: 5_000, isShown: true, clock }, at.environment).then((it) => code = it);
    while (code === undefined) {
      await clock.run(100);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assert(clock.now() - startedAt >= 5_000);
    assertEquals(code, 1);
    assertEquals(at.said.map((line) => line.replace(at.socketPath, "PATH")), [
      "waiting: No service answers at PATH: is mdproxy4cs running?",
      "mdproxy4cs: error: no metadata within 5 s: No service answers at PATH: is mdproxy4cs running?",
    ]);
  },
);

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
  const writeBytes = (bytes: Uint8Array) => void pieces.push(bytes.slice());
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

for (const [status, code] of [[200, 0], [204, 0], [299, 0], [302, 3], [404, 4], [503, 5]] as const) {
  controlTest(`runGet exits with ${code} for a status of ${status}`, async (at) => {
    const got = await get(at, "x", { script: answer(status, status === 204 ? "" : "body") });
    assertEquals([got.code, got.body], [code, status < 204 || status === 299 ? "body" : ""]);
    assertEquals(at.said, code === 0 ? [] : [`mdproxy4cs: error: /latest/x has status ${status}`]);
  });
}

controlTest("runGet fetches a token where one is asked for, and shows it", async (at) => {
  const script: Script = (heard) => {
    if (heard.head.startsWith("PUT")) return answer(200, "tok")(heard);
    return (heard.head.includes("X-aws-ec2-metadata-token: tok\r\n") ? answer(200, "secret") : answer(401, ""))(heard);
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
  assertMatch(at.said[0]!, /is none$/);
});

controlTest("runGet exits with 1 where nobody answers, or not to the end", async (at) => {
  const cut = await get(at, "x", {
    script: async ({ write }) => {
      await write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
      return "close" as const;
    },
  });
  assertEquals(cut.code, 1);
  assertMatch(at.said[0]!, /^mdproxy4cs: error: no answer from 127\.0\.0\.1:\d+: /);
  const listen = { hostname: "::1", port: 1 };
  assertEquals(await runGet("x", { listen, limits: LIMITS, writeBytes() {} }, at.environment), 1);
  assertMatch(at.said[1]!, /no answer from \[::1\]:1: /);
});
