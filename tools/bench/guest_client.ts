/**
 * Polls from inside the guest, every millisecond: `first URL` until a program that is about to start is of use, `recover URL` until
 * a router that moved is served again. Says "ready", then a line of JSON. It imports nothing, so that it starts fast.
 *
 * @module
 */

/** When a connection was first accepted, and when the first byte of a body came, in milliseconds since 1970. */
export interface First {
  readonly acceptedAt: number;
  readonly answeredAt: number;
}

const POLL_MS = 1;

/** Asks until the answer is 200. A query that is new each time has nobody answer from what was kept. */
async function poll({ hostname, port, pathname, host }: URL, query: () => string): Promise<First> {
  for (let acceptedAt: number | undefined;; await new Promise((resolve) => setTimeout(resolve, POLL_MS))) {
    try {
      using connection = await Deno.connect({ hostname, port: Number(port || 80) });
      acceptedAt ??= now();
      const request = `GET ${pathname}${query()} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
      await connection.write(new TextEncoder().encode(request));
      const answeredAt = await firstByteOf200(connection);
      if (answeredAt !== undefined) return { acceptedAt, answeredAt };
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionRefused || error instanceof Deno.errors.ConnectionReset)) {
        throw error;
      }
    }
  }
}

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

function now(): number {
  return performance.timeOrigin + performance.now();
}

const [what, url] = Deno.args;
let count = 0;
console.log("ready");
console.log(JSON.stringify(await poll(new URL(url!), () => what === "recover" ? `?${now()}-${count++}` : "")));
