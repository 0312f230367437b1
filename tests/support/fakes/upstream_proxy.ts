/**
 * The proxy in the test's own process, on loopback, in front of scripted servers.
 *
 * @module
 */

import type { ProxyConfig } from "../../../lib/config/config.ts";
import { createClient } from "../../../lib/http1/client.ts";
import type { Connect } from "../../../lib/http1/dial.ts";
import { serveProxy } from "../../../lib/proxy/serve_proxy.ts";
import { createLog } from "../../../lib/telemetry/log.ts";
import { createRegistry } from "../../../lib/telemetry/metrics.ts";
import { proxyConfig } from "./config.ts";
import { createExchange } from "../net/http.ts";
import type { Exchange, RawResponse } from "../net/http.ts";
import { startScriptedServer } from "../servers/scripted_server.ts";
import type { Script, ScriptedServer } from "../servers/scripted_server.ts";
import { createFakeUpstream } from "./upstream_fakes.ts";
import type { FakeUpstream } from "./upstream_fakes.ts";

/** A request to be written as it is. */
export interface RawRequest {
  readonly target: string;
  readonly method?: string;
  readonly version?: string;
  /** Instead of `Host` with the proxy's address and nothing else. */
  readonly headers?: readonly string[];
}

/** A proxy that runs. */
export interface RunningProxy extends AsyncDisposable {
  readonly host: string;
  readonly router: ScriptedServer;
  readonly upstream: FakeUpstream;
  /** What it logged, at every level. */
  readonly lines: readonly string[];
  /** Resolves when a line has been logged that matches. */
  untilLogged(pattern: RegExp): Promise<void>;
  metrics(): string;
  isAccepting(): Promise<boolean>;
  /** Opens a connection to it. */
  open(): Promise<Exchange & Disposable & { readonly connection: Deno.Conn }>;
  /** Makes one request on a connection of its own. */
  ask(request: string | RawRequest): Promise<RawResponse>;
}

/** What is different from the usual. */
export interface ProxyOptions {
  readonly config?: Partial<ProxyConfig>;
  /** Other routers, by address. */
  readonly others?: Readonly<Record<string, ScriptedServer>>;
  readonly connect?: Connect;
  /** Whether the server behind the gate has a folder for its socket. */
  readonly hasFolder?: boolean;
  /** As of `createFakeUpstream`. */
  readonly onReport?: "same" | "search";
}

/** The address of the router that is known from the start. */
export const ROUTER = "10.1.1.1";

/** Starts a scripted router and a proxy in front of it. */
export async function startProxy(script: Script, options: ProxyOptions = {}): Promise<RunningProxy> {
  const config = proxyConfig(options.config);
  const router = startScriptedServer(script);
  const servers: Readonly<Record<string, ScriptedServer>> = { [ROUTER]: router, ...options.others };
  const connect: Connect = options.connect ??
    (({ hostname, signal }) => Deno.connect({ hostname: "127.0.0.1", port: servers[hostname]!.port, signal }));

  const lines: string[] = [];
  let watchers: (() => void)[] = [];
  const log = createLog((line) => {
    lines.push(line);
    const woken = watchers;
    watchers = [];
    for (const wake of woken) wake();
  }, { level: "debug", format: "text" });
  const metrics = createRegistry();
  const upstream = createFakeUpstream(ROUTER, { onReport: options.onReport ?? "same" });
  const client = createClient(config, connect);
  const folder = await Deno.makeTempDir({ prefix: "mdproxy4cs-test-" });
  const innerSocket = options.hasFolder === false ? undefined : `${folder}/inner.sock`;
  const { address, shutdown, isAccepting } = await serveProxy(config, {
    ...{ upstream, client, log, metrics, ownAddresses: () => [], innerSocket },
    signal: new AbortController().signal,
  });
  const host = `127.0.0.1:${address.port}`;

  const open = async () => {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: address.port });
    let closed = false;
    return Object.assign(createExchange(connection), {
      connection,
      [Symbol.dispose]() {
        if (!closed) connection.close();
        closed = true;
      },
    });
  };

  return {
    host,
    router,
    upstream,
    lines,
    async untilLogged(pattern) {
      while (!lines.some((line) => pattern.test(line))) await new Promise<void>((resolve) => watchers.push(resolve));
    },
    metrics: () => metrics.render(),
    isAccepting,
    open,
    async ask(request) {
      const raw = typeof request === "string" ? { target: request } : request;
      using exchange = await open();
      await exchange.send(format(raw, host));
      return await exchange.receive(raw.method);
    },
    async [Symbol.asyncDispose]() {
      await shutdown(0);
      client.close();
      await Deno.remove(folder, { recursive: true });
      await router[Symbol.asyncDispose]();
    },
  };
}

/** Writes a request down. */
export function format(
  { target, method = "GET", version = "1.1", headers }: RawRequest,
  host: string,
): string {
  const fields = (headers ?? [`Host: ${host}`]).map((field) => `${field}\r\n`);
  return `${method} ${target} HTTP/${version}\r\n${fields.join("")}\r\n`;
}

/** The value of a header. */
export function header({ headers }: RawResponse, name: string): string | undefined {
  return headers.find(([key]) => key === name)?.[1];
}
