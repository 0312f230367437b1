/**
 * The password server of a CloudStack virtual router (`passwd_server_ip.py`): HTTP/1.0 on port 8080, an answer without a
 * length, by the address that asks. `send_my_password` gets the password until it was saved, `saved_password` has it
 * forgotten; anything else is a `bad_request`.
 *
 * Run as a process it prints a line for each request: `10.1.1.50 send_my_password s3cret`.
 *
 * @module
 */

import type { Host } from "../net/network.ts";
import type { Process } from "../net/process.ts";
import { startScript } from "../net/script.ts";

/** Starts one inside a host. */
export async function startPasswordServer(
  host: Host,
  passwords: Readonly<Record<string, string>>,
  { behaviour = "answer" }: { readonly behaviour?: "answer" | "hang" | "cut" } = {},
): Promise<Process> {
  const process = startScript(host, "servers/password_server.ts", [JSON.stringify({ passwords, behaviour })]);
  await process.waitForLine(/^password server ready$/);
  return process;
}

interface Options {
  readonly passwords: Record<string, string>;
  readonly behaviour: "answer" | "hang" | "cut";
}

async function answer(connection: Deno.TcpConn, { passwords, behaviour }: Options): Promise<void> {
  const bytes = new Uint8Array(8_192);
  let head = "";
  while (!head.includes("\r\n\r\n")) {
    const count = await connection.read(bytes);
    if (count === null) break;
    head += new TextDecoder().decode(bytes.subarray(0, count));
  }
  const { hostname } = connection.remoteAddr as Deno.NetAddr;
  const asks = /^DomU_Request:[ \t]*(\S*)/im.exec(head)?.[1] ?? "";
  const says = asks === "send_my_password"
    ? passwords[hostname] ?? "saved_password"
    : asks === "saved_password"
    ? "saved_password"
    : "bad_request";
  if (asks === "saved_password") delete passwords[hostname];
  console.log(`${hostname} ${asks} ${behaviour === "answer" ? says : behaviour}`);
  if (behaviour === "hang") return;
  if (behaviour === "answer") {
    const text = `HTTP/1.0 200 OK\r\nServer: SimpleHTTP\r\nContent-type: text/plain\r\n\r\n${says}`;
    await connection.write(new TextEncoder().encode(text));
  }
  connection.close();
}

if (import.meta.main) {
  const options: Options = JSON.parse(Deno.args[0]!);
  const listener = Deno.listen({ hostname: "0.0.0.0", port: 8080 });
  console.log("password server ready");
  for await (const connection of listener) answer(connection, options).catch((error) => console.log(String(error)));
}
