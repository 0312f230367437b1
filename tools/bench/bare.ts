/**
 * The least that this runtime can do: a server that answers every request with the same text. Told of a router, the
 * least for an answer that is not kept: a gate that relays bytes, `Deno.serve` behind it on a Unix socket, and one write
 * and one read on a kept connection to the router. It looks at nothing, and takes for an answer what comes in one piece.
 *
 * @module
 */

const [hostname = "127.0.0.1", port = "0", router] = Deno.args;
const path = "/run/mdproxy4cs/inner.sock";
const encode = (text: string) => new TextEncoder().encode(text);

if (router === undefined) {
  const body = encode("x".repeat(1_000));
  Deno.serve({ hostname, port: Number(port), onListen() {} }, () => new Response(body));
} else {
  Deno.mkdirSync("/run/mdproxy4cs", { recursive: true });
  const request = encode(`GET /latest/user-data HTTP/1.1\r\nHost: ${router}\r\n\r\n`);
  const askRouter = createClient(() => Deno.connect({ hostname: router, port: 80 }));
  Deno.serve({ path, transport: "unix", onListen() {} }, async () => {
    const answer = await askRouter(request, new Uint8Array(16_384));
    return new Response(answer.subarray(new TextDecoder("latin1").decode(answer).indexOf("\r\n\r\n") + 4));
  });
  const askInner = createClient(() => Deno.connect({ path, transport: "unix" }));
  for await (const client of Deno.listen({ hostname, port: Number(port) })) {
    client.setNoDelay(true);
    relay(client, askInner).catch(() => {}).finally(() => client.close());
  }
}

async function relay(client: Deno.Conn, ask: ReturnType<typeof createClient>): Promise<void> {
  const [request, answer] = [new Uint8Array(2_048), new Uint8Array(16_384)];
  for (let count = await client.read(request); count !== null; count = await client.read(request)) {
    await client.write(await ask(request.slice(0, count), answer));
  }
}

/** Creates a client that keeps its connections, and has room for an answer, of which it returns what there is. */
function createClient(connect: () => Promise<Deno.Conn>) {
  const kept: Deno.Conn[] = [];
  return async (request: Uint8Array, room: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> => {
    for (;;) {
      const conn = kept.pop() ?? await connect();
      conn.write(request).catch(() => {});
      const count = await conn.read(room).catch(() => null);
      if (count === null) conn.close(); // as at the other end behind its last answer: another one is asked
      else return kept.push(conn), room.subarray(0, count);
    }
  };
}
