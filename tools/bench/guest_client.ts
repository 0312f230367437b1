/**
 * What the benchmark asks for from inside the guest where a load generator will not do. Run as a program of its own:
 *
 * ```
 *   guest_client.ts first URL            says "ready", then polls until something answers; prints when it did
 *   guest_client.ts requests URL COUNT   one request after the other over one connection
 *   guest_client.ts bodies URL COUNT     bodies side by side, counted and dropped
 *   guest_client.ts recover URL          polls until it answers again; prints how long that took
 * ```
 *
 * Answers are one line of JSON. It imports nothing, so that it starts fast.
 *
 * @module
 */

/** When a program that was just started was first of use, in milliseconds since 1970. */
export interface First {
  /** A connection was accepted. */
  readonly acceptedAt: number;
  /** The first byte of a body arrived. */
  readonly answeredAt: number;
}

/** What came of requests. */
export interface Received {
  readonly ok: number;
  readonly bytes: number;
}

const POLL_MS = 1;
const RECOVERY_LIMIT_MS = 30_000;

async function first(url: URL): Promise<First> {
  const { hostname, port, pathname, host } = url;
  const request = new TextEncoder().encode(`GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  for (let acceptedAt: number | undefined;; await delay(POLL_MS)) {
    try {
      using connection = await Deno.connect({ hostname, port: Number(port || 80) });
      acceptedAt ??= now();
      await connection.write(request);
      const answeredAt = await firstByteOf200(connection);
      if (answeredAt !== undefined) return { acceptedAt, answeredAt };
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionRefused || error instanceof Deno.errors.ConnectionReset)) {
        throw error;
      }
    }
  }
}

/** Waits for the first byte behind the head of an answer; `undefined` unless its status is 200. */
async function firstByteOf200(connection: Deno.Conn): Promise<number | undefined> {
  const chunk = new Uint8Array(16_384);
  let text = "";
  for (let size = await connection.read(chunk); size !== null; size = await connection.read(chunk)) {
    const at = now();
    text += new TextDecoder("latin1").decode(chunk.subarray(0, size));
    const end = text.indexOf("\r\n\r\n");
    if (end !== -1 && text.length > end + 4) return text.startsWith("HTTP/1.1 200") ? at : undefined;
  }
  return undefined;
}

async function requests(url: URL, count: number): Promise<Received> {
  const received = { ok: 0, bytes: 0 };
  for (let i = 0; i < count; i++) add(received, await receive(url));
  return received;
}

async function bodies(url: URL, count: number): Promise<Received> {
  const received = { ok: 0, bytes: 0 };
  const all = await Promise.all(Array.from({ length: count }, () => receive(url)));
  for (const one of all) add(received, one);
  return received;
}

function add(sum: { ok: number; bytes: number }, one: Received): void {
  sum.ok += one.ok;
  sum.bytes += one.bytes;
}

async function receive(url: URL, signal?: AbortSignal): Promise<Received> {
  const response = await fetch(url, signal === undefined ? {} : { signal });
  let bytes = 0;
  for await (const chunk of response.body ?? []) bytes += chunk.length;
  return { ok: response.ok ? 1 : 0, bytes };
}

/** Asks with queries that nobody can have kept an answer to. */
async function recover(url: URL): Promise<number | null> {
  const start = performance.now();
  const signal = AbortSignal.timeout(RECOVERY_LIMIT_MS);
  for (let attempt = 0; !signal.aborted; attempt++, await delay(POLL_MS)) {
    const unseen = new URL(`?${start}-${attempt}`, url);
    const { ok } = await receive(unseen, signal).catch(() => ({ ok: 0 }));
    if (ok === 1) return performance.now() - start;
  }
  return null;
}

function now(): number {
  return performance.timeOrigin + performance.now();
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

if (import.meta.main) {
  const [what, ...rest] = Deno.args;
  const url = new URL(rest[0]!);
  const count = Number(rest[1]);
  let answer: unknown;
  switch (what) {
    case "first":
      console.log("ready");
      answer = await first(url);
      break;
    case "requests":
      answer = await requests(url, count);
      break;
    case "bodies":
      answer = await bodies(url, count);
      break;
    case "recover":
      answer = await recover(url);
      break;
    default:
      throw new Error(`There is no "${what}"`);
  }
  console.log(JSON.stringify(answer));
  Deno.exit(); // kept connections would hold it
}
