/**
 * Which files and shapes a request passes, as V8's coverage counts them: what ARCHITECTURE.md says of it is true.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { createConfigDrive, withConfigDrive } from "../lib/config_drive/config_drive.ts";
import { createResolver } from "../lib/discover/resolver.ts";
import { createClient } from "../lib/http1/client.ts";
import { serveProxy } from "../lib/proxy/serve_proxy.ts";
import { createLog, SILENT } from "../lib/telemetry/log.ts";
import { createRegistry } from "../lib/telemetry/metrics.ts";
import { filePath } from "../tools/file_path.ts";
import { createDeadlines, sleepOn, SYSTEM_CLOCK } from "../lib/time/clock.ts";
import type { Clock } from "../lib/time/clock.ts";
import { discoveryConfig, proxyConfig } from "./support/fakes/config.ts";
import { createLan } from "./support/fakes/lan.ts";
import { createVirtualClock } from "./support/fakes/virtual_clock.ts";
import { createExchange } from "./support/net/http.ts";
import { pause } from "./support/pause.ts";
import { ok, startScriptedServer } from "./support/servers/scripted_server.ts";
import { test } from "./support/test.ts";

const ROUTER = "10.1.1.1";
/** More than any answer takes to come to its end. */
const TURNS = 20;

test("ARCHITECTURE.md: as many files have a part in a request as V8 counts", async () => {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(startScriptedServer(({ write }) => write(ok("i-1"))));
  const config = proxyConfig({ cacheTtlMs: 60_000 });
  const connect = ({ signal }: { readonly signal: AbortSignal }) =>
    Deno.connect({ hostname: "127.0.0.1", port: server.port, signal });
  const log = createLog(() => {}, { level: "info", format: "text" });
  // Nobody is looked after or heard out meanwhile, however long it takes: that is no part of a request.
  const never = { schedule: () => ({ cancel() {} }) };
  const clock: Clock = { ...SYSTEM_CLOCK, ...never, sleep: (ms, signal) => sleepOn(never, ms, signal) };
  const drive = createConfigDrive({ folder: undefined, savedPath: undefined, log });
  const client = withConfigDrive(createClient(config, connect, createDeadlines(clock)), drive);
  stack.defer(() => client.close());
  const metrics = createRegistry();
  const resolver = createResolver(discoveryConfig({ sources: ["server"], server: ROUTER, confirmIntervalMs: 0 }), {
    ...{ log: SILENT, metrics, client, clock, host: createLan(createVirtualClock()).createGuest().host },
  });
  resolver.start();
  stack.defer(() => resolver.close());
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const proxy = await serveProxy(config, {
    ...{ upstream: resolver, client, log, metrics, clock, ownAddresses: () => [], innerSocket: `${folder}/inner.sock` },
    signal: new AbortController().signal,
  });
  stack.defer(() => proxy.shutdown(0));
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: proxy.address.port });
  const { send, receive } = createExchange(connection);
  const get = async (target: string) => {
    await send(`GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    assertEquals((await receive()).status, 200);
    // What comes behind an answer belongs to it: that its bytes were written is told in a later turn of the event loop.
    for (let turn = 0; turn < TURNS; turn++) await pause();
  };

  await get("/latest/first");
  const coverage = await startCoverage();
  await get("/latest/second");
  await coverage.take();
  await get("/latest/third");
  const uncached = await coverage.take();
  await get("/latest/third");
  const kept = await coverage.take();
  coverage.stop();
  const told = await readNumbers();
  assertEquals([kept.length, uncached.length], [told.kept, told.uncached], [...kept, "", ...uncached].join("\n"));
});

test("ARCHITECTURE.md: the shapes that a request takes are as many as it says, and types of lib", async () => {
  const [, count, list = ""] = /which takes (\d+) shapes \(([^)]*)\)/.exec(await readArchitecture()) ?? [];
  const shapes = list.split(", ");
  const types = shapes.filter((shape) => !shape.startsWith("the runtime's ")).map((shape) => shape.replaceAll("`", ""));
  const sources = await readSources(
    filePath("../lib/proxy", import.meta.url),
    filePath("../lib/http1", import.meta.url),
  );
  const unknown = types.filter((type) => !new RegExp(`^export (interface|type) ${type}\\b`, "m").test(sources));
  assertEquals([shapes.length, unknown], [Number(count), []]);
});

async function readArchitecture(): Promise<string> {
  return (await Deno.readTextFile(filePath("../ARCHITECTURE.md", import.meta.url))).replace(/\s+/g, " ");
}

async function readSources(...folders: readonly string[]): Promise<string> {
  let text = "";
  for (const folder of folders) {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const path = `${folder}/${name}`;
      text += isDirectory ? await readSources(path) : await Deno.readTextFile(path);
    }
  }
  return text;
}

/** Counts calls from now on. */
async function startCoverage() {
  // The types of Node are not at hand where the network is a mirror of npm.
  const module: string = "node:inspector/promises";
  const session: Session = new (await import(module)).Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false });
  const lib = new URL("../lib/", import.meta.url).href;
  return {
    /** The files of `lib` of which a function ran since it was asked last. */
    async take(): Promise<string[]> {
      const { result } = await session.post("Profiler.takePreciseCoverage");
      const isRun = ({ ranges }: { readonly ranges: readonly { readonly count: number }[] }) => ranges[0]!.count > 0;
      return result.filter(({ url, functions }) => url.startsWith(lib) && functions.some(isRun))
        .map(({ url }) => url.slice(lib.length)).sort();
    },
    stop: () => session.disconnect(),
  };
}

interface Session {
  connect(): void;
  disconnect(): void;
  post(method: string, params?: unknown): Promise<{
    readonly result: readonly {
      readonly url: string;
      readonly functions: readonly { readonly ranges: readonly { readonly count: number }[] }[];
    }[];
  }>;
}

/** How many files ARCHITECTURE.md tells of. */
async function readNumbers(): Promise<{ readonly kept: number; readonly uncached: number }> {
  const text = await readArchitecture();
  const [, kept, uncached] =
    /(\d+) files have a part in a request that is answered from the memo of the gate.*?, and (\d+) in one that is not/
      .exec(text) ?? [];
  return { kept: Number(kept), uncached: Number(uncached) };
}
