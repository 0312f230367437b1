/**
 * The client against a server that does what a test tells it to, or over connections that bring what the test lets arrive.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { createClient } from "../../lib/http1/client.ts";
import type { Client, ClientLimits } from "../../lib/http1/client.ts";
import type { Connect } from "../../lib/http1/dial.ts";
import { UpstreamError } from "../../lib/http1/error.ts";
import type { RequestHead } from "../../lib/http1/message.ts";
import { countDeadlines } from "../support/fakes/count_deadlines.ts";
import { createVirtualClock } from "../support/fakes/virtual_clock.ts";
import { fromLatin1 } from "../support/latin1.ts";
import { readAll } from "../support/fakes/upstream_fakes.ts";
import { startScriptedServer } from "../support/servers/scripted_server.ts";
import type { Script, ScriptedServer } from "../support/servers/scripted_server.ts";

/** What a client takes unless a test says otherwise. */
export const LIMITS: ClientLimits = {
  connectTimeoutMs: 5_000,
  responseTimeoutMs: 5_000,
  idleTimeoutMs: 5_000,
  maxHeaderBytes: 4_096,
};
export const SHORT_MS = 50;

/** A signal that never aborts. */
export const NEVER = new AbortController().signal;
export const ADDRESS = "10.1.1.1";

/** Sends every connection to the scripted server, wherever it was meant to go. */
export const connectTo = ({ port }: { readonly port: number }): Connect => ({ signal }) =>
  Deno.connect({ hostname: "127.0.0.1", port, signal });

/** Runs the test with a client whose every connection leads to a server that answers as the script says. */
export async function withClient(
  script: Script,
  run: (client: Client, server: ScriptedServer) => Promise<void>,
  limits: Partial<ClientLimits> = {},
): Promise<void> {
  await using server = startScriptedServer(script);
  const client = createClient({ ...LIMITS, ...limits }, connectTo(server));
  try {
    await run(client, server);
  } finally {
    client.close();
  }
}

/** A request without fields. */
export const get = (target: string): RequestHead => ({ method: "GET", target, headers: [] });

/** Sends a request, and tells also whether its answer came over a connection that was kept. */
export async function send(
  client: Client,
  head: RequestHead,
  { address = ADDRESS, fresh = false }: { readonly address?: string; readonly fresh?: boolean } = {},
) {
  let reused = false;
  const response = await client.request(address, head, {
    signal: NEVER,
    fresh,
    onSent: (connection) => reused = connection.reused,
  });
  return { ...response, reused };
}

/** Sends a request and reads its answer. */
export async function ask(client: Client, target = "/"): Promise<{ status: number; text: string; reused: boolean }> {
  const { status, body, reused } = await send(client, get(target));
  return { status, text: await readAll(body), reused };
}

/** Asserts that what is run fails with an error of this kind. */
export async function assertFails(kind: UpstreamError["kind"], run: () => Promise<unknown>): Promise<void> {
  assertEquals((await assertRejects(run, UpstreamError)).kind, kind);
}

/** A connection that reads what the test lets arrive, in its order. */
export function createFakeConnection() {
  const arrived: ((buffer: Uint8Array) => number)[] = [];
  const waiting: (() => void)[] = [];
  const read = async (buffer: Uint8Array) => {
    if (arrived.length === 0) await new Promise<void>((resolve) => waiting.push(resolve));
    return arrived.shift()!(buffer);
  };
  const state = { closed: false };
  const conn = {
    read,
    write: (bytes: Uint8Array) => Promise.resolve(bytes.length),
    close: () => void (state.closed = true),
  };
  return {
    conn: conn as unknown as Deno.Conn,
    state,
    arrive(read: (buffer: Uint8Array) => number) {
      arrived.push(read);
      waiting.shift()?.();
    },
  };
}

/** Fills a buffer with text. */
export const bytesOf = (text: string) => (buffer: Uint8Array) => {
  buffer.set(fromLatin1(text));
  return text.length;
};

/** A client on a clock that stands still, over connections that bring what a test lets arrive. */
export function createTimedClient() {
  const clock = createVirtualClock();
  const connections: ReturnType<typeof createFakeConnection>[] = [];
  const deadlines = countDeadlines(clock.deadlines);
  const client = createClient(LIMITS, () => {
    const connection = createFakeConnection();
    connections.push(connection);
    return Promise.resolve(connection.conn);
  }, deadlines);
  return { client, clock, connections, pending: () => deadlines.left };
}
