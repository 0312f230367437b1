/**
 * A web server that writes down, as lines of JSON, every byte that reaches port 80, and answers each head with 200.
 *
 * @module
 */

import { latin1 } from "../support/latin1.ts";
import { writeAll } from "../support/net/relay.ts";

const ANSWER = new TextEncoder().encode("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nrecorded");

async function record(connection: Deno.Conn): Promise<void> {
  using _connection = connection;
  const buffer = new Uint8Array(65_536);
  let heard = "";
  for (let count = await connection.read(buffer); count !== null; count = await connection.read(buffer)) {
    heard += latin1(buffer.subarray(0, count));
    for (let end = heard.indexOf("\r\n\r\n"); end >= 0; end = heard.indexOf("\r\n\r\n")) {
      console.log(JSON.stringify({ head: heard.slice(0, end + 4) }));
      heard = heard.slice(end + 4);
      await writeAll(connection, ANSWER);
    }
  }
  // What is left is no head: a body, or half a request.
  if (heard !== "") console.log(JSON.stringify({ rest: heard }));
}

const listener = Deno.listen({ hostname: "0.0.0.0", port: 80 });
console.log("recording");
for await (const connection of listener) record(connection).catch(() => {});
