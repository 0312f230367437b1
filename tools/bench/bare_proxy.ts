/**
 * The least that this runtime can do for an answer that is not kept: a gate that relays bytes, `Deno.serve` behind it on a
 * Unix socket, and one write and one read on a kept connection to the router. It looks at nothing, and takes for an
 * answer what comes in one piece.
 *
 * @module
 */

const [hostname = "127.0.0.1", port = "0", router = "127.0.0.1"] = Deno.args;
const FOLDER = "/run/mdproxy4cs";
const path = `${FOLDER}/inner.sock`;
const REQUEST = new TextEncoder().encode(`GET /latest/user-data HTTP/1.1\r\nHost: ${router}\r\n\r\n`);

Deno.mkdirSync(FOLDER, { recursive: true });
const routers: Deno.Conn[] = [];
Deno.serve({ path, transport: "unix", onListen() {} }, async () => {
  const conn = routers.pop() ?? await Deno.connect({ hostname: router, port: 80 });
  const answer = new Uint8Array(16_384);
  conn.write(REQUEST).catch(() => {});
  const count = await conn.read(answer) ?? 0;
  if (count > 0) routers.push(conn);
  else conn.close();
  return new Response(answer.subarray(endOfHead(answer), count));
});

const inners: Deno.Conn[] = [];
for await (const client of Deno.listen({ hostname, port: Number(port) })) {
  client.setNoDelay(true);
  relay(client).catch(() => {}).finally(() => client.close());
}

async function relay(client: Deno.Conn): Promise<void> {
  const request = new Uint8Array(2_048);
  const answer = new Uint8Array(16_384);
  for (let count = await client.read(request); count !== null; count = await client.read(request)) {
    await client.write(answer.subarray(0, await ask(request.slice(0, count), answer)));
  }
}

/** @returns how many bytes the answer has */
async function ask(request: Uint8Array, answer: Uint8Array): Promise<number> {
  for (;;) {
    const inner = inners.pop() ?? await Deno.connect({ path, transport: "unix" });
    // One that was closed behind its last answer is closed here too, and another one is asked.
    inner.write(request).catch(() => {});
    const length = await inner.read(answer).catch(() => null);
    if (length !== null) {
      inners.push(inner);
      return length;
    }
    inner.close();
  }
}

function endOfHead(bytes: Uint8Array): number {
  for (let lf = bytes.indexOf(10); lf >= 0; lf = bytes.indexOf(10, lf + 1)) {
    if (bytes[lf + 2] === 10) return lf + 3;
  }
  return 0;
}
