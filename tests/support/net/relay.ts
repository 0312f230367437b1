/**
 * Carries connections into a host of a test network, so that a test can speak to a server there byte by byte. Unix
 * sockets know no network namespaces: the relay listens on one of those and dials inside.
 *
 * @module
 */

import type { Host, Network } from "./network.ts";
import { startScript } from "./script.ts";

/** Dials an address from inside the host. The connection that the other end refuses is closed at once. */
export type Dial = (address: string, port: number) => Promise<Deno.UnixConn>;

/** Starts a relay in the host. */
export async function startRelay(network: Network, host: Host): Promise<Dial> {
  const path = `${network.folder}/${host.name}.relay`;
  const process = startScript(host, "net/relay.ts", [path]);
  await process.waitForLine(/^relaying$/);
  return async (address, port) => {
    const connection = await Deno.connect({ transport: "unix", path });
    await writeAll(connection, new TextEncoder().encode(`${address} ${port}\n`));
    return connection;
  };
}

/** Writes all of the bytes. */
export async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

async function relay(client: Deno.UnixConn): Promise<void> {
  using near = client;
  let target = "";
  const byte = new Uint8Array(1);
  while (!target.endsWith("\n") && await near.read(byte) === 1) target += String.fromCharCode(byte[0]!);
  const [hostname = "", port] = target.split(" ");
  using far = await Deno.connect({ hostname, port: Number(port) });
  await Promise.all([carry(near, far), carry(far, near)]);
}

/** Copies until the end, and passes on that there is one; if either side breaks, both do. */
async function carry(from: Deno.UnixConn | Deno.TcpConn, to: Deno.UnixConn | Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
    await writeAll(to, buffer.subarray(0, count));
  }
  await to.closeWrite();
}

if (import.meta.main) {
  const listener = Deno.listen({ transport: "unix", path: Deno.args[0]! });
  console.log("relaying");
  for await (const client of listener) relay(client).catch(() => {});
}
