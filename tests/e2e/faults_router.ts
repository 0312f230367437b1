/**
 * A router's web server that goes wrong in the way that the request's path names, and answers all others well.
 *
 * @module
 */

import { fromLatin1 } from "../support/latin1.ts";
import { writeAll } from "../support/net/relay.ts";

/** Writes text; a character is a byte. */
type Write = (text: string) => Promise<void>;

/** What is done after the request's head was read. To return is to close; `undefined` keeps the connection. */
const FAULTS: Readonly<Record<string, (write: Write, seen: number) => Promise<void>>> = {
  "/latest/close": () => Promise.resolve(),
  "/latest/hang": () => forever(),
  "/latest/half-a-head": (write) => write("HTTP/1.1 200 OK\r\nContent-Len"),
  "/latest/half-a-head-then-nothing": (write) => write("HTTP/1.1 200 OK\r\nContent-Len").then(forever),
  "/latest/garbage": (write) => write("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 no HTTP at all\r\n\r\n"),
  "/latest/huge-head": (write) => write(`HTTP/1.1 200 OK\r\nX-Huge: ${"x".repeat(1024 * 1024)}\r\n\r\n`),
  "/latest/cut-short": (write) => write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this"),
  "/latest/cut-short-chunk": (write) => write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\nonly this"),
  "/latest/broken-chunk": (write) =>
    write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nonly this\r\n0\r\n\r\n"),
  "/latest/stalled": (write) => write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this").then(forever),
  "/latest/two-lengths": (write) => write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 9\r\n\r\nonly this"),
  "/latest/too-long": (write) =>
    write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine and then some more than was said"),
  "/latest/drip": async (write) => {
    await write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nf");
    for (const byte of "ine") await pause(1_000).then(() => write(byte));
  },
  "/latest/busy-for-a-moment": (write, seen) =>
    write(
      seen <= 2
        ? "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 10\r\n\r\n<h1>no</h1>"
        : "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine",
    ),
  "/latest/always-busy": (write) => write("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 10\r\n\r\n<h1>no</h1>"),
};

const seen = new Map<string, number>();

async function serve(connection: Deno.Conn): Promise<void> {
  using _connection = connection;
  const write: Write = (text) => writeAll(connection, fromLatin1(text));
  const byte = new Uint8Array(1);
  for (;;) {
    let head = "";
    while (!head.endsWith("\r\n\r\n")) {
      if (await connection.read(byte) === null) return;
      head += String.fromCharCode(byte[0]!);
      // To close a connection with something unread in it is to reset it.
      if (head.endsWith(" /latest/reset ")) return;
    }
    const [method, path = ""] = head.split(" ");
    const times = (seen.get(path) ?? 0) + 1;
    seen.set(path, times);
    console.log(`${method} ${path}`);
    const fault = FAULTS[path];
    if (fault !== undefined) return await fault(write, times);
    await write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine");
  }
}

function forever(): Promise<void> {
  return new Promise(() => {});
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const listener = Deno.listen({ hostname: "0.0.0.0", port: 80 });
console.log("serving");
for await (const connection of listener) serve(connection).catch(() => {});
