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
import { startScriptedServer } from "./scripted_server.ts";
import type { Script } from "./scripted_server.ts";

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

function answer({ passwords, behaviour }: Options): Script {
  return async ({ head, remote, write, closed }) => {
    const asks = /^DomU_Request:[ \t]*(\S*)/im.exec(head)?.[1] ?? "";
    const says = asks === "send_my_password"
      ? passwords[remote] ?? "saved_password"
      : asks === "saved_password"
      ? "saved_password"
      : "bad_request";
    if (asks === "saved_password") delete passwords[remote];
    console.log(`${remote} ${asks} ${behaviour === "answer" ? says : behaviour}`);
    if (behaviour === "hang") return await closed;
    if (behaviour === "answer") {
      await write(`HTTP/1.0 200 OK\r\nServer: SimpleHTTP\r\nContent-type: text/plain\r\n\r\n${says}`);
    }
    return "close";
  };
}

if (import.meta.main) {
  startScriptedServer(answer(JSON.parse(Deno.args[0]!)), { hostname: "0.0.0.0", port: 8080 });
  console.log("password server ready");
}
